#!/bin/sh
# What a server of FAPI 2.0 must refuse, one thing wrong at a time, asked of Strongroom – after the questions themselves were tried on others:
# npm `oidc-provider` with FAPI 2.0 on (all green), the same set up badly (red where it should be), and one that says yes to everything (all red).
# Installs by name under target/oauth.
#
#     acceptance/oauth/calibrate.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
mkdir -p target/oauth
npm install --silent --no-audit --no-fund --prefix target/oauth oidc-provider
cp acceptance/oauth/*.mjs target/oauth/
exec node target/oauth/calibrate.mjs "$program"
