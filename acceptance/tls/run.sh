#!/bin/sh
# Has testssl.sh and sslyze look at the server with a certificate of a test authority, and fails on anything they rate LOW or
# worse, but what is the authority's own: that nobody trusts it, and that it keeps no list of revoked certificates.
# Installs both tools by name, where they are missing. The reports stay in target/tls.
#
#     acceptance/tls/run.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
mkdir -p target/tls

if ! command -v testssl >/dev/null; then
    apt-get install --yes --no-install-recommends testssl.sh >target/tls/apt.log 2>&1 || {
        echo "skipped: testssl.sh cannot be installed (see target/tls/apt.log)"
        exit 0
    }
fi
if [ ! -x target/tls/python/bin/sslyze ]; then
    python3 -m venv target/tls/python
    target/tls/python/bin/pip install --quiet --disable-pip-version-check sslyze
fi

exec target/tls/python/bin/python acceptance/tls/judge.py "$program"
