/** @typedef {import('./client.js').Strongroom} Strongroom */
/** @typedef {import('./events.js').Event} Event */

/**
 * Every event after the given one, oldest first, to the stream's end.
 *
 * @param {Strongroom} client
 * @param {{ after?: string | undefined, types?: string[] }} [options]
 * @returns {AsyncGenerator<Event, void, void>}
 */
export async function* readEvents(client, { after, types } = {}) {
  let cursor = after;
  for (;;) {
    const query = new URLSearchParams({ limit: '100' });
    if (cursor !== undefined) query.set('after', cursor);
    if (types?.length) query.set('type', types.join(','));
    /** @type {{ data: Event[], has_more: boolean }} */
    const page = await client.get(`/v1/events?${query}`);
    yield* page.data;
    cursor = page.data.at(-1)?.id ?? cursor;
    if (!page.has_more || page.data.length === 0) return;
  }
}

/**
 * Nothing lost: webhooks bring events soon, the stream brings what they missed.
 *
 * Ask `isNew` of each verified event, tell `handled` when it is done with, and run through `heal` at the start and every
 * minute or so. Keep `cursor` where a restart finds it. What is being handled meanwhile, and after a restart what was
 * handled since the saved cursor, can come up again: what handles events goes by their ids.
 */
export class GapHealer {
  /** Ids that came by webhook and stand after the cursor. */
  #handled = /** @type {Set<string>} */ (new Set());

  /** @param {string} [cursor] The last event that an earlier run handled. */
  constructor(cursor) {
    /** Up to this event the stream was read and handled. */
    this.cursor = cursor;
  }

  /**
   * Whether an event, come by webhook, is still to be handled. One up to the cursor is not: ids grow with the stream.
   *
   * @param {string} eventId
   */
  isNew(eventId) {
    return (this.cursor === undefined || eventId > this.cursor) && !this.#handled.has(eventId);
  }

  /**
   * Notes an event that came by webhook and is handled. Before that, a repetition of it is new again.
   *
   * @param {string} eventId
   */
  handled(eventId) {
    if (this.isNew(eventId)) this.#handled.add(eventId);
  }

  /**
   * Gives what no webhook brought, in order. The cursor follows once the next event is asked for, so one whose handling
   * throws comes again.
   *
   * @param {Strongroom} client
   * @returns {AsyncGenerator<Event, void, void>}
   */
  async *heal(client) {
    for await (const event of client.events({ after: this.cursor })) {
      if (!this.#handled.has(event.id)) yield event;
      this.#handled.delete(event.id);
      this.cursor = event.id;
    }
  }
}
