import { createHash, createHmac, createPrivateKey, sign } from 'node:crypto';

/**
 * The value of `X-Signature`: HMAC-SHA-256 over method, target, timestamp and body, a line each.
 *
 * @param {object} request
 * @param {string} request.method
 * @param {string} request.target Path and query as sent.
 * @param {string} request.timestamp The text of `X-Timestamp`: seconds since 1970.
 * @param {string} [request.body] The very text that is sent; none is signed as `undefined`.
 * @param {string} signingSecret
 * @returns {string} 64 lower-case hexadecimal digits.
 */
export function signRequest({ method, target, timestamp, body }, signingSecret) {
  const message = [method, target, timestamp, body || 'undefined'].join('\n');
  return createHmac('sha256', signingSecret).update(message).digest('hex');
}

const COVERED = ['content-digest', 'content-type', 'idempotency-key', 'x-idempotency-key', 'approval-id'];

/**
 * Signs HTTP messages (RFC 9421): by the API key's signing secret, under the key's own id, or by a private key of Ed25519 or on
 * P-256 whose public half is registered with the API key, under the id it was registered with.
 */
export class MessageSigner {
  // SECURITY: private, so that neither console.log nor JSON.stringify shows a key.
  /** @type {(base: string) => Buffer} */ #sign;

  /**
   * @param {object} options
   * @param {string} options.keyid
   * @param {string} [options.signingSecret]
   * @param {string} [options.privateKey] PEM.
   */
  constructor({ keyid, signingSecret, privateKey }) {
    this.keyid = keyid;
    if (privateKey !== undefined && signingSecret === undefined) {
      const key = createPrivateKey(privateKey);
      const digest = key.asymmetricKeyType === 'ec' ? 'sha256' : null;
      this.#sign = (base) => sign(digest, Buffer.from(base), { key, dsaEncoding: 'ieee-p1363' });
    } else if (signingSecret !== undefined && privateKey === undefined) {
      this.#sign = (base) => createHmac('sha256', signingSecret).update(base).digest();
    } else {
      throw new TypeError('give either `signingSecret` or `privateKey`');
    }
  }

  /**
   * The headers to add to a request, `Content-Digest` (RFC 9530) included where it has a body.
   *
   * @param {object} request
   * @param {string} request.method
   * @param {string} request.origin As in `https://pay.example`.
   * @param {string} request.target Path and query as sent.
   * @param {Record<string, string>} [request.headers]
   * @param {string} [request.body] The very text that is sent.
   * @param {object} said
   * @param {number} said.created Seconds since 1970.
   * @param {string | null} [said.nonce]
   * @returns {Record<string, string>}
   */
  sign({ method, origin, target, headers = {}, body = '' }, { created, nonce }) {
    /** @type {Record<string, string>} */
    const added = {};
    if (body !== '') added['Content-Digest'] = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
    const sent = new Map(Object.entries({ ...headers, ...added }).map(([name, value]) => [name.toLowerCase(), value.trim()]));
    /** @type {[string, string][]} */
    const covered = [
      ['@method', method],
      ['@target-uri', origin + target],
    ];
    for (const name of COVERED) {
      const value = sent.get(name);
      if (value !== undefined) covered.push([name, value]);
    }
    const names = covered.map(([name]) => `"${name}"`).join(' ');
    const own = nonce === undefined || nonce === null ? '' : `;nonce=${quoted(nonce)}`;
    const parameters = `(${names});created=${created};keyid=${quoted(this.keyid)}${own}`;
    const lines = covered.map(([name, value]) => `"${name}": ${value}`);
    const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
    added['Signature-Input'] = `sig=${parameters}`;
    added['Signature'] = `sig=:${this.#sign(base).toString('base64')}:`;
    return added;
  }
}

/** @param {string} text */
function quoted(text) {
  if (!/^[ -~]*$/.test(text)) throw new TypeError('what a signature says is visible ASCII');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
