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
export function verify(rawBody: string | Uint8Array, headers: Headers | Record<string, string | string[] | undefined>, secrets: string | string[], options?: Options): Delivery;
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
    constructor(code: RefusedCode, text: string);
    code: RefusedCode;
}
/**
 * A secret in its two forms, or a public key.
 */
export type Key = {
    /**
     * Keys the headers that sign the body alone.
     */
    text?: Buffer;
    /**
     * The bytes behind `whsec_` where that is base64, else the text.
     */
    standard?: Buffer;
    publicKey?: import("node:crypto").KeyObject;
};
export type Event = import("./events.js").Event;
export type Scheme = "standard" | "ed25519" | "nextapi" | "nopos";
export type RefusedCode = "missing_header" | "malformed_header" | "too_old" | "too_new" | "no_match" | "malformed_body";
/**
 * A delivery that is the server's.
 */
export type Delivery = {
    /**
     * The same on every attempt: what was handled under it is not handled again.
     */
    id: string | undefined;
    /**
     * When it was sent, in seconds since 1970.
     */
    timestamp: number | undefined;
    event: Event;
    /**
     * The signatures that verify.
     */
    schemes: Scheme[];
};
export type Options = {
    /**
     * Seconds between the delivery's time and now; 300 if absent.
     */
    tolerance?: number;
    /**
     * Seconds since 1970; the machine's clock if absent.
     */
    now?: number;
    /**
     * Also accept a delivery without the three `webhook-` headers, on a signature of the
     * body alone. Whoever saw such a delivery can send it again: handle each event's id once, for ever.
     */
    allowUntimed?: boolean;
};
export type Found = {
    id?: string;
    timestamp?: string;
    signature?: string;
    nextapi?: string;
    nopos?: string;
};
