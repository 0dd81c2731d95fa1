export { Strongroom } from "./client.js";
export { GapHealer } from "./stream.js";
export { signRequest } from "./signing.js";
export * as webhooks from "./webhooks.js";
export type Event = import("./events.js").Event;
export { MalformedAnswer, Refusal, Unreachable } from "./errors.js";
export { PinRefused, pinnedFetch, verifyPins } from "./pins.js";
