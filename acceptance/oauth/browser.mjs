// A person in Chromium: he signs in, answers, and is sent back to an application that this script plays.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");

const WAIT = { timeout: 120_000 };

// Opens an address, signs in, answers, and gives the address that the browser is sent back to.
export async function answered(address, callback, { email, password, wrong }, answer = "Allow") {
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    // Without a script, as the pages are made.
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    const faults = [];
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    await page.goto(address, WAIT);
    if (wrong) {
      await signIn(page, email, "not the password");
      await page.getByRole("alert").waitFor(WAIT);
    }
    await signIn(page, email, password);
    const button = page.getByRole("button", { name: answer, exact: true });
    await button.waitFor(WAIT);
    // Nobody need listen there: where the browser is on its way to is the answer.
    const back = page.waitForRequest((request) => request.url().startsWith(`${callback}?`), WAIT);
    await button.click({ ...WAIT, noWaitAfter: true });
    const url = new URL((await back).url());
    // A wrong login is answered with 422, which the browser's console tells of.
    const others = faults.filter((text) => !text.includes("422"));
    assert.deepEqual(others, [], "what the browser complained of");
    return url;
  } finally {
    await browser.close();
  }
}

async function signIn(page, email, password) {
  await page.getByLabel("E-mail address").fill(email, WAIT);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click(WAIT);
}
