import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { MalformedAnswer, Refusal, Unreachable } from './errors.js';
import { signRequest } from './signing.js';
import { readEvents } from './stream.js';

/** @typedef {import('./events.js').Event} Event */

/**
 * @typedef {object} Options
 * @property {string} baseUrl As in `https://pay.example.com`.
 * @property {string} secretKey
 * @property {string} [signingSecret] Requests are signed when it is given.
 * @property {import('./signing.js').MessageSigner} [messageSigner] Signs by RFC 9421, in the place of `signingSecret`.
 * @property {typeof globalThis.fetch} [fetch] What sends, such as `pinnedFetch(set)`; the global one if absent.
 * @property {number} [attempts] In all, the first included; 4 if absent.
 * @property {number} [firstWaitMs] Before the second attempt; doubles each time. 100 if absent.
 * @property {number} [longestWaitMs] A server that asks for a longer wait gets none. 5000 if absent.
 * @property {number} [timeLimitMs] For one attempt. 30000 if absent.
 */

/** One server under one API key. Changes carry an idempotency key, so that repeating them is safe. */
export class Strongroom {
  // SECURITY: private, so that neither console.log nor JSON.stringify shows a key.
  /** @type {URL} */ #base;
  /** @type {string} */ #secretKey;
  /** @type {string | undefined} */ #signingSecret;
  /** @type {import('./signing.js').MessageSigner | undefined} */ #messageSigner;
  /** @type {typeof globalThis.fetch} */ #fetch;
  #patience;

  /** @param {Options} options */
  constructor({ baseUrl, secretKey, signingSecret, messageSigner, fetch = globalThis.fetch, ...patience }) {
    this.#base = new URL(baseUrl);
    if (this.#base.pathname !== '/' || this.#base.search) {
      throw new TypeError('`baseUrl` is an origin, without a path');
    }
    this.#secretKey = secretKey;
    if (signingSecret !== undefined && messageSigner !== undefined) {
      throw new TypeError('a request is signed either by `signingSecret` or by `messageSigner`');
    }
    this.#signingSecret = signingSecret;
    this.#messageSigner = messageSigner;
    this.#fetch = fetch;
    this.#patience = { attempts: 4, firstWaitMs: 100, longestWaitMs: 5000, timeLimitMs: 30000, ...patience };
  }

  /**
   * Reads something; `target` is a path with its query.
   *
   * @param {string} target
   * @returns {Promise<any>}
   */
  get(target) {
    return this.#send('GET', target);
  }

  /**
   * Changes something. Store the idempotency key with the order it pays, and the payment cannot be made twice.
   *
   * @param {string} target
   * @param {unknown} [body]
   * @param {{ idempotencyKey?: string }} [options]
   * @returns {Promise<any>}
   */
  post(target, body, { idempotencyKey } = {}) {
    return this.#send('POST', target, body, idempotencyKey);
  }

  /**
   * @param {string} target
   * @param {unknown} body
   * @param {{ idempotencyKey?: string }} [options]
   * @returns {Promise<any>}
   */
  patch(target, body, { idempotencyKey } = {}) {
    return this.#send('PATCH', target, body, idempotencyKey);
  }

  /**
   * @param {string} target
   * @param {{ idempotencyKey?: string }} [options]
   * @returns {Promise<any>}
   */
  delete(target, { idempotencyKey } = {}) {
    return this.#send('DELETE', target, undefined, idempotencyKey);
  }

  /**
   * Every event after the given one, oldest first, to the stream's end.
   *
   * @param {{ after?: string | undefined, types?: string[] }} [options]
   * @returns {AsyncGenerator<Event, void, void>}
   */
  events(options) {
    return readEvents(this, options);
  }

  /**
   * @param {string} method
   * @param {string} target
   * @param {unknown} [content]
   * @param {string} [idempotencyKey]
   */
  async #send(method, target, content, idempotencyKey = randomBytes(16).toString('hex')) {
    const url = new URL(target, this.#base);
    // SECURITY: a target from elsewhere cannot send the key to another host.
    if (url.origin !== this.#base.origin) throw new TypeError('`target` is a path on the server');
    const body = content === undefined ? undefined : JSON.stringify(content);
    const { attempts } = this.#patience;
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= attempts;
      const outcome = await this.#attempt(method, url, body, idempotencyKey);
      if (outcome instanceof Unreachable) {
        if (last) throw outcome;
        await sleep(this.#wait(attempt));
        continue;
      }
      const wait = last ? undefined : this.#waitAfter(outcome, attempt);
      if (wait === undefined) return answer(outcome);
      await sleep(wait);
    }
  }

  /**
   * @param {string} method
   * @param {URL} url
   * @param {string | undefined} body
   * @param {string} idempotencyKey
   * @returns {Promise<Reply | Unreachable>}
   */
  async #attempt(method, url, body, idempotencyKey) {
    const headers = this.#headers(method, url, body, idempotencyKey);
    const signal = AbortSignal.timeout(this.#patience.timeLimitMs);
    try {
      const send = this.#fetch;
      const response = await send(url, { method, headers, body: body ?? null, signal, redirect: 'manual' });
      const text = await response.text();
      return { status: response.status, retryAfter: response.headers.get('retry-after'), json: parsed(text) };
    } catch (cause) {
      return new Unreachable(cause);
    }
  }

  /**
   * @param {string} method
   * @param {URL} url
   * @param {string | undefined} body
   * @param {string} idempotencyKey
   */
  #headers(method, url, body, idempotencyKey) {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.#secretKey}`, 'User-Agent': 'strongroom-typescript/0.1.0' };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (method !== 'GET') headers['Idempotency-Key'] = idempotencyKey;
    if (this.#signingSecret) {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signed = { method, target: url.pathname + url.search, timestamp, body: body ?? '' };
      headers['X-Timestamp'] = timestamp;
      headers['X-Signature'] = signRequest(signed, this.#signingSecret);
    }
    if (this.#messageSigner) {
      const request = { method, origin: url.origin, target: url.pathname + url.search, headers, body: body ?? '' };
      const said = { created: Math.floor(Date.now() / 1000), nonce: randomBytes(16).toString('hex') };
      Object.assign(headers, this.#messageSigner.sign(request, said));
    }
    return headers;
  }

  /**
   * The wait before the next attempt; undefined when the answer is final.
   *
   * @param {Reply} reply
   * @param {number} attempt
   */
  #waitAfter(reply, attempt) {
    const busy = [429, 502, 503, 504].includes(reply.status);
    const inUse = reply.status === 409 && reply.json?.code === 'idempotency_key_in_use';
    if (!busy && !inUse) return undefined;
    const asked = reply.retryAfter === null ? Number.NaN : Number(reply.retryAfter) * 1000;
    const wait = Number.isNaN(asked) ? this.#wait(attempt) : asked;
    return wait <= this.#patience.longestWaitMs ? wait : undefined;
  }

  /** @param {number} attempt */
  #wait(attempt) {
    const doubled = this.#patience.firstWaitMs * 2 ** (attempt - 1);
    return Math.min(doubled * (1 + Math.random() / 4), this.#patience.longestWaitMs);
  }
}

/** @typedef {{ status: number, retryAfter: string | null, json: any }} Reply */

/** @param {Reply} reply */
function answer({ status, json }) {
  if (json === undefined) throw new MalformedAnswer(status);
  if (status >= 200 && status < 300) return json;
  throw new Refusal(status, json ?? {});
}

/** @param {string} text */
function parsed(text) {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
