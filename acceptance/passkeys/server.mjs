// An installation of its own, known as `http://localhost:…`: browsers take that for as safe as TLS, and a passkey needs a name.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

export async function start(program) {
  const folder = mkdtempSync(join(tmpdir(), "passkeys-"));
  const [port, admin] = [await freePort(), await freePort()];
  const config = join(folder, "strongroom.toml");
  const passphrase = join(folder, "passphrase");
  writeFileSync(passphrase, "correct horse battery staple\n", { mode: 0o600 });
  const words = ["--config", config, "--passphrase-file", passphrase];
  const told = execFileSync(resolve(program), ["init", ...words], { cwd: folder, encoding: "utf8" });
  const key = told.match(/sk_test_[0-9A-Za-z]+/)[0];
  const origin = `http://localhost:${port}`;
  const text = readFileSync(config, "utf8").replace("127.0.0.1:7070", `127.0.0.1:${port}`).replace("127.0.0.1:7071", `127.0.0.1:${admin}`);
  writeFileSync(config, `public_origins = ["${origin}"]\n${text}`);
  const server = spawn(resolve(program), ["serve", ...words], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done) => server.once("exit", done));
  const lines = createInterface({ input: server.stdout });
  await Promise.race([new Promise((done) => lines.once("line", done)), ended.then(() => assert.fail("the server ended"))]);
  const api = async (method, path, body, token = key) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  };
  // A form as a browser sends it, where none is needed.
  const form = (path, fields) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  };
  return { origin, api, form, stop };
}

// Somebody who has accepted an invitation.
export async function person(server, name, email) {
  const password = "kelp tonic 7 umbrella";
  const invited = await server.api("POST", "/v1/users", { name, email, role: "operator" });
  await server.api("POST", "/v1/invitations/accept", { token: invited.invitation_token, password });
  return { name, email, password };
}
