/**
 * Verifies what `/.well-known/strongroom-pins` holds. The public key comes with the app, never from the server.
 *
 * @param {string | Uint8Array} document
 * @param {string} publicKey As `strongroom pins key` showed it.
 * @param {{ host?: string, leastSequence?: number, now?: number }} [options]
 * @returns {PinSet}
 */
export function verifyPins(document: string | Uint8Array, publicKey: string, { host, leastSequence, now }?: {
    host?: string;
    leastSequence?: number;
    now?: number;
}): PinSet;
/**
 * A `fetch` that talks to pinned keys alone: the certificate must be valid as ever, and its key in the set.
 * For `new Strongroom({ …, fetch: pinnedFetch(set) })`.
 *
 * @param {PinSet} set
 * @param {import('node:https').RequestOptions} [options] Such as `ca`.
 * @returns {typeof fetch}
 */
export function pinnedFetch(set: PinSet, options?: import("node:https").RequestOptions): typeof fetch;
/**
 * Why a pin set, or a server, is refused. `code` is stable: `malformed`, `bad_signature`, `not_yet`, `expired`, `rolled_back`,
 * `other_host` or `not_pinned`.
 */
export class PinRefused extends Error {
    /**
     * @param {string} code
     * @param {string} message
     */
    constructor(code: string, message: string);
    code: string;
}
export type PinSet = {
    /**
     * Keep the highest one that was seen, and give it as `leastSequence` next time.
     */
    sequence: number;
    /**
     * Seconds since 1970.
     */
    issuedAt: number;
    expiresAt: number;
    hosts: string[];
    /**
     * SHA-256 over each key's SubjectPublicKeyInfo, in base64.
     */
    pins: string[];
};
