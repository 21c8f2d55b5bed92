"""What ffmpeg publishes by RTMP, ffprobe reads by HLS from the live side's own port."""

from __future__ import annotations

import asyncio
import json

import pytest

from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from miso.live.web.plugin import WebPlugin
from miso.live.web.settings import WebSettings
from tests.live.rtmp_server.programs import AAC, B_FRAMES, PICTURE, SOUND, ffmpeg, needs, running
from tests.live.rtmp_server.serving import SLOWEST_S, serve, until


@needs("ffmpeg", "ffprobe")
async def test_ffprobe_reads_by_hls_what_ffmpeg_publishes_by_rtmp() -> None:
    async with serve() as server:
        web = WebPlugin(server.live, WebSettings(host="127.0.0.1", port=0))
        hls = HlsPlugin(server.live, HlsSettings())
        await hls.start()
        await web.start()
        try:
            async with running(*ffmpeg(server.url("live/x"), *PICTURE, *SOUND, *B_FRAMES, *AAC)):
                await until(lambda: server.packets("live/x") > 0)
                process = await asyncio.create_subprocess_exec(
                    *(
                        "ffprobe",
                        "-v",
                        "error",
                        "-read_intervals",
                        "%+3",
                        "-show_packets",
                        "-show_streams",
                        "-of",
                        "json",
                    ),
                    f"http://127.0.0.1:{web.port}/live/x.m3u8",
                    stdout=asyncio.subprocess.PIPE,
                )
                out, _ = await asyncio.wait_for(process.communicate(), SLOWEST_S)
        finally:
            await web.stop()
            await hls.stop()
    found = json.loads(out)
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "aac"]
    starts = {}
    for index in (0, 1):
        times = [float(packet["pts_time"]) for packet in found["packets"] if packet["stream_index"] == index]
        assert max(times) - min(times) > 2.5
        starts[index] = min(times)
    assert starts[0] == pytest.approx(starts[1], abs=0.12)
