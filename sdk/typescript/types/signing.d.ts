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
export function signRequest({ method, target, timestamp, body }: {
    method: string;
    target: string;
    timestamp: string;
    body?: string | undefined;
}, signingSecret: string): string;
