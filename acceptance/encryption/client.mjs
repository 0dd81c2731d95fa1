// Encrypts a test card with npm `jose` to each key that is in force, makes a token of it and reveals it.
// BASE_URL and SECRET_KEY are those of a running `strongroom demo`.
import assert from 'node:assert/strict';
import { CompactEncrypt, calculateJwkThumbprint, importJWK } from 'jose';

const { BASE_URL, SECRET_KEY } = process.env;
const ask = async (path, body) => {
  const response = await fetch(`${BASE_URL}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { Authorization: `Bearer ${SECRET_KEY}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};

const { keys } = await (await fetch(`${BASE_URL}/.well-known/strongroom-encryption-keys`)).json();
const encryptor = async (jwk) => {
  assert.equal(jwk.kid, await calculateJwkThumbprint(jwk));
  assert.equal(jwk.d, undefined);
  const key = await importJWK(jwk);
  return (text, header = {}) => new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: jwk.alg, enc: 'A256GCM', kid: jwk.kid, ...header })
    .encrypt(key);
};
const card = (number, cvv) => ({ card: { number, cvv, exp_month: 12, exp_year: 2099 }, use: 'multi_use' });

for (const jwk of keys) {
  const encrypted = await encryptor(jwk);
  const made = await ask('/v1/tokens', card(await encrypted('4242424242424242'), await encrypted('737')));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.body.card.last4, '4242');
  const shown = await ask(`/v1/tokens/${made.body.id}/reveal`, { reason: 'a test' });
  assert.equal(shown.body.card.number, '4242424242424242');
}

const encrypted = await encryptor(keys[0]);
const other = await encrypted('4242424242424242', { kid: 'other' });
const weaker = await encrypted('4242424242424242', { enc: 'A128GCM' });
for (const [number, code] of [[other, 'encryption_key_unknown'], [weaker, 'encryption_invalid']]) {
  const refused = await ask('/v1/tokens', card(number, '737'));
  assert.deepEqual([refused.status, refused.body.code], [422, code]);
  assert.equal(refused.body.errors[0].pointer, '/card/number');
}
console.log(`jose and the vault understand each other, by ${keys.length} key(s)`);
