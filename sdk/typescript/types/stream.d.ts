/** @typedef {import('./client.js').Strongroom} Strongroom */
/** @typedef {import('./events.js').Event} Event */
/**
 * Every event after the given one, oldest first, to the stream's end.
 *
 * @param {Strongroom} client
 * @param {{ after?: string | undefined, types?: string[] }} [options]
 * @returns {AsyncGenerator<Event, void, void>}
 */
export function readEvents(client: Strongroom, { after, types }?: {
    after?: string | undefined;
    types?: string[];
}): AsyncGenerator<Event, void, void>;
/**
 * Nothing lost: webhooks bring events soon, the stream brings what they missed.
 *
 * Ask `isNew` of each verified event, tell `handled` when it is done with, and run through `heal` at the start and every
 * minute or so. Keep `cursor` where a restart finds it. What is being handled meanwhile, and after a restart what was
 * handled since the saved cursor, can come up again: what handles events goes by their ids.
 */
export class GapHealer {
    /** @param {string} [cursor] The last event that an earlier run handled. */
    constructor(cursor?: string);
    /** Up to this event the stream was read and handled. */
    cursor: string | undefined;
    /**
     * Whether an event, come by webhook, is still to be handled. One up to the cursor is not: ids grow with the stream.
     *
     * @param {string} eventId
     */
    isNew(eventId: string): boolean;
    /**
     * Notes an event that came by webhook and is handled. Before that, a repetition of it is new again.
     *
     * @param {string} eventId
     */
    handled(eventId: string): void;
    /**
     * Gives what no webhook brought, in order. The cursor follows once the next event is asked for, so one whose handling
     * throws comes again.
     *
     * @param {Strongroom} client
     * @returns {AsyncGenerator<Event, void, void>}
     */
    heal(client: Strongroom): AsyncGenerator<Event, void, void>;
    #private;
}
export type Strongroom = import("./client.js").Strongroom;
export type Event = import("./events.js").Event;
