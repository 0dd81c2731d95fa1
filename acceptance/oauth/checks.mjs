// What a server of FAPI 2.0 refuses, one thing wrong at a time. Every check also does the same without the fault and has it taken, so that
// nothing is green for another reason. A subject is told apart by nothing but its metadata and by how a person answers there.
import assert from "node:assert/strict";
import { b64, ec, fresh, hash, seconds, thumbprint } from "./messages.mjs";

function refused(reply, what) {
  const is = reply.status >= 400 && reply.status < 500 && reply.status !== 429;
  const gave = reply.told.access_token ?? reply.told.request_uri;
  assert.ok(is && !gave, `${what} was taken: ${reply.status} ${reply.text.slice(0, 200)}`);
  assert.ok(!reply.asksForNonce, `${what}: a nonce was asked for again and again`);
}

function taken(reply, what = "what is right") {
  assert.ok(reply.status === 200 || reply.status === 201, `${what} was refused: ${reply.status} ${reply.text.slice(0, 300)}`);
  return reply.told;
}

const checks = [];
const check = (name, run) => checks.push({ name, run });

// Pushed requests: who sends them.
const assertions = {
  "assertion-for-the-token-endpoint": (s) => ({ aud: s.meta.token_endpoint }),
  "assertion-for-the-par-endpoint": (s) => ({ aud: s.meta.pushed_authorization_request_endpoint }),
  "assertion-for-two": (s) => ({ aud: [s.meta.issuer, "https://other.example"] }),
  "assertion-for-another-server": () => ({ aud: "https://other.example" }),
  "assertion-without-audience": () => ({ aud: undefined }),
  "assertion-that-is-over": () => ({ iat: seconds() - 360, exp: seconds() - 300 }),
  "assertion-without-end": () => ({ exp: undefined }),
  "assertion-62-seconds-ahead": () => ({ nbf: seconds() + 62, iat: seconds() + 62, exp: seconds() + 120 }),
  "assertion-without-subject": () => ({ sub: undefined }),
  "assertion-of-another-subject": (s) => ({ sub: s.two.id }),
  "assertion-without-jti": () => ({ jti: undefined }),
};
for (const [name, claims] of Object.entries(assertions)) {
  check(name, async (s) => {
    refused(await s.one.push({}, { proof: null, assertion: () => s.one.assertion(claims(s)) }), name);
    taken(await s.one.push());
  });
}
check("assertion-by-another-key", async (s) => {
  refused(await s.one.push({}, { proof: null, assertion: () => s.one.assertion({}, { key: s.two.key }) }), "another's signature");
  taken(await s.one.push());
});
for (const alg of ["RS256", "HS256", "none"]) {
  check(`assertion-by-${alg}`, async (s) => {
    const client = s.signer;
    refused(await client.push({}, { proof: null, assertion: () => client.assertion({}, { header: { alg } }) }), alg);
    taken(await client.push(), "PS256");
  });
}
check("assertion-twice", async (s) => {
  const once = s.one.assertion();
  taken(await s.one.push({}, { proof: null, assertion: () => once }));
  refused(await s.one.push({}, { proof: null, assertion: () => once }), "the same again");
});
check("nobody-pushes", async (s) => {
  refused(await s.one.push({}, { proof: null, assertion: null }), "a request of nobody");
  taken(await s.one.push());
});

// Pushed requests: what they say.
const wishes = {
  "no-challenge": { code_challenge: undefined, code_challenge_method: undefined },
  "plain-challenge": { code_challenge: "a".repeat(43), code_challenge_method: "plain" },
  "no-redirect-uri": { redirect_uri: undefined },
  "foreign-redirect-uri": { redirect_uri: "https://evil.example/cb" },
  "redirect-uri-with-more": { redirect_uri: "https://client.example/cb/more" },
  "response-type-token": { response_type: "token" },
  "response-type-code-id-token": { response_type: "code id_token", nonce: "n-1" },
  "request-uri-in-a-pushed-request": { request_uri: "urn:ietf:params:oauth:request_uri:x" },
};
for (const [name, changes] of Object.entries(wishes)) {
  check(name, async (s) => {
    refused(await s.one.push(changes), name);
    taken(await s.one.push());
  });
}
check("dpop-jkt-of-another-key", async (s) => {
  refused(await s.one.push({ dpop_jkt: thumbprint(ec()) }, {}), "another thumbprint");
  taken(await s.one.push({ dpop_jkt: thumbprint(s.one.proofKey) }, {}));
});

