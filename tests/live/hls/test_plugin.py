"""The plugin answers on the web server's routes for as long as it runs, and counts."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from miso.live.engine.engine import Engine
from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.engine.settings_model import live_settings_model
from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from miso.live.plugins import OWN_PLUGINS
from miso.live.web.plugin import WebPlugin
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


async def test_who_waits_when_the_server_ends_is_answered_with_the_end_of_the_stream() -> None:
    plugins = [plugin for plugin in OWN_PLUGINS if plugin in (WebPlugin, HlsPlugin)]
    settings = live_settings_model(plugins).model_validate({"web": {"host": "127.0.0.1", "port": 0}})
    engine = Engine(settings, plugins, lambda: UNIX_S)
    await engine.start()
    (web,) = (plugin for plugin in engine.running if isinstance(plugin, WebPlugin))
    await send(engine.live.streams.publish(PATH, lambda: None), encoded("libx264", "aac"))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}/live/", timeout=60) as http:
        (media,) = re.findall("(?m)^[^#].*$", (await http.get("camera.m3u8")).text)
        (newest,) = re.findall(r"PRELOAD-HINT.*-p(\d+)-", (await http.get(media)).text)
        waiting = asyncio.create_task(http.get(f"{media}&_HLS_msn={int(newest) + 1}"))
        async with asyncio.timeout(60):
            while not engine.live.metrics.get_sample_value("miso_live_hls_waiting"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await engine.stop()
        answer = await waiting
    assert (answer.status_code, answer.text.splitlines()[-1]) == (200, "#EXT-X-ENDLIST")
    assert engine.failures.total() == 0
