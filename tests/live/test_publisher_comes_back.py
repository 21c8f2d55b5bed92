"""An encoder is killed and started again: players go on, and sound and pictures stay as far apart as they were."""

from __future__ import annotations

import asyncio
import signal
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from miso.live.engine.engine import Engine
from miso.live.engine.plugin import Plugin
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.plugin import FlvServer
from miso.live.hls.plugin import HlsPlugin
from miso.live.media.codec import Kind, TrackId
from miso.live.recording.plugin import RecordingPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.sessions.session import Role
from miso.live.streams.stream import State, Stream
from miso.live.web.plugin import WebPlugin
from tests.live.recording.skew import events_s
from tests.live.rtmp_server.programs import AAC, H264, ffmpeg, needs, running
from tests.live.rtmp_server.serving import SLOWEST_S, until

PATH = "live/name"
PATIENCE_S = 60.0
MOST_MS = 20
EVENT = "lt(mod(t\\,1)\\,0.12)"
AFTER_S = 5
PICTURES_END_S = 7.6
SOUND_GOES_ON_MS = 700
"""The encoder that is killed sends sound for so long after its last picture: whoever gives sound and pictures an offset
each when it comes back, moves them by as much."""


def encoder(url: str, pictures_s: float) -> list[str]:
    """Flashes and beeps at each full second, for as long as there are pictures."""
    flashes = f"color=black:size=320x180:rate=25,drawbox=color=white:t=fill:enable='{EVENT}'"
    beeps = f"aevalsrc='0.5*sin(2*PI*1000*t)*{EVENT}*lt(t\\,{pictures_s})':s=48000"
    pictures = ["-f", "lavfi", "-re", "-t", str(pictures_s), "-i", flashes]
    return ffmpeg(url, *pictures, "-f", "lavfi", "-re", "-i", beeps, *H264, *AAC)


def engine_of(folder: Path) -> Engine:
    plugins: list[type[Plugin]] = [WebPlugin, FlvServer, HlsPlugin, RecordingPlugin, RtmpServer]
    model: Any = live_settings_model(plugins)
    here = {"host": "127.0.0.1", "port": 0}
    settings = model(
        web={**here, "https_port": 0},
        rtmp=here,
        recording={"folder": folder, "paths": (PATH,), "keep_free_bytes": 0},
        streams={"wait": PATIENCE_S, "grace": PATIENCE_S},
    )
    return Engine(settings, plugins)


def newest_ms(stream: Stream, kind: Kind) -> int:
    """The time of a track's newest packet."""
    track = stream.tracks.get(TrackId(kind))
    return track.ring.at(track.ring.end - 1).packet.dts_ms if track is not None and len(track.ring) else 0


def skews_of(path: Path) -> tuple[list[int], list[int]]:
    """How much later beeps come than their flashes, before the encoder was killed and after, in milliseconds."""
    flashes, beeps = events_s(path)
    gaps = [round(1000 * (later - earlier)) for earlier, later in pairwise(flashes)]
    breaks = [flashes[index + 1] for index, gap in enumerate(gaps) if abs(gap - 1000) > 100]
    assert len(breaks) == 1, (path, gaps)
    sides: tuple[list[int], list[int]] = [], []
    for beep in beeps:
        flash = min(flashes, key=lambda flash: abs(beep - flash))
        assert abs(beep - flash) < 0.3, (path, beep)
        sides[flash >= breaks[0]].append(round(1000 * (beep - flash)))
    return sides


@needs("ffmpeg")
async def test_an_encoder_that_is_killed_and_comes_back_keeps_its_players_and_its_offset(tmp_path: Path) -> None:
    engine = engine_of(tmp_path)
    await engine.start()
    try:
        files = await _killed_once(engine, tmp_path)
    finally:
        await engine.stop()
    for name, file in files.items():
        before, after = skews_of(file)
        assert min(len(before), len(after)) >= 3, (name, before, after)
        assert abs(median(after) - median(before)) <= MOST_MS, (name, before, after)


async def _killed_once(engine: Engine, folder: Path) -> dict[str, Path]:
    """What each kind of player got."""
    live = engine.live
    (web,) = (plugin for plugin in engine.running if isinstance(plugin, WebPlugin))
    (rtmp,) = (plugin for plugin in engine.running if isinstance(plugin, RtmpServer))
    (recording,) = (plugin for plugin in engine.running if isinstance(plugin, RecordingPlugin))
    url = f"rtmp://127.0.0.1:{rtmp.port}/{PATH}"
    http = f"http://127.0.0.1:{web.port}/{PATH}"
    urls = {"rtmp": [url], "http-flv": [f"{http}.flv"], "hls": ["-live_start_index", "0", f"{http}.m3u8"]}
    files = {name: folder / f"{name}.mkv" for name in urls}

    def players() -> list[str]:
        return sorted(
            one.protocol for one in live.sessions.of(PATH) if one.protocol in urls and one.role is Role.PLAYER
        )

    playing: list[asyncio.Task[int]] = []
    async with running(*encoder(url, PICTURES_END_S)) as first:
        await until(lambda: (found := live.streams.get(PATH)) is not None and found.state is State.PUBLISHING)
        stream = live.streams.get(PATH)
        assert stream is not None
        playing += [asyncio.create_task(play(words, files[name])) for name, words in urls.items()]
        await until(lambda: newest_ms(stream, Kind.AUDIO) > newest_ms(stream, Kind.VIDEO) + SOUND_GOES_ON_MS)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    await until(lambda: stream.state is State.PUBLISHER_GONE and players() == sorted(urls))
    killed_ms = newest_ms(stream, Kind.AUDIO)
    async with running(*encoder(url, 10 * SLOWEST_S)):
        await until(lambda: newest_ms(stream, Kind.VIDEO) > killed_ms + 1000 * AFTER_S)
        assert players() == sorted(urls)
        assert live.streams.get(PATH) is stream
    stream.close()
    async with asyncio.timeout(SLOWEST_S):
        assert set(await asyncio.gather(*playing)) == {0}
        for one in recording.recorder.running:
            await one.wait()
    (recorded,) = recording.recorder.ended
    assert len(recorded.files) == 1
    return {**files, "recording": folder / recorded.files[0].name}


async def play(input_words: list[str], file: Path) -> int:
    """Keeps what a player gets, with the times that it has; until the stream ends."""
    before = ["ffmpeg", "-v", "fatal", "-nostdin", "-copyts", *input_words[:-1]]
    process = await asyncio.create_subprocess_exec(*before, "-i", input_words[-1], "-c", "copy", "-y", str(file))
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
