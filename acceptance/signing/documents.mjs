// The documents' `signRequest`, run as printed, for the server at ORIGIN: what it signs is taken, once, and nothing else in its place.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFileSync } from "node:fs";

const snippet = readFileSync(new URL("documents/sign_request.js", import.meta.url), "utf8");
const signRequest = new Function("crypto", `${snippet}\nreturn signRequest;`)(crypto);
const { ORIGIN, KEY, SECRET } = process.env;

const send = (method, path, headers, body) =>
  fetch(ORIGIN + path, {
    method,
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
const code = async (response) => (await response.json()).code;

// The address as a path, and as the whole that the server is known under; without a body the snippet signs `undefined`.
for (const url of ["/v1/account", `${ORIGIN}/v1/account`]) {
  assert.equal((await send("GET", "/v1/account", signRequest("GET", url, undefined, SECRET))).status, 200, url);
}
const body = { type: "sub_merchant", metadata: { note: "Peña ₱" } };
const headers = signRequest("POST", "/v1/wallets", body, SECRET);
assert.equal((await send("POST", "/v1/wallets", headers, body)).status, 201);
assert.equal(await code(await send("POST", "/v1/wallets", headers, body)), "signature_replayed");
const other = { ...body, type: "reserve" };
const fresh = signRequest("POST", "/v1/wallets", { ...body, metadata: {} }, SECRET);
assert.equal(await code(await send("POST", "/v1/wallets", fresh, other)), "signature_invalid", "another body");
assert.equal(await code(await send("POST", "/v1/wallets", {}, body)), "signature_missing");
const wrong = signRequest("POST", "/v1/wallets", other, `${SECRET}x`);
assert.equal(await code(await send("POST", "/v1/wallets", wrong, other)), "signature_invalid", "another secret");
console.log("the documents' signRequest, in Node: taken once, and nothing in its place");
