#!/bin/sh
# Encrypts card fields with npm `jose`, installed by name under target/, against the demo at BASE_URL (with its SECRET_KEY).
set -eu
cd "$(dirname "$0")/../.."
mkdir -p target/encryption
cp acceptance/encryption/client.mjs target/encryption/
npm install --silent --no-audit --no-fund --prefix target/encryption jose@6
node target/encryption/client.mjs
# With DATA, the demo's folder, its key is replaced, and all is tried again with both.
if [ -n "${DATA:-}" ]; then
    "${STRONGROOM:-target/debug/strongroom}" keys rotate --level encryption --data "$DATA"
    node target/encryption/client.mjs
fi
