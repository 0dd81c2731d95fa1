import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { signRequest, webhooks } from '../src/index.js';

const read = (name) => JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'));
const shared = read('webhooks.json');
const [everyScheme] = shared.deliveries;

test('the shared requests are signed alike', () => {
  const { key, timestamp, vectors } = read('requests.json');
  assert.equal(vectors.length, 5);
  for (const { method, target, body, signed_body, signature } of vectors) {
    const signed = signRequest({ method, target, timestamp, body }, key);
    // An empty body is signed as the documents do; the server takes the other form too.
    assert.equal(signed === signature, (body || 'undefined') === signed_body, target);
  }
});

for (const delivery of shared.deliveries) {
  test(`delivery: ${delivery.about}`, () => {
    const options = { now: delivery.now, allowUntimed: delivery.allow_untimed ?? false };
    const judge = (body, headers) => {
      try {
        return webhooks.verify(body, headers, delivery.secrets, options);
      } catch (refused) {
        assert.ok(refused instanceof webhooks.WebhookRefused, refused);
        return refused;
      }
    };
    for (const body of [delivery.body, Buffer.from(delivery.body)]) {
      for (const headers of [delivery.headers, new Headers(delivery.headers)]) {
        const outcome = judge(body, headers);
        assert.deepEqual(outcome.schemes, delivery.schemes);
        assert.equal(outcome.code, delivery.refused);
        if (delivery.schemes) assert.deepEqual(outcome.event, JSON.parse(delivery.body));
      }
    }
  });
}

test('the body alone is signed as the documents do', () => {
  const [{ key, body, hex }] = shared.body_hmac;
  const verify = (signature) => () => webhooks.verify(body, { 'X-NoPOS-Signature': signature }, key, { allowUntimed: true });
  assert.throws(verify(hex), { code: 'malformed_body' });
  assert.throws(verify(hex.replace('e', 'f')), { code: 'no_match' });
});

test('a header that is there twice is refused', () => {
  const { body, headers, secrets, now } = everyScheme;
  for (const twice of [{ ...headers, 'webhook-id': ['a', 'b'] }, { ...headers, 'Webhook-Id': 'a' }]) {
    assert.throws(() => webhooks.verify(body, twice, secrets, { now }), { code: 'malformed_header' });
  }
});

test('what is no raw body and what is no key is told', () => {
  const { body, headers, now } = everyScheme;
  assert.throws(() => webhooks.verify(JSON.parse(body), headers, 'whsec_x', { now }), TypeError);
  for (const secret of ['', 'whpk_AAAA']) {
    assert.throws(() => webhooks.verify(body, headers, secret, { now }), TypeError);
  }
  assert.throws(() => webhooks.verify(body, headers, [], { now }), { code: 'no_match' });
});

test('without a time given, the clock is read', () => {
  const { body, headers, secrets } = everyScheme;
  assert.throws(() => webhooks.verify(body, headers, secrets), { code: 'too_old' });
});
