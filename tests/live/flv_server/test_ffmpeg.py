"""ffmpeg reads streams of every codec over HTTP, and opens those without sound as soon as others."""

from __future__ import annotations

import asyncio
import json
import shutil

import av
import pytest

from miso.live.media.codec import Kind, TrackId
from miso.live.media.flv import FlvReader
from miso.live.media.packet import Packet
from tests import sanitizers
from tests.live.flv_server.house import PATH, house
from tests.live.hls.cutting import encoded
from tests.live.media.encoder import FRAME_RATE

pytestmark = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg"
)
ENOUGH_S = 60
OPENS_S = 5.0
AROUND_S = 12.0
"""For the program's own start and end, on a machine with other work; less than the 20 s that it would wait."""


async def run(*command: str) -> tuple[bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=sanitizers.environment_of_others(),
    )
    try:
        return await asyncio.wait_for(process.communicate(), ENOUGH_S)
    finally:
        if process.returncode is None:
            process.kill()


async def probe(url: str, *options: str) -> dict[str, list[dict[str, str]]]:
    out, errors = await run("ffprobe", "-v", "error", *options, "-of", "json", url)
    assert errors == b""
    found: dict[str, list[dict[str, str]]] = json.loads(out)
    return found


def read(url: str, seconds: float) -> dict[str, list[float]]:
    """By PyAV, whose ffmpeg knows enhanced FLV: the times of so much of each track, by codec, in seconds."""
    times: dict[str, list[float]] = {}
    with av.open(url, timeout=ENOUGH_S) as container:
        for packet in container.demux():
            if packet.dts is None or packet.time_base is None:
                continue
            of_track = times.setdefault(packet.stream.codec_context.name, [])
            of_track.append(float(packet.dts * packet.time_base))
            if of_track[-1] - of_track[0] > seconds and len(times) == len(container.streams):
                break
    return times


@pytest.mark.parametrize(
    ("encoders", "names"),
    [
        (("libx264", "aac"), ["aac", "h264"]),
        (("libx265", "aac"), ["aac", "hevc"]),
        (("libsvtav1", "aac"), ["aac", "av1"]),
        (("aac",), ["aac"]),
    ],
    ids=lambda value: "+".join(value),
)
async def test_ffmpeg_reads_every_codec_in_order(encoders: tuple[str, ...], names: list[str]) -> None:
    async with house() as made:
        made.publish(encoded(*encoders))
        found = await asyncio.to_thread(read, made.url, 2.0)
        decoders = {"libdav1d": "av1", "libaom-av1": "av1"}
        assert sorted(decoders.get(name, name) for name in found) == names
        for times in found.values():
            assert times == sorted(times)
            assert times[-1] - times[0] > 1.5


async def test_a_stream_without_sound_opens_within_5_seconds_of_it() -> None:
    """With a header that says there is sound, too, ffprobe waits for 20."""
    async with house() as made:
        made.publish(encoded("libx264"))
        stream = made.live.streams.get(PATH)
        assert stream is not None
        (track,) = await stream.wait_for_tracks()
        before = track.packets
        found = await probe(made.url, "-show_streams")
        assert [stream["codec_name"] for stream in found["streams"]] == ["h264"]
        assert (track.packets - before) / FRAME_RATE < OPENS_S + AROUND_S


async def test_another_track_is_played_as_the_main_one() -> None:
    main = encoded("libx264", "aac")
    others = [
        Packet(
            TrackId(packet.track.kind, 1),
            packet.codec,
            packet.dts_ms,
            packet.payload,
            composition_ms=packet.composition_ms,
            is_key=packet.is_key,
            is_config=packet.is_config,
        )
        for packet in encoded("libx265")
        if packet.track.kind is Kind.VIDEO
    ]
    async with house() as made:
        made.publish(sorted([*main, *others], key=lambda packet: packet.dts_ms))
        assert list(await asyncio.to_thread(read, f"{made.url}?track=1", 1.0)) == ["hevc"]
        assert sorted(await asyncio.to_thread(read, made.url, 1.0)) == ["aac", "h264"]


async def test_ffmpeg_decodes_every_frame_to_the_end_of_the_stream() -> None:
    async with house(streams={"grace": 0}) as made:
        publication = made.publish(encoded("libx264", "aac"))
        playing = asyncio.create_task(run("ffmpeg", "-v", "error", "-i", made.url, "-f", "null", "-progress", "-", "-"))
        while not (sessions := list(made.live.sessions)) or sessions[0].counts().bytes_out < 100_000:
            await asyncio.sleep(0.05)
            assert not playing.done()
        await made.stop()
        publication.close()
        out, errors = await playing
        assert b"ends prematurely" not in errors
        frames = [int(line.removeprefix(b"frame=")) for line in out.splitlines() if line.startswith(b"frame=")]
        assert frames[-1] > 50


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
async def test_curl_sees_the_whole_of_a_stream_that_ends(version: str) -> None:
    async with house(streams={"grace": 0}) as made:
        publication = made.publish(encoded("libx264", "aac"))
        playing = asyncio.create_task(run("curl", "-sS", "--fail", version, made.url))
        while not (sessions := list(made.live.sessions)) or sessions[0].counts().bytes_out < 20_000:
            await asyncio.sleep(0.05)
            assert not playing.done()
        await made.stop()
        publication.close()
        out, errors = await playing
        assert errors == b""
        assert len(FlvReader().feed(out)) > 10
