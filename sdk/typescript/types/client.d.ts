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
    /** @param {Options} options */
    constructor({ baseUrl, secretKey, signingSecret, messageSigner, fetch, ...patience }: Options);
    /**
     * Reads something; `target` is a path with its query.
     *
     * @param {string} target
     * @returns {Promise<any>}
     */
    get(target: string): Promise<any>;
    /**
     * Changes something. Store the idempotency key with the order it pays, and the payment cannot be made twice.
     *
     * @param {string} target
     * @param {unknown} [body]
     * @param {{ idempotencyKey?: string }} [options]
     * @returns {Promise<any>}
     */
    post(target: string, body?: unknown, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<any>;
    /**
     * @param {string} target
     * @param {unknown} body
     * @param {{ idempotencyKey?: string }} [options]
     * @returns {Promise<any>}
     */
    patch(target: string, body: unknown, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<any>;
    /**
     * @param {string} target
     * @param {{ idempotencyKey?: string }} [options]
     * @returns {Promise<any>}
     */
    delete(target: string, { idempotencyKey }?: {
        idempotencyKey?: string;
    }): Promise<any>;
    /**
     * Every event after the given one, oldest first, to the stream's end.
     *
     * @param {{ after?: string | undefined, types?: string[] }} [options]
     * @returns {AsyncGenerator<Event, void, void>}
     */
    events(options?: {
        after?: string | undefined;
        types?: string[];
    }): AsyncGenerator<Event, void, void>;
    #private;
}
export type Reply = {
    status: number;
    retryAfter: string | null;
    json: any;
};
export type Event = import("./events.js").Event;
export type Options = {
    /**
     * As in `https://pay.example.com`.
     */
    baseUrl: string;
    secretKey: string;
    /**
     * Requests are signed when it is given.
     */
    signingSecret?: string;
    /**
     * Signs by RFC 9421, in the place of `signingSecret`.
     */
    messageSigner?: import("./signing.js").MessageSigner;
    /**
     * What sends, such as `pinnedFetch(set)`; the global one if absent.
     */
    fetch?: typeof globalThis.fetch;
    /**
     * In all, the first included; 4 if absent.
     */
    attempts?: number;
    /**
     * Before the second attempt; doubles each time. 100 if absent.
     */
    firstWaitMs?: number;
    /**
     * A server that asks for a longer wait gets none. 5000 if absent.
     */
    longestWaitMs?: number;
    /**
     * For one attempt. 30000 if absent.
     */
    timeLimitMs?: number;
};
