// npm `oauth4webapi` as a client of FAPI 2.0, step by step: what it sends ahead, what it proves, and what is left once it gives its grant back.
import assert from "node:assert/strict";
import { answered } from "./browser.mjs";

const CALLBACK = "https://client.example/oauth4webapi";
const { subtle } = globalThis.crypto;

export async function bound(world) {
  const oauth = await import("oauth4webapi");
  const insecure = { [oauth.allowInsecureRequests]: true };
  const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const { kty, crv, x, y } = await subtle.exportKey("jwk", pair.publicKey);
  const registered = await world.api("POST", "/v1/oauth/clients", {
    name: "oauth4webapi, bound",
    jwks: { keys: [{ kty, crv, x, y }] },
    redirect_uris: [CALLBACK],
    scopes: ["read"],
  });
  const issuer = new URL(world.base);
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  const as = await oauth.processDiscoveryResponse(issuer, found);
  const client = { client_id: registered.id };
  const proof = oauth.PrivateKeyJwt(pair.privateKey);
  const options = { DPoP: oauth.DPoP(client, await oauth.generateKeyPair("ES256")), ...insecure };
  // The first of each kind learns the nonce.
  const asked = async (ask) => {
    try {
      return await ask();
    } catch (fault) {
      if (!oauth.isDPoPNonceError(fault)) throw fault;
      return ask();
    }
  };

  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const wish = new URLSearchParams({
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "read",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  });
  const pushed = await asked(async () =>
    oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, proof, wish, options)),
  );
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri });
  const back = await answered(address.href, CALLBACK, world);
  const parameters = oauth.validateAuthResponse(as, client, back, state);
  const redeem = async () =>
    oauth.processAuthorizationCodeResponse(
      as,
      client,
      await oauth.authorizationCodeGrantRequest(as, client, proof, parameters, CALLBACK, verifier, options),
    );
  const given = await asked(redeem);
  assert.equal(given.token_type, "dpop");
  const url = new URL("/v1/account", world.base);
  const call = (token) => asked(() => oauth.protectedResourceRequest(token, "GET", url, undefined, undefined, options));
  assert.equal((await call(given.access_token)).status, 200);
  // The token alone is worth nothing.
  const bare = await fetch(url, { headers: { authorization: `Bearer ${given.access_token}` } });
  assert.equal(bare.status, 401);
  const next = await asked(async () =>
    oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, proof, given.refresh_token, options),
    ),
  );
  assert.equal((await call(next.access_token)).status, 200);
  const refresh = next.refresh_token ?? given.refresh_token;
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, refresh, insecure));
  await assert.rejects(call(next.access_token));
  await assert.rejects(asked(redeem), "a code is taken once");
  console.log("oauth4webapi: FAPI 2.0 from discovery to revocation");
}
