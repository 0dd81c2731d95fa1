#!/bin/sh
# What protection must show (docs/protection.md), each line by a command that prints it. Without a name all lines, one after
# another; the first that fails ends the run. The programs of others that a line needs are installed by name, where missing.
#
#     acceptance/protection/run.sh [custody|rotation|canaries|ciphertext|debugger|transport|vectors …]
set -eu
cd "$(dirname "$0")/../.."
folder=target/protection
mkdir -p "$folder"

# Runs tests, shows what they print of themselves, and how many passed.
tests() {
    name=$1
    shift
    if ! cargo test --quiet "$@" >"$folder/$name.txt" 2>&1; then
        cat "$folder/$name.txt"
        exit 1
    fi
    grep -E 'skipped:|0 hits|forms|valid, [0-9]+ invalid|records on the old version' "$folder/$name.txt" || true
    passed=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$folder/$name.txt" | awk '{ sum += $1 } END { print sum + 0 }')
    [ "$passed" -gt 0 ] || { echo "$name: no test ran"; exit 1; }
    echo "$name: $passed tests passed"
}

need() {
    command -v "$1" >/dev/null && return
    apt-get install --yes --no-install-recommends "$2" >"$folder/apt.log" 2>&1 || {
        echo "cannot be shown here: $2 is not installed and cannot be (see $folder/apt.log)"
        exit 1
    }
}

line() {
    case $1 in
    custody)
        need softhsm2-util softhsm2
        tests custody --package strongroom --test keys -- --nocapture custody::
        ;;
    rotation)
        tests rotation --package strongroom --test keys -- --nocapture rotation:: levels::
        ;;
    canaries)
        tests canaries --package strongroom --test secrets -- --nocapture
        ;;
    ciphertext)
        tests ciphertext --package strongroom-http --test regressions -- ciphertext pan_hash_bruteforce
        tests ciphertext-vault --package strongroom-vaultd --lib -- ciphertext database_dump
        ;;
    debugger)
        need gdb gdb
        tests debugger --package strongroom --test vaulted -- memory::
        [ -x target/debug/strongroom ] || cargo build --quiet --package strongroom
        python3 acceptance/protection/debugger.py "${STRONGROOM:-target/debug/strongroom}" "$folder"
        tests sandbox --package strongroom-vaultd --test confined -- --nocapture
        python3 acceptance/protection/sandbox.py "${STRONGROOM:-target/debug/strongroom}" "$folder"
        ;;
    transport)
        need testssl testssl.sh
        need pebble pebble
        acceptance/tls/run.sh ${STRONGROOM:+"$STRONGROOM"}
        tests transport --package strongroom --test tls
        ;;
    vectors)
        tests vectors-crypto --package strongroom-crypto --test wycheproof --test vectors -- --nocapture
        tests vectors-inside --package strongroom-crypto --lib -- --nocapture wycheproof rfc_7518 npm_jose
        tests vectors-signatures --package strongroom-httpsig --test rfc9421
        tests vectors-log --package strongroom-audit --test tree
        ;;
    *)
        echo "there is no line \`$1\`" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] || set -- custody rotation canaries ciphertext debugger transport vectors
for one in "$@"; do
    echo "== $one"
    line "$one"
done
