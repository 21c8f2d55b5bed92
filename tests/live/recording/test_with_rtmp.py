"""What ffmpeg publishes by RTMP is in the file, with sound and picture together."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from miso.live.recording.plugin import RecordingPlugin
from miso.live.recording.recording import State
from miso.live.recording.settings import Format, RecordingSettings
from tests.live.rtmp_server.programs import AAC, B_FRAMES, PICTURE, SOUND, ffmpeg, needs
from tests.live.rtmp_server.serving import SLOWEST_S, serve

SECONDS = 3


async def run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), SLOWEST_S)
    assert process.returncode == 0
    return out


@needs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("format", list(Format))
async def test_a_published_stream_is_recorded_from_its_first_to_its_last_frame(tmp_path: Path, format: Format) -> None:
    settings = RecordingSettings(folder=tmp_path, paths=("live/*",), format=format, keep_free_bytes=0)
    async with serve() as server:
        plugin = RecordingPlugin(server.live, settings)
        await plugin.start()
        await run(*ffmpeg(server.url("live/x"), *PICTURE, *SOUND, *B_FRAMES, *AAC, "-t", str(SECONDS)))
        (recording,) = plugin.recorder.running
        stream = server.live.streams.get("live/x")
        assert stream is not None
        stream.close()
        await asyncio.wait_for(recording.wait(), SLOWEST_S)
        await plugin.stop()
    assert (recording.state, recording.left_out) == (State.DONE, set())
    path = tmp_path / recording.files[0].name
    found = json.loads(
        await run("ffprobe", "-v", "error", "-show_packets", "-show_format", "-of", "json", str(path)),
    )
    assert float(found["format"]["duration"]) == pytest.approx(SECONDS, abs=0.2)
    ends = {
        kind: max(float(packet["pts_time"]) for packet in found["packets"] if packet["codec_type"] == kind)
        for kind in ("video", "audio")
    }
    assert sum(packet["codec_type"] == "video" for packet in found["packets"]) == SECONDS * 25
    assert ends["video"] == pytest.approx(ends["audio"], abs=0.12)
