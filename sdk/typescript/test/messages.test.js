import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { MessageSigner, Strongroom } from '../src/index.js';

const { vectors } = JSON.parse(readFileSync(new URL('../../vectors/messages.json', import.meta.url), 'utf8'));

test('messages are signed by the vectors that every SDK is tested with', () => {
  for (const vector of vectors) {
    const key = vector.algorithm === 'ed25519' ? { privateKey: vector.key } : { signingSecret: vector.key };
    const signer = new MessageSigner({ keyid: vector.keyid, ...key });
    assert.deepEqual(signer.sign(vector, vector), vector.signed);
  }
  assert.equal(vectors.length, 5);
});

test('the client signs messages in the place of its own headers', async (t) => {
  const server = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const messageSigner = new MessageSigner({ keyid: 'key_1', signingSecret: 'geheim' });
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  const client = new Strongroom({ baseUrl, secretKey: 'sk_test_x', messageSigner });
  const headers = await client.post('/v1/wallets', { type: 'master' });
  assert.equal(headers['x-signature'], undefined);
  assert.match(headers['signature-input'], /^sig=\("@method" "@target-uri" "content-digest" "content-type" "idempotency-key"\);created=\d+;keyid="key_1";nonce="/);
  assert.ok(!inspect(client).includes('geheim') && !inspect(messageSigner).includes('geheim'));
});

test('one way of signing is chosen', () => {
  assert.throws(() => new MessageSigner({ keyid: 'key_1' }), TypeError);
  const messageSigner = new MessageSigner({ keyid: 'key_1', signingSecret: 'x' });
  const both = { baseUrl: 'https://pay.example', secretKey: 'sk', signingSecret: 'x', messageSigner };
  assert.throws(() => new Strongroom(both), TypeError);
});
