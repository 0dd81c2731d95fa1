/** The server said no. `code` is stable; act on it, not on the text. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, detail?: string, request_id?: string, errors?: { pointer: string, detail: string }[] }} problem
   */
  constructor(status, problem) {
    const faults = (problem.errors ?? []).map((fault) => `; \`${fault.pointer}\` ${fault.detail}`);
    super(`refused with ${status} \`${problem.code}\`: ${problem.detail}${faults.join('')}`);
    this.name = 'Refusal';
    this.status = status;
    this.code = problem.code ?? '';
    this.requestId = problem.request_id ?? '';
    /** Faults in single fields of the request; `pointer` is a JSON pointer into its body. */
    this.errors = problem.errors ?? [];
  }
}

/** No answer came, after every attempt. A change may have happened: send it again under the same idempotency key. */
export class Unreachable extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super('the server did not answer', { cause });
    this.name = 'Unreachable';
  }
}

/** An answer that is no JSON: something else than the server spoke. */
export class MalformedAnswer extends Error {
  /** @param {number} status */
  constructor(status) {
    super(`an answer with status ${status} was not understood`);
    this.name = 'MalformedAnswer';
    this.status = status;
  }
}
