#!/bin/sh
# Verifies one delivery of a running server with clients that are not ours, and with ours. Installs the foreign ones, by
# name, under target/; says what it skips and why.
set -eu
cd "$(dirname "$0")/../.."
STRONGROOM_TEST_ALL=1 exec cargo test --package strongroom --test webhook_clients -- --nocapture
