#!/bin/sh
# Makes reports in every format on a server of its own and reads them with programs that are not ours: Python's csv, PyPI
# `pyarrow` and `pypdf`, installed by name under target/reports. All figures are held against the API's own lists.
#
#     acceptance/reports/run.sh [PROGRAM]        a built `strongroom`; target/debug/strongroom when absent
set -eu
cd "$(dirname "$0")/../.."
program=${1:-target/debug/strongroom}
[ -x "$program" ] || cargo build --package strongroom
if [ ! -x target/reports/python/bin/python ]; then
    mkdir -p target/reports
    python3 -m venv target/reports/python
    target/reports/python/bin/pip install --quiet --disable-pip-version-check pyarrow pypdf requests
fi
exec target/reports/python/bin/python acceptance/reports/judge.py "$program"
