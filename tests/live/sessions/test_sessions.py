"""Sessions: their places, their ends, and what others are told."""

from __future__ import annotations

import logging

import pytest

from miso.live.errors import DeniedError, LimitError, ParseError, StreamBusyError, StreamClosedError
from miso.live.sessions.events import Event, EventKind, Events
from miso.live.sessions.session import Counts, EndReason, Role, Session
from miso.live.sessions.sessions import Sessions
from miso.live.sessions.settings import SessionsSettings


class House:
    """Sessions, with a clock, and what was told of them."""

    def __init__(self, **limits: int) -> None:
        self.now_s = 1_000.0
        self.told: list[Event] = []
        events = Events()
        events.subscribe(self.told.append)
        self.sessions = Sessions(SessionsSettings(**limits), events, lambda: self.now_s)
        self.kicked: list[str] = []

    def player(self, address: str = "192.0.2.1", path: str = "live/a") -> Session:
        return self.sessions.open("rtmp", address, Role.PLAYER, path, lambda: self.kicked.append(address))

    def publisher(self, address: str = "192.0.2.1", path: str = "live/a") -> Session:
        return self.sessions.open("rtmp", address, Role.PUBLISHER, path, lambda: self.kicked.append(address))


def test_a_session_has_an_id_of_its_own_and_is_found_by_id_and_by_stream() -> None:
    house = House()
    first, other, second = house.player(), house.player(path="live/b"), house.publisher()
    assert len({first.id, other.id, second.id}) == 3
    assert all(len(session.id) == 16 and int(session.id, 16) >= 0 for session in house.sessions)
    assert house.sessions.get(first.id) is first
    assert house.sessions.get("0" * 16) is None
    assert house.sessions.of("live/a") == [first, second]
    assert list(house.sessions) == [first, other, second]
    assert (house.sessions.count(Role.PLAYER), house.sessions.count(Role.PUBLISHER)) == (2, 1)


def test_its_beginning_and_its_end_are_told_once_with_who_it_was() -> None:
    house = House()
    publisher, player = house.publisher(), house.player("2001:db8::7")
    assert house.told == []  # nothing has begun
    for session in (publisher, player, publisher):
        session.begin()
    house.now_s = 1_030.0
    player.end(EndReason.TOO_SLOW, "9 MB wait")
    player.end(EndReason.DONE)
    publisher.end(EndReason.DONE)
    assert [event.kind for event in house.told] == [
        EventKind.PUBLISH,
        EventKind.PLAY,
        EventKind.STOP,
        EventKind.UNPUBLISH,
    ]
    stop = house.told[2]
    assert (stop.path, stop.session_id, stop.protocol, stop.address) == ("live/a", player.id, "rtmp", "2001:db8::7")
    assert stop.at_s == 1_030.0
    assert stop.details == {
        "reason": "too slow",
        "detail": "9 MB wait",
        "started_s": 1_000.0,
        "bytes_in": 0,
        "bytes_out": 0,
        "dropped_packets": 0,
    }
    assert (player.opened_s, player.started_s, player.ended_s) == (1_000.0, 1_000.0, 1_030.0)


def test_what_never_began_is_counted_and_nobody_is_told_of_its_end() -> None:
    house = House()
    house.publisher().end(EndReason.REFUSED, "live/a is being published")
    assert house.told == []
    assert house.sessions.endings == {("rtmp", Role.PUBLISHER, EndReason.REFUSED): 1}


def test_an_end_frees_everything_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "miso.live.sessions")
    house = House(max_players=1)
    session = house.player()
    session.bytes_in = 3
    session.count = lambda: Counts(bytes_out=500, dropped_packets=2)
    assert session.counts() == Counts(3, 500, 2)
    session.end(EndReason.DONE)
    session.end(EndReason.INTERNAL)
    assert session.counts() == (session.bytes_in, session.bytes_out, session.dropped_packets) == (3, 500, 2)
    assert session.ended
    assert len(house.sessions) == 0
    assert house.sessions.get(session.id) is None
    assert house.sessions.of("live/a") == []
    assert house.sessions.count(Role.PLAYER) == 0
    assert house.sessions.endings == {("rtmp", Role.PLAYER, EndReason.DONE): 1}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert session.id in lines[0]
    assert "bytes in=3 out=500" in lines[0]
    house.player()  # its place is free


def test_begins_no_more_when_it_has_ended() -> None:
    house = House()
    session = house.player()
    session.end(EndReason.DONE)
    session.begin()
    assert (session.started_s, house.told) == (None, [])


def test_who_is_kicked_has_ended_before_its_owner_is_told() -> None:
    house = House()
    states: list[bool] = []
    session = house.sessions.open("hls", "::1", Role.PLAYER, "live/a", lambda: states.append(session.ended))
    session.kick()
    session.kick()
    assert states == [True]
    assert session.end_reason is EndReason.KICKED
    gone = house.player()
    gone.end(EndReason.DONE)
    gone.kick()
    assert house.kicked == []


async def test_publishers_and_players_are_limited_in_all_and_for_each_address() -> None:
    house = House(max_players=3, max_players_per_address=2, max_publishers=1)
    first = house.player("2001:db8:0:1::1")
    house.player("2001:db8:0:1:ffff::2")
    with pytest.raises(LimitError, match="too many players from this address: 2 are allowed"):
        house.player("2001:db8:0:1::3")  # the same /64
    house.publisher("2001:db8:0:1::3")  # has another limit
    house.player("2001:db8:0:2::1")
    with pytest.raises(LimitError, match="too many players: 3 are allowed"):
        house.player("192.0.2.1")
    with pytest.raises(LimitError, match="too many publishers: 1 are allowed"):
        house.publisher("192.0.2.1")
    assert house.sessions.refused == {Role.PLAYER: 2, Role.PUBLISHER: 1}
    first.end(EndReason.DONE)
    house.player("2001:db8:0:1::3")


def test_0_is_no_limit() -> None:
    house = House(max_players=0, max_players_per_address=0)
    for _ in range(3_000):
        house.player()
    assert house.sessions.count(Role.PLAYER) == 3_000


async def test_refusals_are_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    house = House(max_players_per_address=1)
    house.player()
    for _ in range(100):
        with pytest.raises(LimitError):
            house.player()
    assert len([record for record in caplog.records if "refused" in record.getMessage()]) == 1
    assert house.sessions.refused[Role.PLAYER] == 100


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ParseError("AMF0 marker is 99"), EndReason.PROTOCOL),
        (StreamBusyError("busy"), EndReason.REFUSED),
        (LimitError("too many"), EndReason.REFUSED),
        (DeniedError("no", unauthorized=True), EndReason.REFUSED),
        (StreamClosedError("over"), EndReason.STREAM_ENDED),
        (TimeoutError("silent"), EndReason.TIMEOUT),
        (ConnectionResetError("reset"), EndReason.DONE),
        (KeyError("bug"), EndReason.INTERNAL),
    ],
)
def test_what_was_raised_says_why_it_ended(
    error: Exception, reason: EndReason, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    session = house.player()
    session.fail(error)
    session.fail(KeyError("another"))
    assert (session.end_reason, session.end_detail) == (reason, str(error))
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == (reason is EndReason.INTERNAL)


def test_what_is_left_over_is_ended_and_counted_as_a_bug() -> None:
    house = House()
    house.player()
    house.sessions.close()
    assert house.sessions.endings == {("rtmp", Role.PLAYER, EndReason.INTERNAL): 1}
