import { createHash, createPublicKey, verify as verifySignature, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { checkServerIdentity } from 'node:tls';

/**
 * Why a pin set, or a server, is refused. `code` is stable: `malformed`, `bad_signature`, `not_yet`, `expired`, `rolled_back`,
 * `other_host` or `not_pinned`.
 */
export class PinRefused extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'PinRefused';
    this.code = code;
  }
}

/**
 * @typedef {object} PinSet
 * @property {number} sequence Keep the highest one that was seen, and give it as `leastSequence` next time.
 * @property {number} issuedAt Seconds since 1970.
 * @property {number} expiresAt
 * @property {string[]} hosts
 * @property {string[]} pins SHA-256 over each key's SubjectPublicKeyInfo, in base64.
 */

/** Before the 32 bytes of an Ed25519 key in DER. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
/** How far the signer's clock may be ahead, in seconds. */
const TOLERANCE = 300;

/**
 * Verifies what `/.well-known/strongroom-pins` holds. The public key comes with the app, never from the server.
 *
 * @param {string | Uint8Array} document
 * @param {string} publicKey As `strongroom pins key` showed it.
 * @param {{ host?: string, leastSequence?: number, now?: number }} [options]
 * @returns {PinSet}
 */
export function verifyPins(document, publicKey, { host, leastSequence = 0, now = Math.floor(Date.now() / 1000) } = {}) {
  const { protectedPart, payload, signature } = envelope(document);
  const raw = Buffer.from(publicKey, 'base64');
  if (raw.length !== 32) throw new TypeError('`publicKey` is 32 bytes in base64');
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  const signed = Buffer.from(`${protectedPart}.${payload}`);
  // SECURITY: the signature comes first; nothing of a document that is not the signer's is understood.
  if (!verifySignature(null, signed, key, Buffer.from(signature, 'base64url'))) {
    throw new PinRefused('bad_signature', 'the pin set is not signed by that key');
  }
  const { alg, typ } = decoded(protectedPart);
  if (alg !== 'EdDSA' || typ !== 'strongroom-pins+json') throw malformed();
  const set = read(decoded(payload));
  if (set.issuedAt > now + TOLERANCE) throw new PinRefused('not_yet', 'the pin set is of the future');
  if (now >= set.expiresAt) throw new PinRefused('expired', 'the pin set has expired');
  if (set.sequence < leastSequence) throw new PinRefused('rolled_back', 'a newer pin set was seen before');
  if (host !== undefined && set.hosts.length > 0 && !set.hosts.includes(host)) {
    throw new PinRefused('other_host', 'the pin set is for other hosts');
  }
  return set;
}

/**
 * A `fetch` that talks to pinned keys alone: the certificate must be valid as ever, and its key in the set.
 * For `new Strongroom({ …, fetch: pinnedFetch(set) })`.
 *
 * @param {PinSet} set
 * @param {import('node:https').RequestOptions} [options] Such as `ca`.
 * @returns {typeof fetch}
 */
export function pinnedFetch(set, options = {}) {
  return async (input, init = {}) => {
    const url = new URL(String(input));
    if (url.protocol !== 'https:') throw new TypeError('pins are of TLS keys: use https');
    const now = Math.floor(Date.now() / 1000);
    if (now >= set.expiresAt) throw new PinRefused('expired', 'the pin set has expired');
    return exchange(url, init, {
      ...options,
      // SECURITY: a connection of its own, so that none is used whose key was not looked at.
      agent: false,
      checkServerIdentity: (host, certificate) => checkServerIdentity(host, certificate) ?? checkPin(set, certificate.raw),
    });
  };
}

/**
 * @param {PinSet} set
 * @param {Buffer} der
 */
function checkPin(set, der) {
  const key = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' });
  const pin = createHash('sha256').update(key).digest('base64');
  return set.pins.includes(pin) ? undefined : new PinRefused('not_pinned', 'the server has a key that no pin covers');
}

/**
 * @param {URL} url
 * @param {RequestInit} init
 * @param {import('node:https').RequestOptions} options
 * @returns {Promise<Response>}
 */
function exchange(url, init, options) {
  const { promise, resolve, reject } = deferred();
  const headers = Object.fromEntries(new Headers(init.headers ?? {}));
  const method = init.method ?? 'GET';
  const sent = request(url, { ...options, method, headers, ...(init.signal ? { signal: init.signal } : {}) }, (answer) => {
    /** @type {Buffer[]} */
    const parts = [];
    answer.on('data', (part) => parts.push(part));
    answer.on('error', reject);
    answer.on('end', () => {
      const status = answer.statusCode ?? 0;
      const bare = status === 204 || status === 304 || method === 'HEAD';
      const fields = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
      resolve(new Response(bare ? null : Buffer.concat(parts), { status, headers: Object.fromEntries(fields) }));
    });
  });
  sent.on('error', reject);
  sent.end(init.body ?? undefined);
  return promise;
}

function deferred() {
  /** @type {(value: Response) => void} */
  let resolve = () => {};
  /** @type {(cause: unknown) => void} */
  let reject = () => {};
  /** @type {Promise<Response>} */
  const promise = new Promise((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

/** @param {string | Uint8Array} document */
function envelope(document) {
  const text = typeof document === 'string' ? document : Buffer.from(document).toString('utf8');
  const { protected: protectedPart, payload, signature } = parsed(text);
  const parts = [protectedPart, payload, signature];
  if (!parts.every((part) => typeof part === 'string' && /^[A-Za-z0-9_-]+$/.test(part))) throw malformed();
  return { protectedPart: String(protectedPart), payload: String(payload), signature: String(signature) };
}

/** @param {string} part */
function decoded(part) {
  return parsed(Buffer.from(part, 'base64url').toString('utf8'));
}

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    // Told below.
  }
  throw malformed();
}

/**
 * @param {Record<string, unknown>} payload
 * @returns {PinSet}
 */
function read({ sequence, issued_at: issuedAt, expires_at: expiresAt, hosts = [], pins }) {
  if (!Array.isArray(pins) || !Array.isArray(hosts)) throw malformed();
  const texts = pins.map((pin) => String(pin?.spki_sha256));
  const whole = texts.every((text) => Buffer.from(text, 'base64').length === 32);
  if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(issuedAt) || !Number.isSafeInteger(expiresAt)) throw malformed();
  if (!whole || new Set(texts).size < 2) throw malformed();
  return {
    sequence: Number(sequence),
    issuedAt: Number(issuedAt),
    expiresAt: Number(expiresAt),
    hosts: hosts.map(String),
    pins: texts,
  };
}

function malformed() {
  return new PinRefused('malformed', 'this is no pin set');
}
