// The Node SDK against a server that publishes a pin set, and against another for the same name whose key is in none.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PinRefused, Strongroom, Unreachable, pinnedFetch, verifyPins } from '../../sdk/typescript/src/index.js';

const [port, impostor, authority, publicKey, host] = process.argv.slice(2);
const options = {
  ca: readFileSync(authority),
  // The name leads to this machine.
  lookup: (_name, { all }, found) => (all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)),
};

// The document is trusted for its signature alone, so how it was fetched does not matter.
const anything = { sequence: 0, issuedAt: 0, expiresAt: Number.MAX_SAFE_INTEGER, hosts: [], pins: [] };
await assert.rejects(pinnedFetch(anything, options)(`https://${host}:${port}/health`), { code: 'not_pinned' });
const document = await new Promise((resolve, reject) => {
  import('node:https').then(({ get }) => {
    get(`https://${host}:${port}/.well-known/strongroom-pins`, options, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });
});
const set = verifyPins(document, publicKey, { host });

const health = await pinnedFetch(set, options)(`https://${host}:${port}/health`);
assert.equal(health.status, 200);
const client = (at) =>
  new Strongroom({ baseUrl: `https://${host}:${at}`, secretKey: 'sk_test_none', fetch: pinnedFetch(set, options), attempts: 1 });
await assert.rejects(client(port).get('/v1/account'), { status: 401 });

await assert.rejects(pinnedFetch(set, options)(`https://${host}:${impostor}/health`), PinRefused);
await assert.rejects(client(impostor).get('/v1/account'), (cause) => cause instanceof Unreachable && cause.cause instanceof PinRefused);

const forged = { ...JSON.parse(document), payload: Buffer.from(JSON.stringify({ ...set, pins: [] })).toString('base64url') };
assert.throws(() => verifyPins(JSON.stringify(forged), publicKey), { code: 'bad_signature' });
assert.throws(() => verifyPins(document, publicKey, { now: set.expiresAt }), { code: 'expired' });
assert.throws(() => verifyPins(document, publicKey, { now: set.issuedAt - 1000 }), { code: 'not_yet' });
assert.throws(() => verifyPins(document, publicKey, { leastSequence: set.sequence + 1 }), { code: 'rolled_back' });
assert.throws(() => verifyPins(document, publicKey, { host: 'other.example' }), { code: 'other_host' });
assert.throws(() => verifyPins('{}', publicKey), { code: 'malformed' });
console.log('pinned: connected; impostor: refused; forged set: refused');
