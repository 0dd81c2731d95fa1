// A person and his passkey, in Chromium.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { person, start } from "./server.mjs";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const WAIT = { timeout: 120_000 };
const CALLBACK = "http://127.0.0.1:4182/cb";
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const server = await start(process.argv[2]);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
let pages = 0;

// What axe finds, and what is cut off.
async function looked(page, name, script = true) {
  pages += 1;
  if (script) {
    const found = await page.evaluate(`${axe.source}; axe.run(document, { resultTypes: ["violations"] })`);
    const faults = found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(faults, [], `${name}: axe`);
  }
  const wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.ok(wide <= 0, `${name}: ${wide} pixels are cut off`);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

async function opened(options) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  const close = async () => {
    // A form with a fault is answered with 422, which the browser's console tells of.
    assert.deepEqual(said.filter((text) => !text.includes("422")), [], "nothing went wrong in the page");
    await context.close();
  };
  return { context, page, close };
}

async function typed(page, { email, password }) {
  await page.getByLabel("E-mail address").fill(email, WAIT);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click(WAIT);
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click(WAIT);
const heading = (page, name) => page.getByRole("heading", { name }).waitFor(WAIT);

// What the browser posts next with an answer of a passkey.
const answer = async (page, act) => {
  const posted = page.waitForRequest((request) => request.method() === "POST", WAIT);
  await act();
  return new URLSearchParams((await posted).postData()).get("passkey");
};

function totp(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  return (ahead) => {
    step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
    const mac = crypto.createHmac("sha1", key).update(step).digest();
    const at = mac[19] & 15;
    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
  };
}

async function application() {
  const client = await server.api("POST", "/v1/oauth/clients", {
    name: "Ledger sync",
    profile: "oauth21",
    token_endpoint_auth_method: "none",
    redirect_uris: [CALLBACK],
    scopes: ["read"],
  });
  const verifier = crypto.randomBytes(32).toString("base64url");
  const challenge = crypto.createHash("sha256").update(verifier).digest("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: client.id,
    redirect_uri: CALLBACK,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  return { id: client.id, verifier, path: `/oauth/authorize?${query}` };
}

// A page of the server's, as far as its hidden field.
const hidden = (html, name) => html.match(new RegExp(`name="${name}" value="([^"]*)"`))[1];

// The second step of signing in for an application, by no browser: what a passkey answered is put into its form.
async function shownElsewhere(app, ana, passkeyOf) {
  const begun = await (await fetch(server.origin + app.path)).text();
  const asked = await server.form("/oauth/authorize", { ticket: hidden(begun, "ticket"), email: ana.email, password: ana.password });
  const html = await asked.text();
  const question = JSON.parse(html.match(/ data-get="([^"]*)"/)[1].replaceAll("&quot;", '"').replaceAll("&amp;", "&"));
  const fields = { ticket: hidden(html, "ticket"), halfway: hidden(html, "halfway"), passkey: await passkeyOf(question) };
  const refused = await server.form("/oauth/authorize", fields);
  return [refused.status, (await refused.text()).includes("does not fit, or was used before")];
}

async function passkeys(ana) {
  const { context, page, close } = await opened({ viewport: { width: 1280, height: 900 } });
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });

  await page.goto(`${server.origin}/account`, WAIT);
  await looked(page, "1-sign-in");
  await typed(page, { ...ana, password: "not the password" });
  await page.getByRole("alert").waitFor(WAIT);
  await looked(page, "2-wrong");
  await typed(page, ana);
  await heading(page, ana.name);
  await looked(page, "3-account");
  // A session by the password alone is kept for later.
  const [before] = await context.cookies(server.origin);
  await context.clearCookies();
  await page.goto(`${server.origin}/account`, WAIT);
  await typed(page, ana);
  await page.getByLabel("Name of a new passkey").fill("My laptop", WAIT);
  await press(page, "Add a passkey");
  await heading(page, "Your recovery codes");
  assert.equal(await page.locator(".codes li").count(), 10);
  await looked(page, "4-recovery-codes");
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  assert.deepEqual(credentials.map((one) => one.rpId), ["localhost"]);
  await page.getByRole("link", { name: "Back to your account" }).click(WAIT);
  await page.getByRole("button", { name: "Remove My laptop" }).waitFor(WAIT);
  await looked(page, "5-trusted");
  console.log("a passkey was registered on /account");

  // That session must show the new factor before it changes one.
  await context.clearCookies();
  const { name, value } = before;
  const cookie = { name, value, url: server.origin, path: "/", secure: true, httpOnly: true, sameSite: "Strict" };
  await cdp.send("Network.setCookie", cookie);
  await page.goto(`${server.origin}/account`, WAIT);
  await heading(page, "Confirm that it is you");
  assert.equal(await page.getByRole("button", { name: "Remove My laptop" }).count(), 0);
  await looked(page, "6-step-up");
  await press(page, "Use a passkey");
  await page.getByRole("button", { name: "Remove My laptop" }).waitFor(WAIT);
  console.log("stepped up by it, in a session that was begun with the password alone");

  await press(page, "Sign out");
  await typed(page, ana);
  await heading(page, "Confirm that it is you");
  await looked(page, "7-second-step");
  await press(page, "Use a passkey");
  await page.getByText("My laptop").waitFor(WAIT);
  console.log("signed in with it on /account");

  const app = await application();
  await page.goto(server.origin + app.path, WAIT);
  await typed(page, ana);
  await page.getByText("Confirm that it is you").waitFor(WAIT);
  await looked(page, "8-application");
  const used = await answer(page, () => press(page, "Use a passkey"));
  await page.getByRole("button", { name: "Allow", exact: true }).waitFor(WAIT);
  await looked(page, "9-consent");
  const back = page.waitForRequest((request) => request.url().startsWith(`${CALLBACK}?`), WAIT);
  await page.getByRole("button", { name: "Allow", exact: true }).click({ ...WAIT, noWaitAfter: true });
  const code = new URL((await back).url()).searchParams.get("code");
  const given = await server.form("/oauth/token", {
    grant_type: "authorization_code",
    client_id: app.id,
    code,
    redirect_uri: CALLBACK,
    code_verifier: app.verifier,
  });
  const { access_token: token } = await given.json();
  await server.api("GET", "/v1/account", undefined, token);
  console.log("signed in with it for an application, which got its token");

  for (let n = 0; n < 5; n += 1) {
    assert.deepEqual(await shownElsewhere(app, ana, () => used), [422, true], "a repetition");
  }
  console.log("what it answered was refused 5 times of 5 when it was sent again");

  // Another port of this machine may ask for passkeys of `localhost`, too: the browser lets it, the server does not.
  const evil = "http://localhost:4183";
  await context.route(`${evil}/**`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>evil</title>" }));
  await page.goto(`${evil}/`, WAIT);
  const stolen = (question) =>
    page.evaluate(async (asked) => {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
      const { id, response } = (await navigator.credentials.get({ publicKey })).toJSON();
      return JSON.stringify({ id, response });
    }, question);
  let origin;
  const refused = await shownElsewhere(app, ana, async (question) => {
    const text = await stolen(question);
    origin = JSON.parse(Buffer.from(JSON.parse(text).response.clientDataJSON, "base64url")).origin;
    return text;
  });
  assert.deepEqual([origin, ...refused], [evil, 422, true]);
  console.log(`what it answered to ${evil} was refused`);
  await close();
}

// A phone, dark, without a script.
async function plain(ben) {
  const { page, close } = await opened({ viewport: { width: 320, height: 720 }, colorScheme: "dark", javaScriptEnabled: false });
  await page.goto(`${server.origin}/account`, WAIT);
  await typed(page, ben);
  await heading(page, ben.name);
  await looked(page, "a-account", false);
  assert.equal(await page.getByRole("button", { name: "Add a passkey" }).isVisible(), false);
  await press(page, "Set up an authenticator");
  await looked(page, "b-authenticator", false);
  const code = totp((await page.locator(".secret").textContent()).replaceAll(" ", ""));
  await page.getByLabel("The six digits").fill(code(0));
  await press(page, "Confirm");
  await heading(page, "Your recovery codes");
  const [recovery] = await page.locator(".codes li").allTextContents();
  await page.getByRole("link", { name: "Back to your account" }).click(WAIT);
  await press(page, "Sign out");
  for (const second of [code(1), recovery]) {
    await typed(page, ben);
    await looked(page, "c-second-step", false);
    await page.getByLabel("Security code").fill(second);
    await press(page, "Continue");
    await heading(page, "Recovery codes");
    await looked(page, "d-trusted", false);
    await press(page, "Sign out");
    await page.getByLabel("Password").waitFor(WAIT);
  }
  console.log("without a script: a password with an authenticator's code, and with a recovery code");
  await close();
}

try {
  await passkeys(await person(server, "Ana Cruz", "ana@lumen.example"));
  await plain(await person(server, "Ben Ode", "ben@lumen.example"));
  console.log(`${pages} pages looked at`);
} finally {
  await browser.close();
  await server.stop();
}
