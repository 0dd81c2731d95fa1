'use strict';
// One payout between two wallets: everything it writes in one transaction, both wallets locked
// in the order of their ids.

const { createHash, randomBytes } = require('node:crypto');

const UNIQUE_VIOLATION = '23505';

class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

function newId(prefix) {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${prefix}_${time}${randomBytes(6).toString('hex')}`;
}

function parse(body) {
  let value;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refused(400, 'malformed_json');
  }
  const { amount, currency, source_wallet_id: source, recipient } = value;
  const isValid =
    Number.isSafeInteger(amount) && amount > 0 && typeof currency === 'string' &&
    typeof source === 'string' && recipient?.type === 'wallet' &&
    typeof recipient.id === 'string' && recipient.id !== source;
  if (!isValid) throw new Refused(422, 'invalid_request');
  return { amount, currency, source, target: recipient.id };
}

async function lockWallets(client, organization, command) {
  const { rows } = await client.query({
    name: 'lock_wallets',
    text: `SELECT id, currency, available FROM wallets
           WHERE organization_id = $1 AND id IN ($2, $3) ORDER BY id FOR UPDATE`,
    values: [organization, command.source, command.target],
  });
  const source = rows.find((row) => row.id === command.source);
  const target = rows.find((row) => row.id === command.target);
  if (!source || !target) throw new Refused(404, 'wallet_not_found');
  if (source.currency !== command.currency || target.currency !== command.currency) {
    throw new Refused(422, 'currency_mismatch');
  }
  const [available, credited] = [BigInt(source.available), BigInt(target.available)];
  const amount = BigInt(command.amount);
  if (available < amount) throw new Refused(422, 'insufficient_funds');
  return { source: available - amount, target: credited + amount };
}

async function write(client, req, command, balances, payout, idempotency) {
  const organization = req.key.organization_id;
  const at = payout.created_at;
  await client.query({
    name: 'debit',
    text: 'UPDATE wallets SET available = $2 WHERE id = $1',
    values: [command.source, balances.source],
  });
  await client.query({
    name: 'credit',
    text: 'UPDATE wallets SET available = $2 WHERE id = $1',
    values: [command.target, balances.target],
  });
  await client.query({
    name: 'payout',
    text: `INSERT INTO payouts (id, organization_id, source_wallet_id, recipient_wallet_id, amount,
           currency, status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [payout.id, organization, command.source, command.target, command.amount,
      command.currency, payout.status, at],
  });
  await client.query({
    name: 'ledger_lines',
    text: `INSERT INTO ledger_lines (payout_id, wallet_id, amount, balance_after, created_at)
           VALUES ($1, $2, -$3::bigint, $4, $7), ($1, $5, $3::bigint, $6, $7)`,
    values: [payout.id, command.source, command.amount, balances.source, command.target,
      balances.target, at],
  });
  await client.query({
    name: 'audit',
    text: `INSERT INTO audit_log (organization_id, api_key_id, action, resource_id, ip_address,
           user_agent, details, created_at) VALUES ($1, $2, 'payout_created', $3, $4, $5, $6, $7)`,
    values: [organization, req.key.id, payout.id, req.ip, req.get('user-agent') ?? null,
      JSON.stringify({ amount: command.amount, currency: command.currency }), at],
  });
  await client.query({
    name: 'outbox',
    text: `INSERT INTO outbox (organization_id, type, payload, created_at)
           VALUES ($1, 'payout.completed', $2, $3)`,
    values: [organization, JSON.stringify(payout), at],
  });
  await client.query({
    name: 'idempotency',
    text: `INSERT INTO idempotency_keys (organization_id, key, request_hash, status, reply,
           created_at) VALUES ($1, $2, $3, 201, $4, $5)`,
    values: [organization, idempotency.key, idempotency.hash, idempotency.reply, at],
  });
}

async function commitPayout(pool, req, command, key, hash) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const balances = await lockWallets(client, req.key.organization_id, command);
    const payout = {
      id: newId('payout'),
      amount: command.amount,
      currency: command.currency,
      source_wallet_id: command.source,
      recipient: { type: 'wallet', id: command.target },
      status: 'completed',
      created_at: new Date().toISOString(),
    };
    const reply = JSON.stringify(payout);
    await write(client, req, command, balances, payout, { key, hash, reply });
    await client.query('COMMIT');
    return reply;
  } catch (failure) {
    await client.query('ROLLBACK');
    throw failure;
  } finally {
    client.release();
  }
}

async function replay(pool, organization, key, hash) {
  const { rows } = await pool.query(
    'SELECT request_hash, status, reply FROM idempotency_keys WHERE organization_id = $1 AND key = $2',
    [organization, key],
  );
  if (rows.length === 0 || !rows[0].request_hash.equals(hash)) {
    throw new Refused(409, 'idempotency_key_reused');
  }
  return rows[0];
}

/** `POST /v1/payouts`. */
function createPayout(pool) {
  return async (req, res) => {
    try {
      const key = req.get('idempotency-key');
      if (!key || key.length > 255) throw new Refused(400, 'idempotency_key_required');
      const command = parse(req.body);
      const hash = createHash('sha256').update(req.body).digest();
      try {
        const reply = await commitPayout(pool, req, command, key, hash);
        res.status(201).type('application/json').send(reply);
      } catch (failure) {
        if (failure.code !== UNIQUE_VIOLATION) throw failure;
        const stored = await replay(pool, req.key.organization_id, key, hash);
        res.set('Idempotent-Replayed', 'true');
        res.status(stored.status).type('application/json').send(stored.reply);
      }
    } catch (failure) {
      if (!(failure instanceof Refused)) throw failure;
      res.status(failure.status).json({ code: failure.code });
    }
  };
}

module.exports = { createPayout, newId };
