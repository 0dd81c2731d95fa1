'use strict';
// Who calls: an API key looked up by its hash, and the request's signature over the raw body.

const { createHash, createHmac, timingSafeEqual } = require('node:crypto');

const WINDOW_SECONDS = 300;
const CACHE_MS = 60_000;
const known = new Map();

async function findKey(pool, secret) {
  const hash = createHash('sha256').update(secret).digest();
  const name = hash.toString('base64');
  const cached = known.get(name);
  if (cached && cached.until > Date.now()) return cached.key;
  const { rows } = await pool.query(
    'SELECT id, organization_id, signing_secret FROM api_keys WHERE hash = $1',
    [hash],
  );
  if (rows.length === 0) return null;
  known.set(name, { key: rows[0], until: Date.now() + CACHE_MS });
  return rows[0];
}

function isSigned(req, key) {
  const given = req.get('x-signature') ?? '';
  const timestamp = req.get('x-timestamp') ?? '';
  if (!/^[0-9a-f]{64}$/.test(given) || !/^[0-9]{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > WINDOW_SECONDS) return false;
  const expected = createHmac('sha256', key.signing_secret)
    .update(`${req.method}\n${req.originalUrl}\n${timestamp}\n`)
    .update(req.body)
    .digest();
  return timingSafeEqual(expected, Buffer.from(given, 'hex'));
}

function authenticate(pool) {
  return async (req, res, next) => {
    const [scheme, secret] = (req.get('authorization') ?? '').split(' ');
    const key = scheme === 'Bearer' && secret ? await findKey(pool, secret) : null;
    if (!key) return res.status(401).json({ code: 'unauthenticated' });
    if (!isSigned(req, key)) return res.status(401).json({ code: 'signature_invalid' });
    req.key = key;
    next();
  };
}

module.exports = { authenticate };
