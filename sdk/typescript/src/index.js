/**
 * Client for a Strongroom server.
 *
 * Needs Node 20 and nothing else. The source is JavaScript with types in its comments, so that it runs as it stands;
 * `types/` is made from it by `npm run types`.
 */

export { Strongroom } from './client.js';
export { MalformedAnswer, Refusal, Unreachable } from './errors.js';
export { PinRefused, pinnedFetch, verifyPins } from './pins.js';
export { GapHealer } from './stream.js';
export { MessageSigner, signRequest } from './signing.js';
export * as webhooks from './webhooks.js';
/** @typedef {import('./events.js').Event} Event */
