// npm `openid-client`, as a client of FAPI 2.0: discovery, pushed request, a person's answer, code, proof of possession, refresh, revocation.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { answered } from "./browser.mjs";

const CALLBACK = "https://client.example/cb";
const { subtle } = globalThis.crypto;

export async function fapi(world) {
  const client = await import("openid-client");
  for (const alg of ["ES256", "Ed25519", "PS256"]) {
    const pair = await keys(alg);
    const jwk = await subtle.exportKey("jwk", pair.publicKey);
    const registered = await world.api("POST", "/v1/oauth/clients", {
      name: `openid-client ${alg}`,
      jwks: { keys: [{ kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y, n: jwk.n, e: jwk.e }] },
      redirect_uris: [CALLBACK],
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      scopes: ["read", "write"],
    });
    const config = await client.discovery(
      new URL(world.base),
      registered.id,
      undefined,
      client.PrivateKeyJwt(pair.privateKey),
      { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
    );
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
    const own = await client.clientCredentialsGrant(config, { scope: "read" }, { DPoP });
    assert.equal(own.token_type, "dpop");
    if (alg !== "ES256") continue;
    await wholeWay(client, config, DPoP, world);
  }
  console.log("openid-client: FAPI 2.0 from discovery to revocation");
}

async function wholeWay(client, config, DPoP, world) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const address = await client.buildAuthorizationUrlWithPAR(
    config,
    {
      redirect_uri: CALLBACK,
      scope: "read",
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
    },
    { DPoP },
  );
  const back = await answered(address.href, CALLBACK, { ...world, wrong: true });
  const checks = { pkceCodeVerifier: verifier, expectedState: state };
  const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
  assert.equal(tokens.token_type, "dpop");
  assert.equal(tokens.scope, "read");
  const url = new URL("/v1/wallets", world.base);
  const call = (token) => client.fetchProtectedResource(config, token, url, "GET", null, undefined, { DPoP });
  assert.equal((await call(tokens.access_token)).status, 200);
  const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal((await call(again.access_token)).status, 200);
  const told = await client.tokenIntrospection(config, again.access_token);
  assert.equal(told.active, true);
  await client.tokenRevocation(config, tokens.refresh_token);
  assert.equal((await client.tokenIntrospection(config, again.access_token)).active, false);
  await assert.rejects(call(again.access_token));
  await assert.rejects(client.authorizationCodeGrant(config, back, checks, undefined, { DPoP }));
}

function keys(alg) {
  const usages = ["sign", "verify"];
  switch (alg) {
    case "ES256":
      return subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, usages);
    case "Ed25519":
      return subtle.generateKey({ name: "Ed25519" }, true, usages);
    default: {
      const publicExponent = new Uint8Array([1, 0, 1]);
      const algorithm = { name: "RSA-PSS", hash: "SHA-256", modulusLength: 2048, publicExponent };
      return subtle.generateKey(algorithm, true, usages);
    }
  }
}

// So that the module is found where it was installed.
createRequire(import.meta.url);
