#!/bin/sh
# Payments and refunds through an acquirer that is written with PyPI `pyiso8583`, installed by name under target/. Makes
# installations of its own and serves them with STRONGROOM (target/debug/strongroom), once for each way of writing messages.
set -eu
cd "$(dirname "$0")/../.."
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --upgrade \
    --target target/iso8583/site pyiso8583
PYTHONPATH=target/iso8583/site exec python3 acceptance/iso8583/exchange.py "${STRONGROOM:-target/debug/strongroom}"
