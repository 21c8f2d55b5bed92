"""What plugins share, made from the settings."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from miso.live.access.gate import Asking
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action
from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.errors import DeniedError, LimitError, RefusedError, StreamBusyError
from miso.live.sessions.session import Role
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.ring import Bounds
from miso.live.streams.settings import StreamsSettings
from miso.live.streams.stream import StreamSettings, Takeover
from tests.live.clock import FakeClock


async def test_they_keep_to_the_settings() -> None:
    settings = LiveSettings(
        streams=StreamsSettings(max_streams=1, wait=3),
        sessions=SessionsSettings(max_players=1),
        access=AccessSettings(publish_secret=SecretStr("secret")),
    )
    clock = FakeClock()
    live = make_live(settings, clock, lambda: 5.0)
    live.streams.get_or_create("live/a")
    with pytest.raises(RefusedError, match="1 streams"):
        live.streams.get_or_create("live/b")
    clock.advance(3)
    assert len(live.streams) == 0
    session = live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    assert session.opened_s == 5.0
    with pytest.raises(LimitError):
        live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    with pytest.raises(DeniedError):
        await live.gate.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1"))


async def test_an_event_loop_is_a_clock() -> None:
    live = make_live(LiveSettings(), asyncio.get_running_loop(), lambda: 0.0)
    publication = live.streams.publish("live/a", lambda: None)
    with pytest.raises(StreamBusyError):
        live.streams.publish("live/a", lambda: None)
    publication.close()
    live.streams.close()


def test_streams_have_their_settings_and_by_default_those_of_the_code() -> None:
    assert StreamsSettings().of_each() == StreamSettings()
    given = StreamsSettings(
        takeover="replace",
        wait=1,
        grace=2,
        tracks_wait=3,
        max_tracks=4,
        cache_packets=50,
        cache_bytes=600_000,
        cache_duration=7,
        max_leap=8,
    )
    assert given.of_each() == StreamSettings(Takeover.REPLACE, 1, 2, 3, 4, Bounds(50, 600_000, 7_000), 8)
