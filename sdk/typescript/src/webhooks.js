import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from 'node:crypto';

import { isEvent } from './events.js';

/** @typedef {import('./events.js').Event} Event */
/** @typedef {'standard' | 'ed25519' | 'nextapi' | 'nopos'} Scheme */
/** @typedef {'missing_header' | 'malformed_header' | 'too_old' | 'too_new' | 'no_match' | 'malformed_body'} RefusedCode */

/**
 * A delivery that is the server's.
 *
 * @typedef {object} Delivery
 * @property {string | undefined} id The same on every attempt: what was handled under it is not handled again.
 * @property {number | undefined} timestamp When it was sent, in seconds since 1970.
 * @property {Event} event
 * @property {Scheme[]} schemes The signatures that verify.
 */

/**
 * @typedef {object} Options
 * @property {number} [tolerance] Seconds between the delivery's time and now; 300 if absent.
 * @property {number} [now] Seconds since 1970; the machine's clock if absent.
 * @property {boolean} [allowUntimed] Also accept a delivery without the three `webhook-` headers, on a signature of the
 *   body alone. Whoever saw such a delivery can send it again: handle each event's id once, for ever.
 */

/** Why a delivery is refused. `code` is stable. */
export class WebhookRefused extends Error {
  /**
   * @param {RefusedCode} code
   * @param {string} text
   */
  constructor(code, text) {
    super(text);
    this.name = 'WebhookRefused';
    this.code = code;
  }
}

/**
 * Checks a delivery: `webhook-signature` must verify, the headers that sign the body alone are reported beside it.
 *
 * @param {string | Uint8Array} rawBody The bytes as received, before anything parsed them.
 * @param {Headers | Record<string, string | string[] | undefined>} headers
 * @param {string | string[]} secrets The endpoint's secret, or its public key (`whpk_…`); several during a rotation.
 * @param {Options} [options]
 * @returns {Delivery}
 * @throws {WebhookRefused}
 */
export function verify(rawBody, headers, secrets, options = {}) {
  if (typeof rawBody !== 'string' && !(rawBody instanceof Uint8Array)) {
    throw new TypeError('`rawBody` is the text or bytes as received, not what a parser made of them');
  }
  const body = Buffer.from(rawBody);
  const keys = [secrets].flat().map(readKey);
  const found = read(headers);
  const hasNone = [found.id, found.timestamp, found.signature].every((value) => value === undefined);
  const untimed = hasNone && options.allowUntimed;
  const timed = untimed ? undefined : verifyTimed(body, found, keys, options);
  const schemes = [...(timed?.schemes ?? []), ...bodySchemes(body, found, keys)];
  if (schemes.length === 0) throw noMatch();
  return { id: found.id, timestamp: timed?.timestamp, event: envelope(body), schemes };
}

/**
 * @param {Buffer} body
 * @param {Found} found
 * @param {Key[]} keys
 * @param {Options} options
 */
function verifyTimed(body, found, keys, options) {
  const id = needed(found.id, 'webhook-id');
  const text = needed(found.timestamp, 'webhook-timestamp');
  const tokens = needed(found.signature, 'webhook-signature').split(' ');
  const timestamp = fresh(text, options);
  const message = Buffer.concat([Buffer.from(`${id}.${text}.`), body]);
  /** @param {string} version */
  const presented = (version) =>
    tokens.filter((token) => token.startsWith(`${version},`)).map((token) => fromBase64(token.slice(version.length + 1)));
  /** @type {Scheme[]} */
  const schemes = [];
  if (anyFits(keys, presented('v1'), (key, signature) => fitsHmac(key.standard, message, signature))) schemes.push('standard');
  if (anyFits(keys, presented('v1a'), (key, signature) => fitsEd25519(key.publicKey, message, signature))) schemes.push('ed25519');
  if (schemes.length === 0) throw noMatch();
  return { schemes, timestamp };
}

/**
 * @param {Buffer} body
 * @param {Found} found
 * @param {Key[]} keys
 */
function bodySchemes(body, found, keys) {
  const nextapi = found.nextapi?.startsWith('sha256=') ? found.nextapi.slice(7) : undefined;
  /** @param {string | undefined} hex */
  const fits = (hex) => anyFits(keys, [fromHex(hex)], (key, signature) => fitsHmac(key.text, body, signature));
  /** @type {Scheme[]} */
  const schemes = [];
  if (fits(nextapi)) schemes.push('nextapi');
  if (fits(found.nopos)) schemes.push('nopos');
  return schemes;
}

