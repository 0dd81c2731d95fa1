// Starts a demo, registers clients and a person on it, and lets each client speak in turn.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { bound } from "./bound.mjs";
import { fapi } from "./fapi.mjs";
import { plain } from "./plain.mjs";
import { rust } from "./rust.mjs";

const demo = spawn(process.argv[2], ["demo", "--json", "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
const ended = new Promise((resolve) => demo.once("exit", resolve));

// What the demo says of itself is JSON on its first line.
async function started() {
  for await (const line of createInterface({ input: demo.stdout })) {
    if (line.startsWith("{")) return JSON.parse(line);
  }
  throw new Error("the demo ended before it said where it is");
}

try {
  const told = await started();
  const base = told.base_url;
  const api = async (method, path, body) => {
    const headers = { authorization: `Bearer ${told.secret_key}`, "content-type": "application/json" };
    const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  };
  const email = "ana@lumen.example";
  const password = "kelp tonic 7 umbrella";
  const invited = await api("POST", "/v1/users", { name: "Ana Cruz", email, role: "operator" });
  await api("POST", "/v1/invitations/accept", { token: invited.invitation_token, password });
  const world = { base, api, email, password };
  await fapi(world);
  await bound(world);
  await plain(world);
  await rust(world, process.env.RUST_CLIENT);
  const key = await api("POST", "/v1/oauth/clients", {
    name: "Authlib, with a secret",
    profile: "classic",
    token_endpoint_auth_method: "client_secret_basic",
    scopes: ["read"],
  });
  const env = { ...process.env, BASE_URL: base, CLIENT_ID: key.id, CLIENT_SECRET: key.client_secret, SECRET_KEY: told.secret_key };
  execFileSync(process.env.PYTHON, [process.env.JUDGE], { env, stdio: "inherit" });
  console.log("all clients have what they asked for");
} finally {
  demo.kill("SIGTERM");
  await ended;
}
