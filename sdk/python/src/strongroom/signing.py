"""Request signatures: HMAC-SHA-256 over method, target, timestamp and body, a line each."""

import hashlib
import hmac


def sign_request(method: str, target: str, timestamp: str, body: bytes, signing_secret: str) -> str:
    """The value of ``X-Signature``: 64 lower-case hexadecimal digits.

    ``target`` is the path and query as sent, ``timestamp`` the text of ``X-Timestamp`` in seconds since 1970, ``body`` the
    very bytes that are sent; none are signed as ``undefined``.
    """
    message = f"{method}\n{target}\n{timestamp}\n".encode() + (body or b"undefined")
    return hmac.new(signing_secret.encode(), message, hashlib.sha256).hexdigest()
