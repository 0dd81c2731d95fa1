// The checks, tried on others before they are believed: green on npm `oidc-provider` with FAPI 2.0 on; red, where it should be, on the same
// set up badly; each of them red on one that says yes to everything. Then on Strongroom.
import assert from "node:assert/strict";
import { names, run } from "./checks.mjs";
import { provider } from "./provider.mjs";
import { strongroom } from "./strongroom.mjs";

// What the bad set-up lets through: without FAPI, DPoP, required PKCE and required pushed requests, with RS256, an hour of tolerance, rotation,
// a second response type and addresses that nobody registered.
const BADLY = [
  "assertion-for-the-token-endpoint",
  "assertion-for-the-par-endpoint",
  "assertion-for-two",
  "assertion-that-is-over",
  "assertion-62-seconds-ahead",
  "assertion-by-RS256",
  "no-challenge",
  "no-redirect-uri",
  "foreign-redirect-uri",
  "redirect-uri-with-more",
  "response-type-code-id-token",
  "not-pushed",
  "dpop-jkt-of-another-key",
  "code-without-a-proof",
  "code-by-another-key",
  "refresh-token-without-a-proof",
  "a-token-is-bound",
  ...names.filter((name) => name.startsWith("proof-")),
];

// What it says of a set-up that is not for production is no news.
console.info = console.warn = () => {};

async function measured(what, made) {
  const subject = await made;
  try {
    const red = await run(subject);
    console.log(`${what}: ${names.length - red.size} green, ${red.size} red`);
    return red;
  } finally {
    await subject.stop();
  }
}

function all(red) {
  return [...red].map(([name, why]) => `\n  ${name}: ${why}`).join("");
}

const good = await measured("oidc-provider, FAPI 2.0", provider("good"));
assert.equal(good.size, 0, `what should be green there is not:${all(good)}`);
const badly = await measured("oidc-provider, set up badly", provider("broken"));
const missed = BADLY.filter((name) => !badly.has(name));
assert.deepEqual(missed, [], "what should be red there is not");
const yes = await measured("oidc-provider, yes to everything", provider("yes"));
assert.deepEqual(names.filter((name) => !yes.has(name)), [], "these cannot fail");
const ours = await measured("Strongroom", strongroom(process.argv[2]));
assert.equal(ours.size, 0, `Strongroom takes what it should not:${all(ours)}`);
console.log(`${names.length} checks are calibrated, and green on Strongroom`);
