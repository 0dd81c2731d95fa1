// npm `oauth4webapi` as an application without a secret, and the token exchange as the documents write it.
import assert from "node:assert/strict";
import { answered } from "./browser.mjs";

const CALLBACK = "http://127.0.0.1:4180/cb";

export async function plain(world) {
  await open(world);
  await documents(world);
}

// A public client: PKCE, a refresh token that is good once.
async function open(world) {
  const oauth = await import("oauth4webapi");
  const insecure = { [oauth.allowInsecureRequests]: true };
  const registered = await world.api("POST", "/v1/oauth/clients", {
    name: "oauth4webapi",
    profile: "oauth21",
    token_endpoint_auth_method: "none",
    redirect_uris: [CALLBACK],
    scopes: ["read"],
  });
  const issuer = new URL(world.base);
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  const as = await oauth.processDiscoveryResponse(issuer, found);
  const client = { client_id: registered.id };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(as.authorization_endpoint);
  const asked = {
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: "code",
    scope: "read",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  const refused = await answered(address.href, CALLBACK, world, "Refuse");
  assert.throws(() => oauth.validateAuthResponse(as, client, refused, state), /access_denied|authorization/i);
  const back = await answered(address.href, CALLBACK, world);
  const parameters = oauth.validateAuthResponse(as, client, back, state);
  const given = await oauth.processAuthorizationCodeResponse(
    as,
    client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, CALLBACK, verifier, insecure),
  );
  assert.equal(given.scope, "read");
  const refresh = async (token) =>
    oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, oauth.None(), token, insecure));
  const next = await refresh(given.refresh_token);
  assert.notEqual(next.refresh_token, given.refresh_token);
  const url = new URL("/v1/account", world.base);
  const call = (token) => oauth.protectedResourceRequest(token, "GET", url, undefined, undefined, insecure);
  assert.equal((await call(next.access_token)).status, 200);
  await assert.rejects(refresh(given.refresh_token), /invalid_grant|server responded/i);
  await assert.rejects(call(next.access_token));
  console.log("oauth4webapi: a public client, and what a stolen refresh token ends");
}

// The documents' snippet: JSON, sent by `fetch` without saying what it is.
async function documents(world) {
  const registered = await world.api("POST", "/v1/oauth/clients", {
    name: "The documents",
    profile: "classic",
    token_endpoint_auth_method: "client_secret_post",
    redirect_uris: [CALLBACK],
    scopes: ["read", "write"],
  });
  const query = `response_type=code&client_id=${registered.id}&redirect_uri=${encodeURIComponent(CALLBACK)}&scope=read+write&state=xyz`;
  const back = await answered(`${world.base}/oauth/authorize?${query}`, CALLBACK, world);
  assert.equal(back.searchParams.get("state"), "xyz");
  const response = await fetch(`${world.base}/oauth/token`, {
    method: "POST",
    body: JSON.stringify({
      grant_type: "authorization_code",
      code: back.searchParams.get("code"),
      redirect_uri: CALLBACK,
      client_id: registered.id,
      client_secret: registered.client_secret,
    }),
  });
  const { access_token } = await response.json();
  const account = await fetch(`${world.base}/v1/account`, { headers: { Authorization: `Bearer ${access_token}` } });
  assert.equal(account.status, 200);
  console.log("the documents' token exchange, in Node");
}
