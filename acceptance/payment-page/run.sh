#!/bin/sh
# Pays links in a browser, with and without a script, against the demo at BASE_URL (with its SECRET_KEY): playwright-core and
# axe-core are installed by name under target/, the browser is the system's (CHROMIUM, or `chromium`). SHOTS keeps pictures.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p target/payment-page
npm install --silent --no-audit --no-fund --prefix target/payment-page playwright-core axe-core
cp acceptance/payment-page/pay.mjs target/payment-page/
node target/payment-page/pay.mjs
