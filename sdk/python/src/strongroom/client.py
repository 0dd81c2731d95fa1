"""One server under one API key."""

import http.client
import json
import random
import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import MalformedAnswer, Refusal, Unreachable
from .pins import PinnedConnection, PinSet
from .signing import MessageSigner, sign_request
from .stream import read_events

_AGENT = "strongroom-python/0.1.0"
_PASSING = {429, 502, 503, 504}


@dataclass(frozen=True)
class _Reply:
    status: int
    retry_after: str | None
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            raise MalformedAnswer(self.status) from None

    def is_passing(self) -> bool:
        """Whether the same request may be answered otherwise in a moment."""
        return self.status in _PASSING or (self.status == 409 and b"idempotency_key_in_use" in self.body)


class Strongroom:
    """Signs each request and repeats what passes; changes carry an idempotency key, so that repeating them is safe.

    ``attempts`` counts the first one; waits are in seconds, double each time, and a server that asks for more than
    ``longest_wait`` gets none. ``message_signer`` signs by RFC 9421, in the place of ``signing_secret``. ``pins`` is a verified set (``pins.verify``), to connect to those keys alone; ``context`` says
    which authorities are trusted otherwise. Every attempt has a connection of its own: an instance may be used from several threads.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        signing_secret: str | None = None,
        *,
        message_signer: MessageSigner | None = None,
        attempts: int = 4,
        first_wait: float = 0.1,
        longest_wait: float = 5.0,
        time_limit: float = 30.0,
        pins: PinSet | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
            raise ValueError("`base_url` is an origin, as in https://pay.example.com")
        self._secure = url.scheme == "https"
        self._authority = (url.hostname, url.port)
        self._secret_key = secret_key
        if signing_secret is not None and message_signer is not None:
            raise ValueError("a request is signed either by `signing_secret` or by `message_signer`")
        self._origin = f"{url.scheme}://{url.netloc}"
        self._signing_secret = signing_secret
        self._message_signer = message_signer
        self._attempts = attempts
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._time_limit = time_limit
        if pins is not None and not self._secure:
            raise ValueError("`pins` are of TLS keys: use https")
        self._pins = pins
        self._context = context

    def get(self, target: str) -> Any:
        """Reads something; ``target`` is a path with its query."""
        return self._send("GET", target, None, None)

    def post(self, target: str, body: Any = None, *, idempotency_key: str | None = None) -> Any:
        """Changes something. Store the key with the order it pays, and the payment cannot be made twice."""
        return self._send("POST", target, body, idempotency_key)

    def patch(self, target: str, body: Any, *, idempotency_key: str | None = None) -> Any:
        return self._send("PATCH", target, body, idempotency_key)

    def delete(self, target: str, *, idempotency_key: str | None = None) -> Any:
        return self._send("DELETE", target, None, idempotency_key)

    def events(self, after: str | None = None, types: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Every event after the given one, oldest first, to the stream's end."""
        return read_events(self, after, types)

    def _send(self, method: str, target: str, content: Any, idempotency_key: str | None) -> Any:
        if not target.startswith("/") or not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError("`target` is a path on the server, percent-encoded")
        body = b"" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        key = idempotency_key or secrets.token_hex(16)
        for attempt in range(1, self._attempts + 1):
            is_last = attempt == self._attempts
            try:
                reply = self._attempt(method, target, body, key)
            except (OSError, http.client.HTTPException) as cause:
                if is_last:
                    raise Unreachable("the server did not answer") from cause
                time.sleep(self._wait(attempt))
                continue
            wait = None if is_last else self._wait_after(reply, attempt)
            if wait is None:
                return _answer(reply)
            time.sleep(wait)
        raise ValueError("`attempts` is at least 1")

    def _attempt(self, method: str, target: str, body: bytes, key: str) -> _Reply:
        connection = self._connection()
        try:
            connection.request(method, target, body or None, self._headers(method, target, body, key))
            response = connection.getresponse()
            return _Reply(response.status, response.getheader("Retry-After"), response.read())
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._authority
        if not self._secure:
            return http.client.HTTPConnection(host, port, timeout=self._time_limit)
        more: dict[str, Any] = {"timeout": self._time_limit, "context": self._context}
        if self._pins is None:
            return http.client.HTTPSConnection(host, port, **more)
        return PinnedConnection(host, port, pins=self._pins, **more)

    def _headers(self, method: str, target: str, body: bytes, key: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._secret_key}", "User-Agent": _AGENT}
        if body:
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers["Idempotency-Key"] = key
        if self._signing_secret:
            timestamp = str(int(time.time()))
            headers["X-Timestamp"] = timestamp
            headers["X-Signature"] = sign_request(method, target, timestamp, body, self._signing_secret)
        if self._message_signer:
            now, nonce = int(time.time()), secrets.token_hex(16)
            signer = self._message_signer
            headers |= signer.sign(method, self._origin, target, headers, body, created=now, nonce=nonce)
        return headers

    def _wait_after(self, reply: _Reply, attempt: int) -> float | None:
        """The wait before the next attempt; none when the answer is final."""
        if not reply.is_passing():
            return None
        asked = reply.retry_after or ""
        wait = float(asked) if asked.isdecimal() else self._wait(attempt)
        return wait if wait <= self._longest_wait else None

    def _wait(self, attempt: int) -> float:
        doubled = self._first_wait * 2 ** (attempt - 1)
        return min(doubled * (1 + random.random() / 4), self._longest_wait)


def _answer(reply: _Reply) -> Any:
    content = reply.json()
    if 200 <= reply.status < 300:
        return content
    if not isinstance(content, dict):
        raise MalformedAnswer(reply.status)
    raise Refusal(reply.status, content)
