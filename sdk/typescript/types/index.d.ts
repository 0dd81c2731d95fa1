export { Strongroom } from "./client.js";
export { GapHealer } from "./stream.js";
export * as webhooks from "./webhooks.js";
export type Event = import("./events.js").Event;
export { MalformedAnswer, Refusal, Unreachable } from "./errors.js";
export { PinRefused, pinnedFetch, verifyPins } from "./pins.js";
export { MessageSigner, signRequest } from "./signing.js";
