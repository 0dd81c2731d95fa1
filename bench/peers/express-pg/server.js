'use strict';
// The peer that the benchmark measures beside the server: Express and PostgreSQL, one process,
// one transaction per payout. Settings come from the environment: PGHOST, PGPORT, PGUSER,
// PGDATABASE, POOL, WALLETS, FUNDS. Prints one JSON line when it listens.

const { createHash, randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const express = require('express');
const { rateLimit } = require('express-rate-limit');
const { Pool } = require('pg');
const { authenticate } = require('./auth');
const { createPayout, newId } = require('./payouts');

const LIMIT_PER_MINUTE = 100_000_000;

async function seed(pool) {
  const organization = newId('org');
  const secret = `sk_test_${randomBytes(24).toString('hex')}`;
  const signingSecret = `sign_${randomBytes(24).toString('hex')}`;
  await pool.query(readFileSync(path.join(__dirname, 'schema.sql'), 'utf8'));
  await pool.query('INSERT INTO organizations (id) VALUES ($1)', [organization]);
  await pool.query(
    'INSERT INTO api_keys (id, organization_id, hash, signing_secret) VALUES ($1, $2, $3, $4)',
    [newId('key'), organization, createHash('sha256').update(secret).digest(), signingSecret],
  );
  const ids = Array.from({ length: Number(process.env.WALLETS ?? 2) }, () => newId('wallet'));
  await pool.query(
    `INSERT INTO wallets (id, organization_id, currency, available)
     SELECT id, $1, 'PHP', $2 FROM unnest($3::text[]) AS id`,
    [organization, process.env.FUNDS ?? '1000000', ids],
  );
  // Only what is filled: the plan of a table that was empty when analysed is a scan, and stays one.
  await pool.query('ANALYZE wallets');
  return { secret_key: secret, signing_secret: signingSecret, wallets: ids };
}

async function main() {
  const pool = new Pool({ max: Number(process.env.POOL ?? 24) });
  const seeded = await seed(pool);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(rateLimit({ windowMs: 60_000, limit: LIMIT_PER_MINUTE, legacyHeaders: false }));
  app.use(express.raw({ type: '*/*', limit: '1mb' }));
  app.use(authenticate(pool));
  app.post('/v1/payouts', createPayout(pool));
  app.use((failure, req, res, next) => {
    console.error(failure);
    res.status(500).json({ code: 'internal_error' });
  });
  const server = app.listen(0, '127.0.0.1', () => {
    const base_url = `http://127.0.0.1:${server.address().port}`;
    console.log(JSON.stringify({ base_url, ...seeded }));
  });
  server.keepAliveTimeout = 120_000;
}

main().catch((failure) => {
  console.error(failure);
  process.exit(1);
});
