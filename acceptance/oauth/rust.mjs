// The Rust crates `oauth2` and `openidconnect`: a program of their own, for which this script walks the browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { answered } from "./browser.mjs";

const CALLBACK = "http://127.0.0.1:4181/cb";

export async function rust(world, program) {
  const register = (name, method) =>
    world.api("POST", "/v1/oauth/clients", {
      name,
      profile: "oauth21",
      token_endpoint_auth_method: method,
      redirect_uris: [CALLBACK],
      scopes: ["read"],
    });
  const open = await register("oauth2", "none");
  const closed = await register("openidconnect", "client_secret_basic");
  const words = [world.base, CALLBACK, open.id, closed.id, closed.client_secret];
  const client = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => client.once("exit", resolve));
  try {
    for await (const line of createInterface({ input: client.stdout })) {
      if (!line.startsWith("go ")) {
        console.log(line);
        continue;
      }
      const back = await answered(line.slice(3), CALLBACK, world);
      client.stdin.write(`${back.href}\n`);
    }
  } finally {
    client.stdin.end();
  }
  assert.equal(await ended, 0, "the program of the crates");
}
