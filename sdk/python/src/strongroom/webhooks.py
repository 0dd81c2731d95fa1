"""The receiving side of webhooks: whether a delivery is the server's, and what it says.

``webhook-signature`` covers the id, the time and the body. ``NextAPI-Signature`` and ``X-NoPOS-Signature`` cover the body
alone: who captured one can send it again for ever. So the first is demanded and the others are reported.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: How far a delivery's time may be from the receiver's, in seconds.
TOLERANCE = 300

_NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature", "nextapi-signature", "x-nopos-signature")
_TIMED = _NAMES[:3]


class WebhookRefused(Exception):
    """Why a delivery is refused. ``code`` is stable: ``missing_header``, ``malformed_header``, ``too_old``, ``too_new``,
    ``no_match`` or ``malformed_body``."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class Delivery:
    """A delivery that is the server's."""

    #: The same on every attempt: what was handled under it is not handled again.
    id: str | None
    #: When it was sent, in seconds since 1970.
    timestamp: int | None
    event: dict[str, Any]
    #: The signatures that verify: ``standard``, ``ed25519``, ``nextapi``, ``nopos``.
    schemes: list[str]


def verify(
    raw_body: bytes,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    *secrets: str,
    tolerance: int = TOLERANCE,
    now: int | None = None,
    allow_untimed: bool = False,
) -> Delivery:
    """Checks a delivery against the endpoint's secret or its public key (``whpk_…``); give several during a rotation.

    ``raw_body`` is the bytes as received, before anything parsed them; ``now`` is the machine's clock if absent.
    ``allow_untimed`` also accepts a delivery without the three ``webhook-`` headers, on a signature of the body alone.
    Whoever saw such a delivery can send it again: handle each event's id once, for ever.

    Raises ``WebhookRefused``.
    """
    if not isinstance(raw_body, bytes | bytearray | memoryview):
        raise TypeError("`raw_body` is the bytes as received, not what a parser made of them")
    body = bytes(raw_body)
    keys = [_Key(secret) for secret in secrets]
    found = _read(headers)
    timestamp: int | None = None
    schemes: list[str] = []
    if not (allow_untimed and not any(name in found for name in _TIMED)):
        timestamp = _fresh(found, tolerance, int(time.time()) if now is None else now)
        schemes += _timed_schemes(body, found, keys)
        if not schemes:
            raise _no_match()
    schemes += _body_schemes(body, found, keys)
    if not schemes:
        raise _no_match()
    return Delivery(found.get("webhook-id"), timestamp, _envelope(body), schemes)


class _Key:
    """A secret in its two forms, or a public key."""

    def __init__(self, secret: str) -> None:
        self.text: bytes | None = None
        self.standard: bytes | None = None
        self.is_public: Callable[[bytes, bytes], bool] | None = None
        # SECURITY: a public key is no HMAC secret; a forger knows it.
        if secret.startswith("whpk_"):
            self.is_public = _ed25519(secret.removeprefix("whpk_"))
            return
        if not secret:
            raise ValueError("a webhook secret is not empty")
        self.text = secret.encode()
        decoded = _from_base64(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else None
        self.standard = decoded or self.text

    def signed(self, message: bytes, signature: bytes) -> bool:
        return self.standard is not None and _fits(self.standard, message, signature)

    def signed_body(self, body: bytes, signature: bytes) -> bool:
        return self.text is not None and _fits(self.text, body, signature)

    def signed_publicly(self, message: bytes, signature: bytes) -> bool:
        return self.is_public is not None and self.is_public(message, signature)


def _fits(key: bytes, message: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(hmac.new(key, message, hashlib.sha256).digest(), signature)


def _ed25519(text: str) -> Callable[[bytes, bytes], bool]:
    raw = _from_base64(text)
    if raw is None or len(raw) != 32:
        raise ValueError("a public key is `whpk_` and base64 of 32 bytes")
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as cause:
        raise RuntimeError("public keys need the package `cryptography`: install strongroom[ed25519]") from cause
    key = Ed25519PublicKey.from_public_bytes(raw)

    def fits(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return fits


def _timed_schemes(body: bytes, found: dict[str, str], keys: list[_Key]) -> list[str]:
    message = f"{found['webhook-id']}.{found['webhook-timestamp']}.".encode() + body
    tokens = [token.partition(",") for token in found["webhook-signature"].split(" ")]

    def presented(wanted: str) -> list[bytes]:
        decoded = (_from_base64(text) for version, _, text in tokens if version == wanted)
        return [signature for signature in decoded if signature is not None]

    schemes = []
    if any(key.signed(message, signature) for key in keys for signature in presented("v1")):
        schemes.append("standard")
    if any(key.signed_publicly(message, signature) for key in keys for signature in presented("v1a")):
        schemes.append("ed25519")
    return schemes


def _body_schemes(body: bytes, found: dict[str, str], keys: list[_Key]) -> list[str]:
    nextapi = found.get("nextapi-signature", "")
    presented = {
        "nextapi": nextapi.removeprefix("sha256=") if nextapi.startswith("sha256=") else "",
        "nopos": found.get("x-nopos-signature", ""),
    }
    return [
        scheme
        for scheme, text in presented.items()
        if re.fullmatch("[0-9a-f]{64}", text) and any(key.signed_body(body, bytes.fromhex(text)) for key in keys)
    ]


def _fresh(found: dict[str, str], tolerance: int, now: int) -> int:
    for name in _TIMED:
        if name not in found:
            raise WebhookRefused("missing_header", f"the delivery has no `{name}`")
    text = found["webhook-timestamp"]
    if not re.fullmatch("[0-9]{1,15}", text):
        raise WebhookRefused("malformed_header", "`webhook-timestamp` is no number of seconds")
    sent = int(text)
    if now - sent > tolerance:
        raise WebhookRefused("too_old", "the delivery was sent too long ago")
    if sent - now > tolerance:
        raise WebhookRefused("too_new", "the delivery was sent in the future")
    return sent


def _read(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    """SECURITY: a header that is there twice is refused, since two readers may read two values."""
    # An HTTP message is a mapping whose `items` gives every header, repeated ones too.
    pairs = headers.items() if hasattr(headers, "items") else headers
    found: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower not in _NAMES:
            continue
        if lower in found:
            raise WebhookRefused("malformed_header", f"the delivery has `{name}` twice")
        found[lower] = value
    return found


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    fields = {"id": str, "created": int, "type": str, "data": dict, "livemode": bool}
    if isinstance(event, dict) and all(type(event.get(name)) is kind for name, kind in fields.items()):
        return event
    raise WebhookRefused("malformed_body", "the delivery is signed, but is no event")


def _from_base64(text: str) -> bytes | None:
    """Base64 in its one proper form."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None


def _no_match() -> WebhookRefused:
    text = "no signature fits: the body was changed on its way or written anew, or the secret is another one"
    return WebhookRefused("no_match", text)
