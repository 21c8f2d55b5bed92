"""All sessions, by id and by stream, and how many each address may have."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator

from miso.live.errors import LimitError
from miso.live.sessions.events import Event, EventKind, Events
from miso.live.sessions.places import Places
from miso.live.sessions.session import Counts, EndReason, Role, Session
from miso.live.sessions.settings import SessionsSettings
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

_ID_BYTES = 8
_BEGIN = {Role.PUBLISHER: EventKind.PUBLISH, Role.PLAYER: EventKind.PLAY}
_END = {Role.PUBLISHER: EventKind.UNPUBLISH, Role.PLAYER: EventKind.STOP}


class Sessions:
    """The sessions of one engine.

    Attributes:
        refused: How many were refused at a limit, by role.
        endings: How many have ended, by protocol, role and reason.

    Args:
        settings: How many there may be.
        events: Where their beginnings and ends are told.
        unix_s: Unix time.
    """

    def __init__(self, settings: SessionsSettings, events: Events, unix_s: Callable[[], float]) -> None:
        self.refused: Counter[Role] = Counter()
        self.endings: Counter[tuple[str, Role, EndReason]] = Counter()
        self.unix_s = unix_s
        self._events = events
        self._ended_counts: dict[tuple[str, Role], Counts] = {}
        self._places = {
            Role.PUBLISHER: Places("publishers", settings.max_publishers, settings.max_publishers_per_address),
            Role.PLAYER: Places("players", settings.max_players, settings.max_players_per_address),
        }
        self._sessions: dict[str, Session] = {}
        self._by_path: dict[str, dict[str, Session]] = {}
        self._give_back: dict[str, Callable[[], None]] = {}
        self._refusals = LogRateLimit(logger, "a session was refused")

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        """In the order in which they were opened."""
        return iter(list(self._sessions.values()))

    def open(self, protocol: str, address: str, role: Role, path: str, on_kick: Callable[[], None]) -> Session:
        """Gives somebody a place. It is to be ended by who opens it, and to be begun once nothing stands in the way.

        Args:
            protocol: See :class:`Session`, as all that follows.
            address: An IP address.
            role: What it does.
            path: With which stream.
            on_kick: Called when an operator ends it, behind its end; lets go of its connection.

        Raises:
            LimitError: There are too many, of this address or in all. It is counted and logged here.
        """
        try:
            give_back = self._places[role].take(address)
        except LimitError as error:
            self.refused[role] += 1
            self._refusals.count(f"{protocol} {role.value} stream={path} address={address}: {error}")
            raise
        session = Session(secrets.token_hex(_ID_BYTES), protocol, address, role, path, on_kick, self)
        self._sessions[session.id] = session
        self._by_path.setdefault(path, {})[session.id] = session
        self._give_back[session.id] = give_back
        return session

    def get(self, id: str) -> Session | None:
        """The session of that id if there is one."""
        return self._sessions.get(id)

    def of(self, path: str) -> list[Session]:
        """Those of one stream, in the order in which they were opened."""
        return list(self._by_path.get(path, {}).values())

    def count(self, role: Role) -> int:
        """How many there are of a role."""
        return len(self._places[role])

    def totals(self) -> dict[tuple[str, Role], Counts]:
        """What has gone through all sessions since the beginning, by protocol and role; those that ended among them."""
        totals = dict(self._ended_counts)
        for session in self._sessions.values():
            kind = session.protocol, session.role
            totals[kind] = totals.get(kind, Counts()).plus(session.counts())
        return totals

    def close(self) -> None:
        """Ends what has not been ended, which is a fault of who opened it."""
        for session in self:
            session.end(EndReason.INTERNAL, "left over when the server ended")

    def began(self, session: Session) -> None:
        """For :class:`Session`."""
        self._tell(_BEGIN[session.role], session, {})

    def ended(self, session: Session) -> None:
        """For :class:`Session`."""
        assert session.end_reason is not None
        del self._sessions[session.id]
        of_path = self._by_path[session.path]
        del of_path[session.id]
        if not of_path:
            del self._by_path[session.path]
        self._give_back.pop(session.id)()
        kind = session.protocol, session.role
        self._ended_counts[kind] = self._ended_counts.get(kind, Counts()).plus(session.counts())
        self.endings[session.protocol, session.role, session.end_reason] += 1
        if session.started_s is not None:
            self._tell(_END[session.role], session, _of_end(session))

    def _tell(self, kind: EventKind, session: Session, details: dict[str, str | int | float]) -> None:
        event = Event(kind, self.unix_s(), session.path, session.id, session.protocol, session.address, details)
        self._events.emit(event)


def _of_end(session: Session) -> dict[str, str | int | float]:
    assert session.end_reason is not None
    assert session.started_s is not None
    return {
        "reason": session.end_reason.value,
        "detail": session.end_detail,
        "started_s": session.started_s,
        "bytes_in": session.bytes_in,
        "bytes_out": session.bytes_out,
        "dropped_packets": session.dropped_packets,
    }
