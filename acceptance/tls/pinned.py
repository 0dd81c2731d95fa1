"""The Python SDK against a server that publishes a pin set, and against another for the same name whose key is in none."""

import json
import pathlib
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "sdk/python/src"))

try:
    import cryptography  # noqa: F401
except ImportError:
    print("skipped: the Python package `cryptography` is not installed")
    sys.exit(0)

import http.client

from strongroom import Refusal, Strongroom, pins

port, impostor, authority, public_key, host = sys.argv[1:]
port, impostor = int(port), int(impostor)
context = ssl.create_default_context(cafile=authority)

# The name leads to this machine.
_connect = socket.create_connection
socket.create_connection = lambda address, *more, **named: _connect(("127.0.0.1", address[1]), *more, **named)


def refused(code, work):
    try:
        work()
    except pins.PinRefused as refusal:
        assert refusal.code == code, (refusal.code, code)
    else:
        raise AssertionError(f"not refused: {code}")


def health(at, known):
    connection = pins.PinnedConnection(host, at, pins=known, context=context, timeout=30)
    connection.request("GET", "/health")
    return connection.getresponse().status


# The document is trusted for its signature alone, so how it was fetched does not matter.
plain = http.client.HTTPSConnection(host, port, context=context, timeout=30)
plain.request("GET", "/.well-known/strongroom-pins")
document = plain.getresponse().read()
known = pins.verify(document, public_key, host=host)

assert health(port, known) == 200
try:
    Strongroom(f"https://{host}:{port}", "sk_test_none", pins=known, context=context).get("/v1/account")
except Refusal as refusal:
    assert refusal.status == 401
else:
    raise AssertionError("a key that is none was taken")

refused("not_pinned", lambda: health(impostor, known))
client = Strongroom(f"https://{host}:{impostor}", "sk_test_none", pins=known, context=context, attempts=1)
refused("not_pinned", lambda: client.get("/v1/account"))

forged = json.dumps({**json.loads(document), "payload": "e30"})
refused("bad_signature", lambda: pins.verify(forged, public_key))
refused("expired", lambda: pins.verify(document, public_key, now=known.expires_at))
refused("not_yet", lambda: pins.verify(document, public_key, now=known.issued_at - 1000))
refused("rolled_back", lambda: pins.verify(document, public_key, least_sequence=known.sequence + 1))
refused("other_host", lambda: pins.verify(document, public_key, host="other.example"))
refused("malformed", lambda: pins.verify(b"{}", public_key))
print("pinned: connected; impostor: refused; forged set: refused")
