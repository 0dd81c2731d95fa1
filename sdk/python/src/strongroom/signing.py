"""Request signatures: HMAC-SHA-256 over method, target, timestamp and body, a line each; and HTTP message signatures."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def sign_request(method: str, target: str, timestamp: str, body: bytes, signing_secret: str) -> str:
    """The value of ``X-Signature``: 64 lower-case hexadecimal digits.

    ``target`` is the path and query as sent, ``timestamp`` the text of ``X-Timestamp`` in seconds since 1970, ``body`` the
    very bytes that are sent; none are signed as ``undefined``.
    """
    message = f"{method}\n{target}\n{timestamp}\n".encode() + (body or b"undefined")
    return hmac.new(signing_secret.encode(), message, hashlib.sha256).hexdigest()


_COVERED = ("content-digest", "content-type", "idempotency-key", "x-idempotency-key", "approval-id")


@dataclass(frozen=True)
class MessageSigner:
    """Signs HTTP messages (RFC 9421): by the API key's signing secret, under the key's own id, or by a private key whose public
    half is registered with the API key, under the id it was registered with.

    ``private_key`` is one of Ed25519 from the ``cryptography`` package.
    """

    keyid: str
    signing_secret: str | None = field(default=None, repr=False)
    private_key: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.signing_secret is None) == (self.private_key is None):
            raise ValueError("give either `signing_secret` or `private_key`")

    def sign(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        created: int,
        nonce: str | None = None,
    ) -> dict[str, str]:
        """The headers to add to a request, ``Content-Digest`` (RFC 9530) included where it has a body."""
        added: dict[str, str] = {}
        if body:
            added["Content-Digest"] = f"sha-256=:{_base64(hashlib.sha256(body).digest())}:"
        sent = {name.lower(): value.strip() for name, value in {**headers, **added}.items()}
        covered = {"@method": method, "@target-uri": origin + target}
        covered.update((name, sent[name]) for name in _COVERED if name in sent)
        said = f";created={created};keyid={_quoted(self.keyid)}"
        if nonce is not None:
            said += f";nonce={_quoted(nonce)}"
        parameters = "(" + " ".join(f'"{name}"' for name in covered) + ")" + said
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
        added["Signature-Input"] = f"sig={parameters}"
        added["Signature"] = f"sig=:{_base64(self._signature(base))}:"
        return added

    def _signature(self, base: bytes) -> bytes:
        if self.signing_secret is not None:
            return hmac.new(self.signing_secret.encode(), base, hashlib.sha256).digest()
        signature: bytes = self.private_key.sign(base)
        return signature


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("what a signature says is visible ASCII")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
