#!/bin/sh
# Passkeys in Chromium, by its virtual authenticator (WebAuthn over the DevTools protocol): one is registered on `/account`, used to sign in
# there and for an application (OAuth), asked for again for what is dangerous; what it answered is refused a second time, and so is what it
# answered to another origin. Without a script: a password, an authenticator, a recovery code. Looks at every page with axe.
# Starts a server of its own; installs by name under target/passkeys. SHOTS=folder keeps pictures.
#
#     acceptance/passkeys/run.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent. CHROMIUM names another browser.
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
mkdir -p target/passkeys
npm install --silent --no-audit --no-fund --prefix target/passkeys playwright-core axe-core
cp acceptance/passkeys/*.mjs target/passkeys/
exec node target/passkeys/all.mjs "$program"
