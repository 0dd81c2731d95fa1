"""Nothing lost: webhooks bring events soon, the event stream brings what they missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from .client import Strongroom


def read_events(client: Strongroom, after: str | None, types: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every event after the given one, oldest first, to the stream's end."""
    cursor = after
    while True:
        query = {"limit": "100"}
        if cursor is not None:
            query["after"] = cursor
        if types:
            query["type"] = ",".join(types)
        page = client.get(f"/v1/events?{urlencode(query)}")
        for event in page["data"]:
            yield event
            cursor = event["id"]
        if not page["has_more"] or not page["data"]:
            return


class GapHealer:
    """Where a receiver stands in the stream.

    Ask ``is_new`` of each verified event, tell ``handled`` when it is done with, and run through ``heal`` at the start and
    every minute or so. Keep ``cursor`` where a restart finds it. What is being handled meanwhile, and after a restart what
    was handled since the saved cursor, can come up again: what handles events goes by their ids.
    """

    def __init__(self, cursor: str | None = None) -> None:
        #: Up to this event the stream was read and handled.
        self.cursor = cursor
        self._handled: set[str] = set()

    def is_new(self, event_id: str) -> bool:
        """Whether an event, come by webhook, is still to be handled; one up to the cursor is not, as ids grow."""
        return (self.cursor is None or event_id > self.cursor) and event_id not in self._handled

    def handled(self, event_id: str) -> None:
        """Notes an event that came by webhook and is handled. Before that, a repetition of it is new again."""
        if self.is_new(event_id):
            self._handled.add(event_id)

    def heal(self, client: Strongroom) -> Iterator[dict[str, Any]]:
        """Gives what no webhook brought, in order.

        The cursor follows once the next event is asked for, so one whose handling raises comes again.
        """
        for event in client.events(self.cursor):
            if event["id"] not in self._handled:
                yield event
            self._handled.discard(event["id"])
            self.cursor = event["id"]
