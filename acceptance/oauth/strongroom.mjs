// Strongroom as a subject of the checks: an installation of its own, served by the program.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ec, rsa } from "./messages.mjs";
import { Browser, Party } from "./party.mjs";

const CALLBACK = "https://client.example/cb";
const EMAIL = "ana@lumen.example";
const PASSWORD = "kelp tonic 7 umbrella";

// So many refusals in a row would be refused for that.
const CONFIG = `data = 'data'
keyring = 'keyring.toml'
listen = '127.0.0.1:0'
[limits]
unauthenticated_per_15_minutes = 100000
`;

async function serve(program, dir) {
  writeFileSync(join(dir, "strongroom.toml"), CONFIG);
  writeFileSync(join(dir, "passphrase"), "correct horse battery staple\n");
  const own = ["--config", join(dir, "strongroom.toml"), "--passphrase-file", join(dir, "passphrase")];
  const named = ["--organization", "Lumen", "--currency", "PHP", "--recovery-kit", join(dir, "kit.txt")];
  const told = execFileSync(program, ["init", ...own, ...named], { encoding: "utf8" });
  const key = told.match(/test secret key\s+(\S+)/)?.[1];
  assert.ok(key, "init printed no key");
  const running = spawn(program, ["serve", ...own], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => running.once("exit", resolve));
  for await (const line of createInterface({ input: running.stdout })) {
    const issuer = line.match(/listening on (http:\/\/\S+)/)?.[1];
    if (issuer) return { running, ended, issuer, key };
  }
  throw new Error("the server ended before it listened");
}

export async function strongroom(program) {
  const dir = mkdtempSync(join(tmpdir(), "strongroom-checks-"));
  const { running, ended, issuer, key } = await serve(program, dir);
  const stop = async () => {
    running.kill("SIGTERM");
    await ended;
    rmSync(dir, { recursive: true });
  };
  try {
    return await subject(issuer, key, stop);
  } catch (fault) {
    await stop();
    throw fault;
  }
}

async function subject(issuer, key, stop) {
  const api = async (path, body) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const response = await fetch(issuer + path, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  };
  const invited = await api("/v1/users", { name: "Ana Cruz", email: EMAIL, role: "viewer" });
  await api("/v1/invitations/accept", { token: invited.invitation_token, password: PASSWORD });
  const found = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const made = {
    meta: await found.json(),
    callback: CALLBACK,
    scope: "read",
    verifier: randomBytes(32).toString("base64url"),
    resource: `${issuer}/v1/account`,
    visit: (address) => new Browser(issuer).go(address),
    approve: (address) => approve(issuer, address),
    stop,
  };
  for (const [name, key] of Object.entries({ one: ec(), two: ec(), signer: rsa() })) {
    const body = { name, jwks: { keys: [key.jwk] }, redirect_uris: [CALLBACK], scopes: ["read"] };
    const { id } = await api("/v1/oauth/clients", body);
    made[name] = new Party(made, { id, key });
  }
  return made;
}

async function approve(issuer, address) {
  const browser = new Browser(issuer);
  const answered = async (seen, fields) => {
    const ticket = Browser.field(seen.html, "ticket");
    if (!ticket) throw new Error(`no form: ${seen.status} ${seen.html.slice(0, 300)}`);
    return browser.go("/oauth/authorize", { ticket, ...fields });
  };
  const asked = await answered(await browser.go(address), { email: EMAIL, password: PASSWORD });
  return (await answered(asked, { answer: "allow" })).back;
}