// The authorization endpoint.
async function unshown(s, address, what) {
  const seen = await s.visit(address);
  const error = seen.back && new URL(seen.back).searchParams.get("error");
  assert.ok(error || seen.status >= 400, `${what} was put before a person: ${seen.status} ${seen.back ?? seen.html?.slice(0, 200)}`);
}
check("not-pushed", async (s) => {
  const query = new URLSearchParams({ client_id: s.one.id, ...s.one.wish() });
  await unshown(s, `${s.meta.authorization_endpoint}?${query}`, "a request that was not pushed");
  await s.one.code();
});
check("request-of-another-client", async (s) => {
  const { request_uri } = taken(await s.one.push());
  await unshown(s, s.two.address(request_uri), "another's request");
  assert.ok(await s.approve(s.one.address(request_uri)));
});
check("request-made-up", async (s) => {
  await unshown(s, s.one.address(`urn:ietf:params:oauth:request_uri:${fresh()}`), "a request that nobody pushed");
  await s.one.code();
});
check("request-after-its-answer", async (s) => {
  const { request_uri } = taken(await s.one.push());
  await s.approve(s.one.address(request_uri));
  await unshown(s, s.one.address(request_uri), "a request that was answered");
});
check("answers-name-the-server", async (s) => {
  const back = new URL(await s.one.allowed());
  assert.equal(back.searchParams.get("iss"), s.meta.issuer);
  assert.equal(back.searchParams.get("state"), "s-1");
});

// Codes.
const redemptions = {
  "code-without-verifier": (s, code) => s.one.redeem(code, { code_verifier: undefined }),
  "code-with-another-verifier": (s, code) => s.one.redeem(code, { code_verifier: "b".repeat(43) }),
  "code-with-the-challenge": (s, code) => s.one.redeem(code, { code_verifier: hash(s.verifier) }),
  "code-of-another-client": (s, code) => s.two.redeem(code),
  "code-with-another-address": (s, code) => s.one.redeem(code, { redirect_uri: "https://client.example/other" }),
  "code-without-a-proof": (s, code) => s.one.redeem(code, {}, { proof: null }),
  "code-without-an-assertion": (s, code) => s.one.redeem(code, {}, { assertion: null }),
  "code-made-up": (s, code) => s.one.redeem(`${code.slice(0, -8)}AAAAAAAA`),
};
for (const [name, redeem] of Object.entries(redemptions)) {
  check(name, async (s) => {
    refused(await redeem(s, await s.one.code()), name);
    taken(await s.one.redeem(await s.one.code()));
  });
}
check("code-by-another-key", async (s) => {
  const bound = { dpop_jkt: thumbprint(s.one.proofKey) };
  const other = ec();
  const proof = () => s.one.proof("POST", s.meta.token_endpoint, { key: other });
  refused(await s.one.redeem(await s.one.code(bound, {}), {}, { proof }), "another key");
  taken(await s.one.redeem(await s.one.code(bound, {})));
});
check("code-twice", async (s) => {
  const code = await s.one.code();
  taken(await s.one.redeem(code));
  refused(await s.one.redeem(code), "the same code again");
});
check("code-twice-ends-its-token", async (s) => {
  const code = await s.one.code();
  const given = taken(await s.one.redeem(code));
  taken(await s.one.use(given));
  await s.one.redeem(code);
  refused(await s.one.use(given), "the token of a code that was used twice");
});

// Refresh tokens, and what no token is given for.
const refreshes = {
  "refresh-token-of-another-client": (s, token) => s.two.refresh(token),
  "refresh-token-without-a-proof": (s, token) => s.one.refresh(token, { proof: null }),
  "refresh-token-without-an-assertion": (s, token) => s.one.refresh(token, { assertion: null }),
};
for (const [name, refresh] of Object.entries(refreshes)) {
  check(name, async (s) => {
    const { refresh_token } = taken(await s.one.redeem(await s.one.code()));
    refused(await refresh(s, refresh_token), name);
    const again = taken(await s.one.refresh(refresh_token));
    taken(await s.one.use(again));
    // FAPI 2.0, 5.3.2.1, 9: it is not rotated.
    taken(await s.one.refresh(refresh_token), "the same refresh token");
  });
}
check("a-password-is-no-grant", async (s) => {
  refused(await s.one.token({ grant_type: "password", username: "ana", password: "x" }), "a password");
  taken(await s.one.redeem(await s.one.code()));
});
check("a-token-is-bound", async (s) => {
  const given = taken(await s.one.redeem(await s.one.code()));
  refused(await s.one.use(given, () => [], "Bearer"), "a token without its proof");
  taken(await s.one.use(given));
});
check("a-token-in-the-address", async (s) => {
  const given = taken(await s.one.redeem(await s.one.code()));
  refused(await s.one.send("GET", `${s.resource}?access_token=${given.access_token}`), "a token in an address");
  taken(await s.one.use(given));
});

