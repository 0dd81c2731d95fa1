/** The server said no. `code` is stable; act on it, not on the text. */
export class Refusal extends Error {
    /**
     * @param {number} status
     * @param {{ code?: string, detail?: string, request_id?: string, errors?: { pointer: string, detail: string }[] }} problem
     */
    constructor(status: number, problem: {
        code?: string;
        detail?: string;
        request_id?: string;
        errors?: {
            pointer: string;
            detail: string;
        }[];
    });
    status: number;
    code: string;
    requestId: string;
    /** Faults in single fields of the request; `pointer` is a JSON pointer into its body. */
    errors: {
        pointer: string;
        detail: string;
    }[];
}
/** No answer came, after every attempt. A change may have happened: send it again under the same idempotency key. */
export class Unreachable extends Error {
    /** @param {unknown} cause */
    constructor(cause: unknown);
}
/** An answer that is no JSON: something else than the server spoke. */
export class MalformedAnswer extends Error {
    /** @param {number} status */
    constructor(status: number);
    status: number;
}
