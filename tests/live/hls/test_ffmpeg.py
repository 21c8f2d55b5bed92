"""ffmpeg plays streams of every codec that HLS here carries, to their end."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest

from tests.live.hls.broadcast import broadcasting
from tests.live.hls.cutting import again, encoded

pytest.importorskip("av", reason="PyAV is missing")
publish = pytest.importorskip("tests.live.bridge.flashes").publish
pytestmark = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg"
)
ENOUGH_S = 60


async def run(*command: str) -> tuple[bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        return await asyncio.wait_for(process.communicate(), ENOUGH_S)
    finally:
        if process.returncode is None:
            process.kill()


@pytest.mark.parametrize(
    ("encoders", "names"),
    [
        (("libx264", "aac"), ["h264", "aac"]),
        (("libx265", "aac"), ["hevc", "aac"]),
        (("libx264", "libopus"), ["h264", "opus"]),
        (("libx265", "libopus"), ["hevc", "opus"]),
        (("aac",), ["aac"]),
        (("libx264",), ["h264"]),
    ],
    ids=lambda value: "+".join(value),
)
async def test_ffmpeg_plays_it(encoders: tuple[str, ...], names: list[str]) -> None:
    async with broadcasting() as broadcast:
        broadcast.publish(encoded(*encoders))
        out, errors = await run(
            "ffprobe",
            "-v",
            "error",
            "-read_intervals",
            "%+3",
            "-show_packets",
            "-show_streams",
            "-of",
            "json",
            broadcast.url,
        )
        assert errors == b""
        found = json.loads(out)
        assert [stream["codec_name"] for stream in found["streams"]] == names
        for index in range(len(names)):
            times = [float(packet["dts_time"]) for packet in found["packets"] if packet["stream_index"] == index]
            assert times == sorted(times)
            assert times[-1] - times[0] > 2.5
        (session,) = broadcast.house.sessions
        assert session.bytes_out > sum(int(packet["size"]) for packet in found["packets"]) > 0


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
async def test_pictures_alone_open_with_what_comes_within_five_seconds(encoder: str) -> None:
    """Counted in what is published, for a busy machine may take its time."""
    async with broadcasting() as broadcast:
        packets = [packet for packet in again(encoded(encoder), 3) if packet.dts_ms <= 5_000]
        publishing = asyncio.create_task(publish(broadcast.house.publish(), packets))
        out, errors = await run("ffprobe", "-v", "error", "-show_streams", "-of", "json", broadcast.url)
        assert errors == b""
        (stream,) = json.loads(out)["streams"]
        assert (stream["width"], stream["avg_frame_rate"]) == (320, "25/1")
        publishing.cancel()


async def test_ffmpeg_decodes_it_to_the_end_of_the_stream() -> None:
    async with broadcasting() as broadcast:
        publication = broadcast.publish(encoded("libx264", "aac"))
        playing = asyncio.create_task(
            run("ffmpeg", "-v", "error", "-i", broadcast.url, "-f", "null", "-progress", "-", "-")
        )
        while not (sessions := list(broadcast.house.sessions)) or sessions[0].bytes_out < 200_000:
            await asyncio.sleep(0.05)
            assert not playing.done()
        await broadcast.stop()
        publication.close()
        stream = broadcast.house.streams.get("live/camera")
        assert stream is not None
        stream.close()
        out, errors = await playing
        assert errors == b""
        frames = [int(line.removeprefix(b"frame=")) for line in out.splitlines() if line.startswith(b"frame=")]
        assert frames[-1] > 50
