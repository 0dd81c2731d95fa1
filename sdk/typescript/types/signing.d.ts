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
/**
 * Signs HTTP messages (RFC 9421): by the API key's signing secret, under the key's own id, or by a private key of Ed25519 or on
 * P-256 whose public half is registered with the API key, under the id it was registered with.
 */
export class MessageSigner {
    /**
     * @param {object} options
     * @param {string} options.keyid
     * @param {string} [options.signingSecret]
     * @param {string} [options.privateKey] PEM.
     */
    constructor({ keyid, signingSecret, privateKey }: {
        keyid: string;
        signingSecret?: string | undefined;
        privateKey?: string | undefined;
    });
    keyid: string;
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
    sign({ method, origin, target, headers, body }: {
        method: string;
        origin: string;
        target: string;
        headers?: Record<string, string> | undefined;
        body?: string | undefined;
    }, { created, nonce }: {
        created: number;
        nonce?: string | null | undefined;
    }): Record<string, string>;
    #private;
}
