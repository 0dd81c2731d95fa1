// Pays links in a browser as a person does, and looks at every page: what axe finds, what is loaded, what is cut off.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const base = process.env.BASE_URL;
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const WAIT = { timeout: 120_000 };

const api = async (method, path, body) => {
  const response = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${process.env.SECRET_KEY}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
};

const link = () =>
  api("POST", "/v1/payment-links", {
    amount: 125000,
    currency: "PHP",
    description: "Order 1042: two rattan chairs and delivery",
    success_url: "https://shop.example/thanks",
    cancel_url: "https://shop.example/cart",
  });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const sizes = { narrow: { width: 320, height: 720 }, wide: { width: 1280, height: 860 } };
let pages = 0;

// axe is a script itself: where there is none it looks at the same page in another walk.
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

async function fill(page, number, code = "737") {
  await page.getByLabel("Card number").fill(number);
  await page.getByLabel("Expiry date").fill("12 / 30");
  await page.getByLabel("Security code").fill(code);
  await page.getByLabel("Name on card").fill("Ana Peña");
  await page.getByRole("button", { name: /^Pay PHP/ }).click();
}

async function walk(size, scheme, script) {
  const name = `${size}-${scheme}-${script ? "script" : "plain"}`;
  const context = await browser.newContext({
    viewport: sizes[size],
    colorScheme: scheme,
    javaScriptEnabled: script,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const asked = [];
  const said = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  const made = await link();

  await page.goto(made.url);
  assert.deepEqual(asked, [made.url], "one round trip shows the page");
  await looked(page, `${name}-1-form`, script);
  if (script) {
    // The order in which a keyboard goes through it, and what the script makes of typed digits.
    for (const id of ["number", "expiry", "cvv", "name", "pay"]) {
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate("document.activeElement.id"), id);
    }
    await page.getByLabel("Card number").pressSequentially("378282246310005");
    assert.equal(await page.getByLabel("Card number").inputValue(), "3782 822463 10005");
    await page.getByLabel("Card number").fill("");
    await page.getByLabel("Expiry date").pressSequentially("1230");
    assert.equal(await page.getByLabel("Expiry date").inputValue(), "12 / 30");
  }

  await fill(page, "4242424242424241", "7");
  await page.getByText("Please look at these fields").waitFor(WAIT);
  assert.equal(await page.getByLabel("Card number").getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Card number").inputValue(), "");
  assert.equal(await page.getByLabel("Name on card").inputValue(), "Ana Peña");
  await looked(page, `${name}-2-faults`, script);

  await fill(page, "4000 0000 0000 0002");
  await page.getByText("The card was declined").waitFor(WAIT);
  await looked(page, `${name}-3-declined`, script);

  await fill(page, "4242 4242 4242 4242");
  await page.getByText("Payment complete").waitFor(WAIT);
  await page.getByText("Visa ending in 4242").waitFor(WAIT);
  assert.equal(await page.getByRole("link", { name: /^Continue to/ }).getAttribute("href"), "https://shop.example/thanks");
  await looked(page, `${name}-4-paid`, script);

  const paid = await api("GET", `/v1/payment-links/${made.id}`);
  assert.deepEqual([paid.status, paid.attempts], ["paid", 2]);
  const foreign = asked.filter((url) => !url.startsWith(`${base}/`));
  assert.deepEqual(foreign, [], "nothing is loaded from elsewhere");
  // A browser notes the status 422 of a form with faults; nothing else went wrong.
  assert.deepEqual(said.filter((text) => !text.includes("422")), [], "nothing went wrong in the page");
  await context.close();
}

async function ends() {
  const context = await browser.newContext({ viewport: sizes.wide, reducedMotion: "reduce" });
  const page = await context.newPage();
  const made = await link();
  await api("POST", `/v1/payment-links/${made.id}/cancel`, {});
  await page.goto(made.url);
  await page.getByText("This payment link was cancelled").waitFor(WAIT);
  await looked(page, "cancelled");
  await page.goto(`${base}/pay/plink_000000000000000000000000`);
  await page.getByText("There is no such payment link").waitFor(WAIT);
  await looked(page, "missing");
  await context.close();
  await waits();
}

// Never answered, the page waits and looks again by itself, with a script and without, until the payment was undone.
async function waits() {
  const still = await browser.newContext({ viewport: sizes.wide, reducedMotion: "reduce" });
  // axe takes its time; this page stands still for it.
  await still.addInitScript("const later = setTimeout; window.setTimeout = (f, ms, ...more) => (ms === 2000 ? 0 : later(f, ms, ...more));");
  const page = await still.newPage();
  const made = await link();
  await page.goto(made.url);
  await fill(page, "4000 0000 0000 1018");
  // On a slow machine it may be undone before the page is there.
  await page.getByText(/being processed|could not be reached/).waitFor(WAIT);
  const others = [];
  for (const javaScriptEnabled of [true, false]) {
    const context = await browser.newContext({ javaScriptEnabled });
    others.push(await context.newPage());
    await others.at(-1).goto(page.url());
  }
  await looked(page, "processing");
  for (const other of others) {
    await other.getByText("The card's bank could not be reached").waitFor(WAIT);
    await other.context().close();
  }
  await still.close();
}

for (const size of ["narrow", "wide"]) {
  for (const scheme of ["light", "dark"]) await walk(size, scheme, true);
}
await walk("narrow", "light", false);
await walk("wide", "dark", false);
await ends();
await browser.close();
console.log(`${pages} pages looked at, six links paid`);