// Proofs at the resource.
const other = ec();
const altered = (proof) => proof.replace(/\.(.)([^.]*)$/, (_, first, rest) => `.${first === "A" ? "B" : "A"}${rest}`);
const proofs = {
  "proof-without-typ": { header: { typ: undefined } },
  "proof-of-another-typ": { header: { typ: "JWT" } },
  "proof-without-alg": { header: { alg: undefined } },
  "proof-by-none": { header: { alg: "none" } },
  "proof-by-HS256": { header: { alg: "HS256" } },
  "proof-without-key": { header: { jwk: undefined } },
  "proof-with-a-private-key": (s) => ({ header: { jwk: { ...s.one.proofKey.jwk, d: b64("d".repeat(32)) } } }),
  "proof-with-another-key-in-it": { header: { jwk: other.jwk } },
  "proof-by-another-key": { key: other },
  "proof-without-jti": { claims: { jti: undefined } },
  "proof-without-method": { claims: { htm: undefined } },
  "proof-for-another-method": { claims: { htm: "PUT" } },
  "proof-without-address": { claims: { htu: undefined } },
  "proof-for-another-address": (s) => ({ claims: { htu: `${s.resource}/other` } }),
  "proof-for-another-host": (s) => ({ claims: { htu: `https://evil.example${new URL(s.resource).pathname}` } }),
  "proof-without-time": { claims: { iat: undefined } },
  "proof-without-token": { claims: { ath: undefined } },
  "proof-for-another-token": { claims: { ath: hash("another") } },
};
// One token serves them all: none of them uses it up.
const held = new WeakMap();
async function given(s) {
  if (!held.has(s)) held.set(s, taken(await s.one.redeem(await s.one.code())));
  return held.get(s);
}
const proven = (s, token, change = {}) => s.one.proof("GET", s.resource, { token: token.access_token, ...change });
for (const [name, change] of Object.entries(proofs)) {
  check(name, async (s) => {
    const token = await given(s);
    const wrong = typeof change === "function" ? change(s) : change;
    refused(await s.one.use(token, () => [proven(s, token, wrong)]), name);
    taken(await s.one.use(token));
  });
}
const sent = {
  "proof-that-is-missing": () => [],
  "proof-that-is-a-word": () => ["proof"],
  "proof-that-was-altered": (s, token) => [altered(proven(s, token))],
  "proof-and-another": (s, token) => [proven(s, token), proven(s, token)],
};
for (const [name, make] of Object.entries(sent)) {
  check(name, async (s) => {
    const token = await given(s);
    refused(await s.one.use(token, () => make(s, token)), name);
    taken(await s.one.use(token));
  });
}
check("proof-twice", async (s) => {
  const token = await given(s);
  taken(await s.one.use(token));
  const once = proven(s, token);
  taken(await s.one.use(token, () => [once]));
  refused(await s.one.use(token, () => [once]), "the same proof again");
});
check("proof-with-a-nonce-that-is-none", async (s) => {
  const token = await given(s);
  for (const nonce of [undefined, "another"]) {
    const reply = await s.one.use(token, () => [proven(s, token, { claims: { nonce } })]);
    assert.ok(reply.asksForNonce || reply.status >= 400, `nonce ${nonce}: ${reply.status}`);
  }
  taken(await s.one.use(token));
});
for (const [name, change] of [
  ["proof-at-the-token-endpoint-for-another-address", (s) => ({ url: s.resource })],
  ["proof-at-the-token-endpoint-by-none", () => ({ header: { alg: "none" } })],
]) {
  check(name, async (s) => {
    const { url = s.meta.token_endpoint, ...rest } = change(s);
    const proof = () => s.one.proof("POST", url, rest);
    refused(await s.one.redeem(await s.one.code(), {}, { proof }), name);
    taken(await s.one.redeem(await s.one.code()));
  });
}

export const names = checks.map(({ name }) => name);

// The names of what was green and what was red, with why.
export async function run(subject) {
  const red = new Map();
  for (const { name, run } of checks) {
    try {
      await run(subject);
    } catch (fault) {
      red.set(name, fault.message);
    }
  }
  return red;
}

