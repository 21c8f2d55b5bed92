"""The sessions that are over, the latest ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event, EventKind, Events


class History:
    """Listens to events from :meth:`begin` to :meth:`end`.

    Args:
        most: So many are kept.
    """

    def __init__(self, most: int) -> None:
        self._records: deque[dict[str, object]] = deque(maxlen=most)
        self._unsubscribe: Callable[[], None] = lambda: None

    def begin(self, events: Events) -> None:
        """Notes what ends from now on."""
        self._unsubscribe = events.subscribe(self._take)

    def end(self) -> None:
        """Listens no more."""
        self._unsubscribe()

    def records(self) -> list[dict[str, object]]:
        """The newest first, with the names of Node-Media-Server's history."""
        return list(reversed(self._records))

    def _take(self, event: Event) -> None:
        if event.kind not in (EventKind.UNPUBLISH, EventKind.STOP):
            return
        record = event_json(event)
        start_ms, end_ms = record.pop("createTime"), record["endTime"]
        assert isinstance(start_ms, int)
        assert isinstance(end_ms, int)
        del record["action"], record["time"]
        record["role"] = "publisher" if event.kind is EventKind.UNPUBLISH else "player"
        record["streamPath"] = f"/{event.path}"
        record["startTime"] = start_ms
        record["duration"] = end_ms - start_ms
        self._records.append(record)
