// The checker page's logic, out of the page: what it says of the deliveries that all SDKs share, and of damaged ones.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { diagnose } = new Function(`${read('crates/strongroom-http/src/signature_page/check.js')}\nreturn { diagnose };`)();
const shared = JSON.parse(read('sdk/vectors/webhooks.json'));
const NAMES = ['standard', 'ed25519', 'nextapi', 'nopos'];

const [, whole] = shared.deliveries;
const pasted = { body: whole.body, headers: JSON.stringify(whole.headers), secret: whole.secrets[0], now: whole.now };
const reasons = async (changes) => {
  const { schemes, notes } = await diagnose({ ...pasted, ...changes });
  return { said: schemes.map(({ text }) => text.join(' ')), states: schemes.map(({ state }) => state), notes };
};

for (const delivery of shared.deliveries) {
  test(`the page agrees on: ${delivery.about}`, async () => {
    const { schemes, notes } = await diagnose({
      body: delivery.body,
      headers: JSON.stringify(delivery.headers),
      secret: delivery.secrets.join('\n'),
      now: delivery.now,
    });
    const verified = NAMES.filter((_, n) => schemes[n].state === 'yes');
    // The page judges each signature; a receiver also refuses for the time, and what stands beside a bad signature.
    if (delivery.schemes) assert.deepEqual(verified, delivery.schemes);
    if (['too_old', 'too_new', 'malformed_header', 'missing_header'].includes(delivery.refused)) assert.equal(notes.length, 1);
    if (delivery.refused === 'no_match') assert.ok(!verified.includes('standard') && !verified.includes('ed25519'));
  });
}

test('a body that was written anew is named', async () => {
  const { said, states } = await reasons({ body: JSON.stringify(JSON.parse(whole.body), null, 2) });
  assert.deepEqual(states, ['no', 'unknown', 'no', 'no']);
  for (const n of [0, 2, 3]) assert.match(said[n], /parsed and written again/);
  assert.match((await reasons({ body: `${whole.body}\n` })).said[0], /line break at its end/);
});

test('a secret in the wrong form is named', async () => {
  const { said } = await reasons({ secret: `${whole.secrets[0]} ` });
  assert.match(said[2], /blanks around it/);
  const { createHmac } = await import('node:crypto');
  const signed = (key) => createHmac('sha256', key).update(whole.body).digest('hex');
  const bytes = Buffer.from(whole.secrets[0].slice(6), 'base64');
  const headers = (hex) => `X-NoPOS-Signature: ${hex}`;
  assert.match((await reasons({ headers: headers(signed(bytes)) })).said[3], /whole text of the secret/);
  assert.match((await reasons({ headers: headers(signed(whole.secrets[0].slice(6))) })).said[3], /without the prefix/);
  assert.match((await reasons({ headers: headers(signed(whole.secrets[0]).toUpperCase()) })).said[3], /capitals/);
});

test('a time in another unit and a part that is missing are named', async () => {
  const changed = (changes) => ({ headers: JSON.stringify({ ...whole.headers, ...changes }) });
  assert.match((await reasons(changed({ 'webhook-timestamp': `${whole.now}000` }))).notes[0], /milliseconds/);
  assert.match((await reasons(changed({ 'webhook-id': 'evt_other' }))).said[0], /Body and secret are right/);
  assert.match((await reasons({ headers: 'webhook-id: a\nwebhook-id: b' })).notes[0], /there twice/);
  assert.deepEqual((await reasons({ headers: '' })).states, ['absent', 'absent', 'absent', 'absent']);
});
