"""Sessions and the states of their streams, whatever comes in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from miso.live.errors import LimitError, StreamBusyError, StreamClosedError
from miso.live.sessions.events import Event, EventKind, Events
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.sessions.sessions import Sessions
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import State, StreamSettings, Takeover
from miso.live.streams.subscription import Start
from tests.live.clock import FakeClock
from tests.live.streams.packets import picture

PATHS = ("live/a", "live/b")
MAX_PUBLISHERS = 3
GRACE_S = 3.0
WAIT_S = 5.0


class Publishing:
    """A publisher as servers have one: its session first, then its stream, then all are told."""

    def __init__(self, house: House, path: str) -> None:
        self.publication: Publication | None = None
        self.session = house.sessions.open("rtmp", "::1", Role.PUBLISHER, path, self._let_go)
        try:
            self.publication = house.streams.publish(path, lambda: self.session.end(EndReason.REPLACED))
        except StreamBusyError as error:
            self.session.fail(error)
            raise
        self.session.begin()

    def leave(self) -> None:
        self.session.end(EndReason.DONE)
        self._let_go()

    def _let_go(self) -> None:
        if self.publication is not None:
            self.publication.close()


class House:
    """Streams and sessions, and what was told of them."""

    def __init__(self, takeover: Takeover) -> None:
        self.clock = FakeClock()
        self.told: list[Event] = []
        events = Events()
        events.subscribe(self.told.append)
        self.sessions = Sessions(SessionsSettings(max_publishers=MAX_PUBLISHERS), events, self.clock.time)
        self.streams = Streams(StreamSettings(takeover=takeover, grace_s=GRACE_S, wait_s=WAIT_S), self.clock, 10)
        self.publishers: list[Publishing] = []
        self.players: list[Session] = []

    def publish(self, path: str) -> None:
        try:
            self.publishers.append(Publishing(self, path))
        except (StreamBusyError, LimitError):
            pass

    def leave(self, path: str) -> None:
        for one in self._of(path)[:1]:
            one.leave()

    def kick(self, path: str) -> None:
        for session in self.sessions.of(path)[:1]:
            session.kick()

    def write(self, path: str) -> None:
        for one in self._of(path):
            if one.publication is not None and one.publication.is_held:
                one.publication.write(picture(0, key=True))

    def play(self, path: str) -> None:
        stream = self.streams.want(path)
        try:
            stream.subscribe(Start.FAST)
        except StreamClosedError:
            raise AssertionError("a stream that has just been asked for is closed") from None
        session = self.sessions.open("hls", "::1", Role.PLAYER, path, lambda: None)
        session.begin()
        self.players.append(session)

    def close(self, path: str) -> None:
        stream = self.streams.get(path)
        if stream is not None:
            stream.close()

    def time(self, path: str) -> None:
        self.clock.advance(2)

    def check(self) -> None:
        """What holds at any time."""
        live = [one for one in self.publishers if not one.session.ended]
        for path in PATHS:
            held = [one for one in live if one.session.path == path]
            assert len(held) <= 1
            stream = self.streams.get(path)
            is_published = stream is not None and stream.state is State.PUBLISHING
            assert is_published == bool(held), "a stream is published exactly while a publisher has a session"
        assert self.sessions.count(Role.PUBLISHER) == len(live) <= MAX_PUBLISHERS
        self._check_what_was_told()

    def _check_what_was_told(self) -> None:
        balance: Counter[str] = Counter()
        for event in self.told:
            balance[event.session_id] += 1 if event.kind in (EventKind.PUBLISH, EventKind.PLAY) else -1
            assert balance[event.session_id] in (0, 1), "an end comes once, behind its beginning"
        assert {id for id, count in balance.items() if count} == {session.id for session in self.sessions}

    def _of(self, path: str) -> list[Publishing]:
        return [one for one in self.publishers if one.session.path == path and not one.session.ended]


OPERATIONS: tuple[Callable[[House, str], None], ...] = (
    House.publish,
    House.leave,
    House.kick,
    House.write,
    House.play,
    House.close,
    House.time,
)


@given(
    st.sampled_from(Takeover),
    st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(PATHS)), max_size=40),
)
def test_a_stream_is_published_exactly_while_its_publisher_has_a_session(
    takeover: Takeover, operations: list[tuple[Callable[[House, str], None], str]]
) -> None:
    house = House(takeover)
    for operation, path in operations:
        operation(house, path)
        house.check()
    for publisher in house.publishers:
        publisher.leave()
    for player in house.players:
        player.end(EndReason.DONE)
    house.clock.advance(max(WAIT_S, GRACE_S))
    house.check()
    assert len(house.streams) == len(house.sessions) == 0
    refused = house.sessions.endings["rtmp", Role.PUBLISHER, EndReason.REFUSED]
    assert sum(house.sessions.endings.values()) == len(house.players) + len(house.publishers) + refused
