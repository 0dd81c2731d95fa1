#!/bin/sh
# The authorization server, asked by clients that are not ours, and by a person in Chromium: npm `openid-client` (FAPI 2.0 from discovery to
# revocation) and `oauth4webapi` (the same, and a public client with PKCE), the documents' own token exchange in Node, PyPI `Authlib`, and
# the Rust crates `oauth2` and `openidconnect`.
# Starts a demo of its own; installs by name under target/oauth.
#
#     acceptance/oauth/run.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent. CHROMIUM names another browser.
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
mkdir -p target/oauth
npm install --silent --no-audit --no-fund --prefix target/oauth openid-client oauth4webapi playwright-core
if [ ! -x target/oauth/python/bin/python ]; then
    python3 -m venv target/oauth/python
    target/oauth/python/bin/pip install --quiet --disable-pip-version-check Authlib requests
fi
cargo build --quiet --manifest-path acceptance/oauth/rust/Cargo.toml --target-dir target/oauth/rust
cp acceptance/oauth/*.mjs target/oauth/
export RUST_CLIENT=target/oauth/rust/debug/oauth-acceptance
PYTHON=target/oauth/python/bin/python JUDGE=acceptance/oauth/judge.py exec node target/oauth/all.mjs "$program"
