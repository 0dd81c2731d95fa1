#!/bin/sh
# A bank that is not ours: takes a payout file from the demo, holds it against the official schema with PyPI `lxml`, answers it with
# a status report and a statement that PyPI `pyiso20022` makes from the same schemas, and looks at what became of the payouts.
#
#     BASE_URL=http://127.0.0.1:7070 SECRET_KEY=sk_test_… acceptance/iso20022/run.sh [SCHEMAS]
#
# SCHEMAS is a folder with the schemas of the ISO 20022 catalogue (`pain.001.001.09.xsd` …); without them that part is skipped.
set -eu
cd "$(dirname "$0")/../.."
: "${BASE_URL:?the demo to ask}" "${SECRET_KEY:?its secret key}"
if [ ! -x target/iso20022/python/bin/python ]; then
    mkdir -p target/iso20022
    python3 -m venv target/iso20022/python
    target/iso20022/python/bin/pip install --quiet --disable-pip-version-check lxml pyiso20022 xsdata
fi
exec target/iso20022/python/bin/python acceptance/iso20022/bank.py "${1:-}"
