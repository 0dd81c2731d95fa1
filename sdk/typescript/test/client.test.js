import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { GapHealer, Refusal, Strongroom, Unreachable, signRequest } from '../src/index.js';

const secrets = { secretKey: 'sk_test_x', signingSecret: 'sign_test' };

/** A server that plays a script and keeps what it was sent. */
async function scripted(t, script) {
  const seen = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    const next = script.shift();
    if (next === 'hang up') return request.socket.destroy();
    const [status, json, headers] = next;
    response.writeHead(status, headers).end(JSON.stringify(json));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const client = new Strongroom({ baseUrl: `http://127.0.0.1:${server.address().port}`, ...secrets, firstWaitMs: 1 });
  return { client, seen };
}

const event = (n) => ({ id: `evt_${n}`, created: 1, type: 'wallet.created', data: {}, livemode: false });
const page = (numbers, has_more) => [200, { data: numbers.map(event), has_more, next_cursor: null }];
const collect = async (events) => {
  const ids = [];
  for await (const { id } of events) ids.push(id);
  return ids;
};

test('a request is signed and identified', async (t) => {
  const { client, seen } = await scripted(t, [[201, { id: 'payout_1' }]]);
  const payout = { amount: 100, currency: 'PHP', recipient: { type: 'wallet', id: 'wallet_1' } };
  assert.deepEqual(await client.post('/v1/payouts?dry_run=true', payout, { idempotencyKey: 'order-7' }), { id: 'payout_1' });
  const [{ method, url, headers, body }] = seen;
  assert.equal(body, JSON.stringify(payout));
  assert.equal(headers.authorization, 'Bearer sk_test_x');
  assert.equal(headers['idempotency-key'], 'order-7');
  const signed = { method, target: url, timestamp: headers['x-timestamp'], body };
  assert.equal(headers['x-signature'], signRequest(signed, secrets.signingSecret));
});

test('what passes is tried again under the same key', async (t) => {
  const script = [
    'hang up',
    [503, { code: 'overloaded' }, { 'Retry-After': '0' }],
    [409, { code: 'idempotency_key_in_use' }],
    [201, {}],
  ];
  const { client, seen } = await scripted(t, script);
  await client.post('/v1/payouts', { amount: 1 });
  assert.equal(seen.length, 4);
  assert.equal(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size, 1);
  await assert.rejects((await scripted(t, Array(4).fill('hang up'))).client.get('/v1/account'), Unreachable);
});

test('a refusal is final and names its fields', async (t) => {
  const problem = { code: 'invalid_request', detail: 'no', request_id: 'req_9', errors: [{ pointer: '/amount', detail: 'is too high' }] };
  const { client, seen } = await scripted(t, [[422, problem]]);
  const refusal = await client.post('/v1/payouts', {}).catch((error) => error);
  assert.ok(refusal instanceof Refusal);
  assert.deepEqual([refusal.status, refusal.code, refusal.requestId], [422, 'invalid_request', 'req_9']);
  assert.match(refusal.message, /`\/amount` is too high/);
  assert.equal(seen.length, 1);
});

test('keys go nowhere else and are not shown', async () => {
  const client = new Strongroom({ baseUrl: 'http://127.0.0.1:1', ...secrets });
  for (const target of ['http://example.com/v1/account', '//example.com/v1/account']) {
    await assert.rejects(client.get(target), TypeError);
  }
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client), /sk_test_x|sign_test/);
});

test('what no webhook brought is read once and in order', async (t) => {
  const script = [page([1, 2], true), page([3, 4], true), page([5, 6], false), page([7], false)];
  const { client, seen } = await scripted(t, script);
  const healer = new GapHealer();
  for (const id of ['evt_2', 'evt_5']) {
    assert.ok(healer.isNew(id) && healer.isNew(id));
    healer.handled(id);
    assert.ok(!healer.isNew(id));
  }
  assert.deepEqual(await collect(healer.heal(client)), ['evt_1', 'evt_3', 'evt_4', 'evt_6']);
  assert.equal(healer.cursor, 'evt_6');
  assert.ok(!healer.isNew('evt_3') && healer.isNew('evt_7'));
  assert.deepEqual(await collect(healer.heal(client)), ['evt_7']);
  assert.deepEqual(seen.map(({ url }) => url.replace('/v1/events?limit=100', '')), ['', '&after=evt_2', '&after=evt_4', '&after=evt_6']);
});

test('an event whose handling failed comes again', async (t) => {
  const { client } = await scripted(t, [page([1, 2, 3], false), page([2, 3], false)]);
  const healer = new GapHealer();
  const handle = async () => {
    for await (const { id } of healer.heal(client)) if (id === 'evt_2') throw new Error('the database is down');
  };
  await assert.rejects(handle(), /database/);
  assert.equal(healer.cursor, 'evt_1');
  assert.deepEqual(await collect(healer.heal(client)), ['evt_2', 'evt_3']);
});
