"""A stream that goes on for weeks: its time passes 24, 31 and 32 bits, and ffprobe misses no frame on any output."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from miso.live.engine.engine import Engine
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.plugin import FlvServer
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.relay.plugin import RelayPlugin
from miso.live.rtmp.timestamps import MODULUS
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.sessions.session import Role, Session
from miso.live.streams.settings import StreamsSettings
from miso.live.web.plugin import WebPlugin
from tests.live.hls.cutting import encoded
from tests.live.rtmp_server.programs import needs, run
from tests.live.rtmp_server.serving import Serving, serve, until

PATH = "live/name"
BOUNDARIES_MS = (0, 1 << 24, 1 << 31, 1 << 32)
MAX_LEAP_S = 1e7
"""The weeks between are not waited for."""


def parts() -> list[list[Packet]]:
    """A real stream's first two seconds, which then passes each boundary with two more."""
    packets = encoded("libx264", "aac", count=60)
    return [[packet.at(packet.dts_ms + max(0, at_ms - 1000)) for packet in packets] for at_ms in BOUNDARIES_MS]


@needs("ffprobe")
async def test_no_frame_is_lost_by_rtmp_http_flv_and_a_push_and_none_moves() -> None:
    plugins: list[type[Plugin]] = [WebPlugin, FlvServer, RtmpServer, RelayPlugin]
    nobody_listens = {"host": "127.0.0.1", "port": 0}
    async with serve(streams=StreamsSettings(wait=3600, grace=0, max_leap=MAX_LEAP_S)) as far:
        push = [{"stream": PATH, "url": far.url("live/far")}]
        model: Any = live_settings_model(plugins)
        settings = model(
            web={**nobody_listens, "https_port": 0},
            rtmp=nobody_listens,
            relay={"push": push},
            streams={"wait": 3600, "grace": 0, "max_leap": MAX_LEAP_S},
        )
        engine = Engine(settings, plugins)
        await engine.start()
        try:
            await _play_all(engine.live, engine, far)
        finally:
            await engine.stop()


def _players(live: Live, far: Serving) -> list[Session]:
    both = (*live.sessions.of(PATH), *far.live.sessions.of("live/far"))
    return [one for one in both if one.role is Role.PLAYER]


async def _play_all(live: Live, engine: Engine, far: Serving) -> None:
    web = next(plugin for plugin in engine.running if isinstance(plugin, WebPlugin))
    rtmp = next(plugin for plugin in engine.running if isinstance(plugin, RtmpServer))
    urls = (f"rtmp://127.0.0.1:{rtmp.port}/{PATH}", f"http://127.0.0.1:{web.port}/{PATH}.flv", far.url("live/far"))
    probe = ("ffprobe", "-v", "fatal", "-of", "json", "-show_packets")
    playing = [asyncio.create_task(run(*probe, url)) for url in urls]
    await until(lambda: len(_players(live, far)) == len(urls))
    publication = live.streams.publish(PATH, lambda: None)
    all_parts = parts()
    for index, part in enumerate(all_parts):
        before = {one.id: one.counts().bytes_out for one in _players(live, far)}
        for packet in part:
            publication.write(packet)
        await until(lambda: len(_players(live, far)) == len(urls) + 1)  # the push is one, too
        # All begin with the first part's last key frame. What has been sent cannot be overtaken by a leap of weeks.
        last_key = max(at for at, one in enumerate(part) if one.is_key and one.track.kind is Kind.VIDEO)
        size_bytes = sum(len(packet.payload) for packet in (part if index else part[last_key:]))
        for one in _players(live, far):
            least = before.get(one.id, 0) + size_bytes
            await until(lambda one=one, least=least: one.counts().bytes_out >= least)  # type: ignore[misc]
    publication.close()
    for url, (code, out) in zip(urls, await asyncio.gather(*playing), strict=True):
        assert code == 0, out
        got = json.loads(out)["packets"]
        for kind in (Kind.VIDEO, Kind.AUDIO):
            sent = [one.dts_ms for part in all_parts for one in part if one.track.kind is kind and not one.is_config]
            times = [int(packet["dts"]) for packet in got if packet["codec_type"] == kind.value]
            assert len(times) > len(sent) * 3 // 4  # all of three parts, and something of the first
            sent = sent[-len(times) :]
            moved = {(got_ms - sent_ms) % MODULUS for got_ms, sent_ms in zip(times, sent, strict=True)}
            assert len(moved) == 1, (url, kind)
