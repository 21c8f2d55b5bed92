"""The plugin records what the settings say, for as long as the engine runs."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.recording.plugin import RecordingPlugin
from miso.live.recording.recording import State
from miso.live.recording.settings import RecordingSettings
from miso.live.sessions.session import Role
from tests.live.clock import FakeClock

pytest.importorskip("av", reason="PyAV is missing")


async def test_publishers_of_the_paths_in_the_settings_are_recorded(tmp_path: Path) -> None:
    live = make_live(LiveSettings(), FakeClock(), lambda: 1_700_000_000.0)
    plugin = RecordingPlugin(live, RecordingSettings(folder=tmp_path, paths=("live/*",)))
    await plugin.start()
    for path in ("live/camera", "other/camera"):
        live.streams.publish(path, lambda: None)
        live.sessions.open("rtmp", "192.0.2.1", Role.PUBLISHER, path, lambda: None).begin()
    (recording,) = plugin.recorder.running
    assert recording.path == "live/camera"
    assert live.metrics.get_sample_value("miso_live_recordings", {"state": "waiting"}) == 1
    await plugin.stop()
    await plugin.stop()
    assert recording.state is State.DONE
    live.sessions.open("rtmp", "192.0.2.1", Role.PUBLISHER, "live/more", lambda: None).begin()
    assert plugin.recorder.running == []
    assert live.metrics.get_sample_value("miso_live_recordings", {"state": "waiting"}) is None


async def test_operators_have_an_api_for_as_long_as_it_runs(tmp_path: Path) -> None:
    live = make_live(LiveSettings(), FakeClock(), lambda: 1_700_000_000.0)
    plugin = RecordingPlugin(live, RecordingSettings(folder=tmp_path))
    await plugin.start()
    url = "http://127.0.0.1/api/v1/recordings"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(live.web, client=("127.0.0.1", 1))) as operator:
        assert (await operator.post(url, json={"path": "live/camera"})).status_code == 201
    async with httpx.AsyncClient(transport=httpx.ASGITransport(live.web, client=("192.0.2.1", 1))) as stranger:
        assert (await stranger.get(url)).status_code == 403
        assert (await stranger.post(url, json={"path": "live/other"})).status_code == 403
    assert [recording.path for recording in plugin.recorder.running] == ["live/camera"]
    await plugin.stop()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(live.web, client=("127.0.0.1", 1))) as operator:
        assert (await operator.get(url)).status_code == 404