/**
 * @param {string} text
 * @param {Options} options
 */
function fresh(text, { tolerance = 300, now = Math.floor(Date.now() / 1000) }) {
  const sent = Number(text);
  if (!/^[0-9]{1,15}$/.test(text)) throw new WebhookRefused('malformed_header', '`webhook-timestamp` is no number of seconds');
  if (now - sent > tolerance) throw new WebhookRefused('too_old', 'the delivery was sent too long ago');
  if (sent - now > tolerance) throw new WebhookRefused('too_new', 'the delivery was sent in the future');
  return sent;
}

/** @param {Buffer} body */
function envelope(body) {
  try {
    const event = JSON.parse(body.toString('utf8'));
    if (isEvent(event)) return event;
  } catch {
    // Told below.
  }
  throw new WebhookRefused('malformed_body', 'the delivery is signed, but is no event');
}

/**
 * A secret in its two forms, or a public key.
 *
 * @typedef {object} Key
 * @property {Buffer} [text] Keys the headers that sign the body alone.
 * @property {Buffer} [standard] The bytes behind `whsec_` where that is base64, else the text.
 * @property {import('node:crypto').KeyObject} [publicKey]
 */

/**
 * @param {string} secret
 * @returns {Key}
 */
function readKey(secret) {
  // SECURITY: a public key is no HMAC secret; a forger knows it.
  if (secret.startsWith('whpk_')) {
    const x = fromBase64(secret.slice(5));
    if (x?.length !== 32) throw new TypeError('a public key is `whpk_` and base64 of 32 bytes');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') };
    return { publicKey: createPublicKey({ key: jwk, format: 'jwk' }) };
  }
  if (secret === '') throw new TypeError('a webhook secret is not empty');
  const text = Buffer.from(secret);
  const decoded = secret.startsWith('whsec_') ? fromBase64(secret.slice(6)) : undefined;
  return { text, standard: decoded?.length ? decoded : text };
}

/**
 * @param {Key[]} keys
 * @param {(Buffer | undefined)[]} signatures
 * @param {(key: Key, signature: Buffer) => boolean} fits
 */
function anyFits(keys, signatures, fits) {
  return keys.some((key) => signatures.some((signature) => signature !== undefined && fits(key, signature)));
}

/**
 * @param {Buffer | undefined} key
 * @param {Buffer} message
 * @param {Buffer} signature
 */
function fitsHmac(key, message, signature) {
  if (key === undefined || signature.length !== 32) return false;
  return timingSafeEqual(createHmac('sha256', key).update(message).digest(), signature);
}

/**
 * @param {import('node:crypto').KeyObject | undefined} key
 * @param {Buffer} message
 * @param {Buffer} signature
 */
function fitsEd25519(key, message, signature) {
  return key !== undefined && signature.length === 64 && verifySignature(null, message, key, signature);
}

/** @typedef {{ id?: string, timestamp?: string, signature?: string, nextapi?: string, nopos?: string }} Found */

const NAMES = /** @type {const} */ ({
  'webhook-id': 'id',
  'webhook-timestamp': 'timestamp',
  'webhook-signature': 'signature',
  'nextapi-signature': 'nextapi',
  'x-nopos-signature': 'nopos',
});

/**
 * SECURITY: a header that is there twice is refused, since two readers may read two values.
 *
 * @param {Headers | Record<string, string | string[] | undefined>} headers
 */
function read(headers) {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  /** @type {Found} */
  const found = {};
  for (const [name, value] of entries) {
    const field = NAMES[/** @type {keyof typeof NAMES} */ (name.toLowerCase())];
    if (field === undefined || value === undefined) continue;
    if (typeof value !== 'string' || found[field] !== undefined) {
      throw new WebhookRefused('malformed_header', `the delivery has \`${name}\` twice`);
    }
    found[field] = value;
  }
  return found;
}

/**
 * @param {string | undefined} value
 * @param {string} name
 */
function needed(value, name) {
  if (value === undefined) throw new WebhookRefused('missing_header', `the delivery has no \`${name}\``);
  return value;
}

function noMatch() {
  const text =
    'no signature fits: the body was changed on its way or written anew, or the secret is another one';
  return new WebhookRefused('no_match', text);
}

/**
 * Base64 in its one proper form; Node's own reader takes anything.
 *
 * @param {string} text
 */
function fromBase64(text) {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** @param {string | undefined} text */
function fromHex(text) {
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}
