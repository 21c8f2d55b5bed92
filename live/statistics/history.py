"""The sessions that are over, the latest ones, and which of them somebody wants to see."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request

from miso.live.operators.answers import BAD_REQUEST, WrongRequestError, number
from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event, EventKind, Events

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100
MAX_PAGE: Final = 1_000_000
_MS_PER_S: Final = 1_000
_UNIX_MS_DIGITS: Final = 13

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Query:
    """Which records somebody wants.

    Attributes:
        equal: Fields and their values.
        search: Is in the stream's path or in the address; empty: whatever.
        start_ms: Began then or later, as Unix time in milliseconds; None: whenever.
        end_ms: Began then or earlier.
        page: The first is 1.
        page_size: Records on it.
    """

    equal: Mapping[str, str]
    search: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE

    def takes(self, record: Record) -> bool:
        """Whether a record is among them."""
        start_ms = record["startTime"]
        assert isinstance(start_ms, int)
        return (
            all(record.get(name) == value for name, value in self.equal.items())
            and (self.search in str(record["streamPath"]) or self.search in str(record.get("ip", "")))
            and (self.start_ms is None or start_ms >= self.start_ms)
            and (self.end_ms is None or start_ms <= self.end_ms)
        )


def read_query(request: Request) -> Query:
    """Reads a request's, with Node-Media-Server's names.

    Raises:
        WrongRequestError: A number or a time is none.
    """
    parameters = request.query_params
    given = {name: parameters[name] for name in ("streamPath", "ip", "protocol", "role") if parameters.get(name)}
    if "streamPath" in given:
        given["streamPath"] = "/" + given["streamPath"].removeprefix("/")
    start_ms, end_ms = _time_ms(parameters, "start", is_end=False), _time_ms(parameters, "end", is_end=True)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise WrongRequestError(BAD_REQUEST, "start must not be later than end")
    page = number(request, "page", 1, MAX_PAGE, least=1)
    page_size = number(request, "pageSize", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, least=1)
    return Query(given, parameters.get("search", ""), start_ms, end_ms, page, page_size)


class History:
    """Listens to events from :meth:`begin` to :meth:`end`.

    Args:
        most: So many are kept.
    """

    def __init__(self, most: int) -> None:
        self._records: deque[Record] = deque(maxlen=most)
        self._plays: dict[str, dict[str, int]] = {}  # by path and publisher: since it has begun
        self._unsubscribe: Callable[[], None] = lambda: None

    def begin(self, events: Events) -> None:
        """Notes what ends from now on."""
        self._unsubscribe = events.subscribe(self._take)

    def end(self) -> None:
        """Listens no more."""
        self._unsubscribe()

    def page(self, query: Query) -> dict[str, object]:
        """What somebody wants, the newest first, with the names of Node-Media-Server's history."""
        found = [record for record in reversed(self._records) if query.takes(record)]
        first = (query.page - 1) * query.page_size
        return {
            "items": found[first : first + query.page_size],
            "count": len(found),
            "page": query.page,
            "pageSize": query.page_size,
        }

    def forget(self, path: str | None) -> int:
        """Forgets what was of one stream, or everything; gives how many records that were."""
        kept = [] if path is None else [record for record in self._records if record["path"] != path]
        removed = len(self._records) - len(kept)
        self._records.clear()
        self._records.extend(kept)
        return removed

    def _take(self, event: Event) -> None:
        if event.kind is EventKind.PUBLISH:
            self._plays.setdefault(event.path, {})[event.session_id] = 0
        elif event.kind is EventKind.PLAY:
            for publisher in self._plays.get(event.path, {}):
                self._plays[event.path][publisher] += 1
        elif event.kind is EventKind.UNPUBLISH:
            plays = self._plays.get(event.path, {})
            self._add(event, "publisher", {"playCount": plays.pop(event.session_id, 0)})
            if not plays:
                self._plays.pop(event.path, None)
        elif event.kind is EventKind.STOP:
            self._add(event, "player", {})

    def _add(self, event: Event, role: str, more: Record) -> None:
        record = event_json(event)
        start_ms, end_ms = record.pop("createTime"), record["endTime"]
        assert isinstance(start_ms, int)
        assert isinstance(end_ms, int)
        del record["action"], record["time"]
        record |= {"role": role, "startTime": start_ms, "duration": end_ms - start_ms, **more}
        self._records.append(record)


def _time_ms(parameters: Mapping[str, str], name: str, *, is_end: bool) -> float | None:
    """Unix time in milliseconds, 13 digits; or ISO 8601. A date without a time ends with its day."""
    text = parameters.get(name, "")
    if not text:
        return None
    if len(text) == _UNIX_MS_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        is_day = len(text) == len("2026-11-29")
        return (at + timedelta(days=1)).timestamp() * _MS_PER_S - 1 if is_end and is_day else at.timestamp() * _MS_PER_S
    except (ValueError, OverflowError) as error:
        raise WrongRequestError(BAD_REQUEST, f"{name} is to be Unix time in milliseconds, or a date") from error
