"""What can go wrong when a server is called."""

from typing import Any


class Refusal(Exception):
    """The server said no. ``code`` is stable; act on it, not on the text."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code: str = problem.get("code", "")
        self.request_id: str = problem.get("request_id", "")
        #: Faults in single fields of the request; ``pointer`` is a JSON pointer into its body.
        self.errors: list[dict[str, str]] = problem.get("errors", [])
        faults = "".join(f"; `{fault['pointer']}` {fault['detail']}" for fault in self.errors)
        super().__init__(f"refused with {status} `{self.code}`: {problem.get('detail')}{faults}")


class Unreachable(Exception):
    """No answer came, after every attempt. A change may have happened: send it again under the same idempotency key."""


class MalformedAnswer(Exception):
    """An answer that is no JSON: something else than the server spoke."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"an answer with status {status} was not understood")
