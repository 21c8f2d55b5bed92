"""The plugin answers on the web server's routes for as long as it runs, and counts."""

from __future__ import annotations

import httpx
import pytest

from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from tests.live.clock import FakeClock
from tests.live.hls.cutting import UNIX_S, encoded
from tests.live.hls.house import PATH, send

pytest.importorskip("av", reason="PyAV is missing")


async def test_it_runs_and_ends() -> None:
    live = make_live(LiveSettings(), FakeClock(), lambda: UNIX_S)
    plugin = HlsPlugin(live, HlsSettings())
    await plugin.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(live.web)) as http:
        await send(live.streams.publish(PATH, lambda: None), encoded("libx264", "aac"))
        url = f"http://host/{PATH}.m3u8"
        assert (await http.get(url)).status_code == 200
        assert live.metrics.get_sample_value("miso_live_hls_streams") == 1
        assert (live.metrics.get_sample_value("miso_live_hls_kept_bytes") or 0) > 1_000
        await plugin.stop()
        await plugin.stop()
        assert (await http.get(url)).status_code == 404
    assert len(live.sessions) == 0
    assert live.metrics.get_sample_value("miso_live_hls_streams") is None
