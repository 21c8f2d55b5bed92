"""A stream that goes on for weeks, by WebSocket as browsers play it, and as ffprobe counts the frames of HLS."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from miso.live.engine.engine import Engine
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.plugin import FlvServer
from miso.live.hls.plugin import HlsPlugin
from miso.live.media.codec import Kind
from miso.live.media.flv import FlvReader, Tag, TagType
from miso.live.rtmp.timestamps import MODULUS
from miso.live.sessions.session import Role
from miso.live.web.plugin import WebPlugin
from tests.live.hls.cutting import again, encoded
from tests.live.rtmp_server.programs import needs, run
from tests.live.rtmp_server.serving import until
from tests.live.test_long_times import BOUNDARIES_MS, MAX_LEAP_S, PATH, parts


@asynccontextmanager
async def over_http(*plugins: type[Plugin]) -> AsyncIterator[tuple[Live, str]]:
    """A live side with these plugins, and its port's origin without the scheme."""
    model: Any = live_settings_model([WebPlugin, *plugins])
    settings = model(
        web={"host": "127.0.0.1", "port": 0, "https_port": 0},
        streams={"wait": 3600, "grace": 0, "max_leap": MAX_LEAP_S},
    )
    engine = Engine(settings, [WebPlugin, *plugins])
    await engine.start()
    (web,) = (plugin for plugin in engine.running if isinstance(plugin, WebPlugin))
    try:
        yield engine.live, f"://127.0.0.1:{web.port}/{PATH}"
    finally:
        await engine.stop()


async def _watch(url: str, tags: list[Tag]) -> None:
    flv = FlvReader()
    async with connect(url, max_size=None) as websocket:
        async for message in websocket:
            assert isinstance(message, bytes)
            tags += [tag for tag in flv.feed(message) if tag.tag_type is not TagType.SCRIPT]


async def test_a_websocket_gets_every_frame_and_who_comes_after_24_days_begins_near_0() -> None:
    async with over_http(FlvServer) as (live, address):
        tags: list[Tag] = []
        watching = [asyncio.create_task(_watch(f"ws{address}.flv", tags))]
        await until(lambda: live.sessions.count(Role.PLAYER) == 1)
        (first,) = live.sessions.of(PATH)
        publication = live.streams.publish(PATH, lambda: None)
        all_parts = parts()
        for part, begin_ms in zip(all_parts, BOUNDARIES_MS, strict=True):
            newest_ms = max(packet.dts_ms for packet in part if packet.track.kind is Kind.VIDEO) % MODULUS
            for packet in part:
                publication.write(packet)
            await until(
                lambda newest_ms=newest_ms: any(  # type: ignore[misc]
                    tag.timestamp_ms == newest_ms for tag in tags if tag.tag_type is TagType.VIDEO
                )
            )
            if begin_ms >= 1 << 31:
                late: list[Tag] = []
                watching.append(asyncio.create_task(_watch(f"ws{address}.flv", late)))
                await until(lambda late=late: len(late) > 5)  # type: ignore[misc]
                assert max(tag.timestamp_ms for tag in late) < 5_000
        assert first.dropped_packets == 0
        publication.close()
        await asyncio.gather(*watching)
        for kind, tag_type in ((Kind.VIDEO, TagType.VIDEO), (Kind.AUDIO, TagType.AUDIO)):
            sent = [one.dts_ms for part in all_parts for one in part if one.track.kind is kind and not one.is_config]
            times = [tag.timestamp_ms for tag in tags if tag.tag_type is tag_type and tag.body[1] == 1]
            assert len(times) > len(sent) * 3 // 4  # all of three parts, and something of the first
            sent = sent[-len(times) :]
            assert len({(got_ms - sent_ms) % MODULUS for got_ms, sent_ms in zip(times, sent, strict=True)}) == 1


@needs("ffprobe")
@pytest.mark.parametrize("passes_ms", [1 << 31, 1 << 32], ids=["31 bits", "32 bits"])
async def test_ffprobe_counts_every_frame_of_hls_and_none_moves(passes_ms: int) -> None:
    packets = encoded("libx264", "aac")
    sent = [one.at(one.dts_ms + passes_ms - 4_000) for one in again(packets, 5)]
    begun = [one for one in sent if one.dts_ms < passes_ms - 500]
    async with over_http(HlsPlugin) as (live, address):
        publication = live.streams.publish(PATH, lambda: None)
        stream = live.streams.get(PATH)
        assert stream is not None
        for packet in (*packets[:4], *begun):  # a beginning, of which weeks later nothing is kept
            publication.write(packet)
        probe = ("ffprobe", "-v", "error", "-live_start_index", "0", "-of", "json", "-show_packets")
        probing = asyncio.create_task(run(*probe, f"http{address}.m3u8"))
        await until(lambda: any(session.bytes_out > 20_000 for session in live.sessions.of(PATH)) or probing.done())
        for packet in sent[len(begun) :]:
            publication.write(packet)
        await asyncio.sleep(0)
        publication.close()
        code, out = await probing
    assert code == 0, out
    got = json.loads(out)["packets"]
    for kind in (Kind.VIDEO, Kind.AUDIO):
        expected = [one.dts_ms for one in sent if one.track.kind is kind and not one.is_config]
        times = [1000 * float(packet["dts_time"]) for packet in got if packet["codec_type"] == kind.value]
        assert len(times) == len(expected), kind
        moved = [got_ms - sent_ms for got_ms, sent_ms in zip(times, expected, strict=True)]
        assert max(moved) - min(moved) < 2, kind
