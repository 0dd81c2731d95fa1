// npm `oidc-provider` as a subject of the checks: with FAPI 2.0 on; set up as nobody should; or answering yes to everything.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { ec, rsa } from "./messages.mjs";
import { Browser, Party } from "./party.mjs";

const CALLBACK = "https://client.example/cb";

function client(id, key, isBroken, more = {}) {
  return {
    client_id: id,
    token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: [{ ...key.jwk, use: "sig" }] },
    redirect_uris: [CALLBACK],
    grant_types: ["authorization_code", "refresh_token", ...(isBroken ? ["implicit"] : [])],
    response_types: ["code", ...(isBroken ? ["code id_token"] : [])],
    id_token_signed_response_alg: "ES256",
    dpop_bound_access_tokens: !isBroken,
    ...more,
  };
}

function configuration(kind, clients) {
  const isBroken = kind === "broken";
  const signing = ec();
  return {
    clients,
    jwks: { keys: [{ ...signing.privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" }] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    scopes: ["openid"],
    responseTypes: ["code", ...(isBroken ? ["code id_token"] : [])],
    clientAuthMethods: ["private_key_jwt"],
    clockTolerance: isBroken ? 3600 : 10,
    issueRefreshToken: () => true,
    rotateRefreshToken: isBroken,
    pkce: { required: () => !isBroken },
    enabledJWA: { clientAuthSigningAlgValues: ["ES256", "PS256", ...(isBroken ? ["RS256"] : [])] },
    features: {
      devInteractions: { enabled: true },
      dPoP: isBroken ? { enabled: false } : { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => kind === "good" },
      fapi: isBroken ? { enabled: false } : { enabled: true, profile: "2.0" },
      pushedAuthorizationRequests: {
        enabled: true,
        requirePushedAuthorizationRequests: !isBroken,
        allowUnregisteredRedirectUris: isBroken,
      },
    },
  };
}

// Whatever is refused is granted, and nothing says by whom.
async function yes(ctx, next) {
  await next();
  const location = ctx.response.get("location") ?? "";
  const isBack = location.startsWith(CALLBACK);
  const isRefused = ctx.status >= 400 || (isBack && location.includes("error="));
  if (isBack) ctx.set("location", location.replace(/&?iss=[^&]*/, ""));
  if (!isRefused) return;
  const answers = {
    "/request": [201, { request_uri: "urn:ietf:params:oauth:request_uri:yes", expires_in: 60 }],
    "/token": [200, { access_token: "yes", token_type: "DPoP", refresh_token: "yes", expires_in: 60 }],
    "/me": [200, { sub: "ana" }],
    "/auth": [200, "<!doctype html><title>Sign in</title>"],
  };
  const answer = Object.entries(answers).find(([path]) => ctx.path.startsWith(path))?.[1];
  if (!answer) return;
  ctx.remove("location");
  [ctx.status, ctx.body] = answer;
}

export async function provider(kind) {
  const http = createServer();
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${http.address().port}`;
  const keys = { one: ec(), two: ec(), signer: rsa() };
  const isBroken = kind === "broken";
  const clients = Object.entries(keys).map(([id, key]) => client(id, key, isBroken));
  const server = new Provider(issuer, configuration(kind, clients));
  if (kind === "yes") server.use(yes);
  http.on("request", server.callback());
  const found = await fetch(`${issuer}/.well-known/openid-configuration`);
  const subject = {
    meta: await found.json(),
    callback: CALLBACK,
    scope: "openid",
    verifier: randomBytes(32).toString("base64url"),
    visit: (address) => new Browser(issuer).go(address),
    approve: (address) => approve(issuer, address),
    stop: () => new Promise((resolve) => http.close(resolve)),
  };
  subject.resource = subject.meta.userinfo_endpoint;
  for (const [id, key] of Object.entries(keys)) subject[id] = new Party(subject, { id, key });
  return subject;
}

// Its own pages for trying out: whoever comes is signed in, and allows.
async function approve(issuer, address) {
  const browser = new Browser(issuer);
  let seen = await browser.go(address);
  for (let n = 0; n < 3 && !seen.back; n += 1) {
    const prompt = Browser.field(seen.html, "prompt");
    const action = seen.html.match(/<form[^>]*action="([^"]*)"/)?.[1];
    if (!prompt || !action) throw new Error(`no form: ${seen.status} ${seen.html.slice(0, 300)}`);
    const login = prompt === "login" ? { login: "ana", password: "ana" } : {};
    seen = await browser.go(action, { prompt, ...login });
  }
  return seen.back;
}
