#!/bin/sh
# Signs requests with PyPI `http-message-signatures` for a server of ours, and checks with it what `strongroom sign`, and has
# `strongroom verify-signature` check what it signed; and with the documents' `signRequest` in Node. Installs it by name under target/signing. Starts a server of its own.
#
#     acceptance/signing/run.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
if [ ! -x target/signing/python/bin/python ]; then
    mkdir -p target/signing
    python3 -m venv target/signing/python
    target/signing/python/bin/pip install --quiet --disable-pip-version-check http-message-signatures requests cryptography
fi
exec target/signing/python/bin/python acceptance/signing/judge.py "$program"
