"""What operators see of the live side in Prometheus' format."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from miso.live.access.asking import Asking
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action
from miso.live.engine.services import Live, make_live
from miso.live.engine.settings import LiveSettings
from miso.live.errors import DeniedError, LimitError
from miso.live.sessions.session import Counts, EndReason, Role
from miso.live.sessions.settings import SessionsSettings
from tests.live.clock import FakeClock


def sample(live: Live, name: str, **labels: str) -> float | None:
    return live.metrics.get_sample_value(name, labels)


def open_live() -> Live:
    settings = LiveSettings(
        sessions=SessionsSettings(max_players=2), access=AccessSettings(publish_secret=SecretStr("s"))
    )
    return make_live(settings, FakeClock(), lambda: 1.0)


async def test_sessions_and_what_goes_through_them() -> None:
    live = open_live()
    labels = {"protocol": "rtmp", "role": "player"}
    first = live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    first.begin()
    first.bytes_out = 5
    second = live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    second.begin()
    second.bytes_in = 1
    second.count = lambda: Counts(bytes_out=10, dropped_packets=3)
    assert sample(live, "miso_live_sessions", **labels) == 2
    assert sample(live, "miso_live_sent_bytes_total", **labels) == 15
    second.end(EndReason.KICKED)
    assert sample(live, "miso_live_sessions", **labels) == 1
    assert sample(live, "miso_live_sent_bytes_total", **labels) == 15
    assert sample(live, "miso_live_received_bytes_total", **labels) == 1
    assert sample(live, "miso_live_dropped_packets_total", **labels) == 3
    assert sample(live, "miso_live_sessions_ended_total", reason="kicked", **labels) == 1


async def test_streams_by_state() -> None:
    live = open_live()
    live.streams.publish("live/a", lambda: None)
    live.streams.publish("live/b", lambda: None).close()
    live.streams.get_or_create("live/c")
    shown = {
        state: sample(live, "miso_live_streams", state=state) for state in ("waiting", "publishing", "publisher gone")
    }
    assert shown == {"waiting": 1, "publishing": 1, "publisher gone": 1}
    live.streams.close()
    assert sample(live, "miso_live_streams", state="publishing") == 0


async def test_refusals() -> None:
    live = open_live()
    for _ in range(2):
        live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    with pytest.raises(LimitError):
        live.sessions.open("rtmp", "::1", Role.PLAYER, "live/a", lambda: None)
    with pytest.raises(DeniedError):
        await live.gate.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1"))
    assert sample(live, "miso_live_sessions_refused_total", role="player") == 1
    assert sample(live, "miso_live_denied_total", action="publish") == 1
    assert sample(live, "miso_live_webhook_unanswered_total") is None
