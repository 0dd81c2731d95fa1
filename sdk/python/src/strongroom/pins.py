"""Pin sets: the signed list of keys that a server may be known by, and connections to those keys alone.

Needs ``cryptography``.
"""

import base64
import binascii
import hashlib
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

#: How far the signer's clock may be ahead, in seconds.
TOLERANCE = 300


class PinRefused(Exception):
    """Why a pin set, or a server, is refused. ``code`` is stable: ``malformed``, ``bad_signature``, ``not_yet``, ``expired``,
    ``rolled_back``, ``other_host`` or ``not_pinned``."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class PinSet:
    #: Keep the highest one that was seen, and give it as ``least_sequence`` next time.
    sequence: int
    #: Seconds since 1970.
    issued_at: int
    expires_at: int
    hosts: tuple[str, ...]
    #: SHA-256 over each key's SubjectPublicKeyInfo.
    pins: frozenset[bytes]


def verify(
    document: bytes | str,
    public_key: str,
    *,
    host: str | None = None,
    least_sequence: int = 0,
    now: int | None = None,
) -> PinSet:
    """Verifies what ``/.well-known/strongroom-pins`` holds. ``public_key`` is what ``strongroom pins key`` showed; it comes
    with the app, never from the server.

    Raises ``PinRefused``.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    envelope = _object(document)
    protected, payload, signature = (_part(envelope, name) for name in ("protected", "payload", "signature"))
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
    # SECURITY: the signature comes first; nothing of a document that is not the signer's is understood.
    try:
        key.verify(_decoded(signature), f"{protected}.{payload}".encode())
    except InvalidSignature:
        raise PinRefused("bad_signature", "the pin set is not signed by that key") from None
    header = _object(_decoded(protected))
    if header.get("alg") != "EdDSA" or header.get("typ") != "strongroom-pins+json":
        raise _malformed()
    pins = _read(_object(_decoded(payload)))
    _check(pins, host, least_sequence, int(time.time()) if now is None else now)
    return pins


class PinnedConnection(http.client.HTTPSConnection):
    """A connection to a server whose certificate is valid as ever, and whose key is in the set."""

    def __init__(self, host: str, port: int | None, *, pins: PinSet, **more: Any) -> None:
        super().__init__(host, port, **more)
        self._pins = pins

    def connect(self) -> None:
        if time.time() >= self._pins.expires_at:
            raise PinRefused("expired", "the pin set has expired")
        super().connect()
        if _pin(self.sock.getpeercert(binary_form=True)) not in self._pins.pins:
            self.close()
            raise PinRefused("not_pinned", "the server has a key that no pin covers")


def _pin(certificate: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _check(pins: PinSet, host: str | None, least_sequence: int, now: int) -> None:
    if pins.issued_at > now + TOLERANCE:
        raise PinRefused("not_yet", "the pin set is of the future")
    if now >= pins.expires_at:
        raise PinRefused("expired", "the pin set has expired")
    if pins.sequence < least_sequence:
        raise PinRefused("rolled_back", "a newer pin set was seen before")
    if host is not None and pins.hosts and host not in pins.hosts:
        raise PinRefused("other_host", "the pin set is for other hosts")


def _read(payload: dict[str, Any]) -> PinSet:
    numbers = [payload.get(name) for name in ("sequence", "issued_at", "expires_at")]
    hosts, listed = payload.get("hosts", []), payload.get("pins")
    if not all(type(number) is int for number in numbers) or not isinstance(hosts, list) or not isinstance(listed, list):
        raise _malformed()
    try:
        pins = frozenset(base64.b64decode(pin["spki_sha256"], validate=True) for pin in listed)
    except (KeyError, TypeError, binascii.Error):
        raise _malformed() from None
    if len(pins) < 2 or any(len(pin) != 32 for pin in pins):
        raise _malformed()
    sequence, issued_at, expires_at = numbers
    return PinSet(sequence, issued_at, expires_at, tuple(map(str, hosts)), pins)


def _part(envelope: dict[str, Any], name: str) -> str:
    part = envelope.get(name)
    if not isinstance(part, str) or not part.isascii():
        raise _malformed()
    return part


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise _malformed() from None


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise _malformed() from None
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _malformed() -> PinRefused:
    return PinRefused("malformed", "this is no pin set")
