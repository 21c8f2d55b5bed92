"""Programs that speak RTMP play by RTMP: ffmpeg, GStreamer, rtmpdump, and the ffmpeg in PyAV."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import Role
from miso.live.streams.settings import StreamsSettings
from tests.live.rtmp_server.programs import AAC, B_FRAMES, H264, PICTURE, SOUND, ffmpeg, needs, run, running
from tests.live.rtmp_server.serving import serve, until


async def probed(url: str, seconds: float = 2) -> dict[str, dict[str, object]]:
    """What ffprobe finds, by kind."""
    code, out = await run(
        "ffprobe", "-v", "fatal", "-rw_timeout", "30000000", "-of", "json", "-show_streams", "-show_packets",
        "-read_intervals", f"%+{seconds}", url,
    )  # fmt: skip
    assert code == 0, out
    found = json.loads(out)
    kinds = {}
    for stream in found["streams"]:
        packets = [packet for packet in found["packets"] if packet["stream_index"] == stream["index"]]
        kinds[stream["codec_type"]] = {**stream, "packets": packets}
    return kinds


def check_times(stream: dict[str, object]) -> None:
    packets = stream["packets"]
    assert isinstance(packets, list)
    times = [int(packet["dts"]) for packet in packets]
    assert len(times) > 20
    assert times == sorted(times)


@needs("ffmpeg", "ffprobe")
@pytest.mark.parametrize(
    ("publishes", "kinds"),
    [
        ([*PICTURE, *SOUND, *H264, *AAC], {"video": "h264", "audio": "aac"}),
        ([*PICTURE, *SOUND, *B_FRAMES, *AAC], {"video": "h264", "audio": "aac"}),
        ([*PICTURE, *H264], {"video": "h264"}),
        ([*SOUND, *AAC], {"audio": "aac"}),
        ([*SOUND, "-c:a", "libmp3lame"], {"audio": "mp3"}),
    ],
    ids=["both", "B-frames", "video", "audio", "mp3"],
)
async def test_ffmpeg_publishes_and_plays(publishes: list[str], kinds: dict[str, str]) -> None:
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *publishes)):
        await until(lambda: serving.packets("live/name") > 5)
        found = await probed(serving.url("live/name"))
        assert {kind: stream["codec_name"] for kind, stream in found.items()} == kinds
        for stream in found.values():
            check_times(stream)
        if "-bf" in publishes:
            packets = found["video"]["packets"]
            assert isinstance(packets, list)
            assert any(int(packet["pts"]) > int(packet["dts"]) for packet in packets)
        if "video" in found:
            packets = found["video"]["packets"]
            assert isinstance(packets, list)
            assert str(packets[0]["flags"]).startswith("K")


@needs("ffprobe")
async def test_ffprobe_is_told_that_there_is_no_stream() -> None:
    async with serve(streams=StreamsSettings(wait=0.1)) as serving:
        code, out = await run("ffprobe", "-v", "error", serving.url("live/nothing"))
        assert code != 0
        assert "is not published" in out


@needs("ffmpeg", "rtmpdump")
async def test_rtmpdump_plays(tmp_path: Path) -> None:
    dumped = tmp_path / "x.flv"
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *PICTURE, *SOUND, *H264, *AAC)):
        await until(lambda: serving.packets("live/name") > 5)
        async with running("rtmpdump", "-q", "--live", "-r", serving.url("live/name"), "-o", dumped):
            await until(lambda: dumped.exists() and dumped.stat().st_size > 50_000)
        assert {stream["codec_name"] for stream in (await probed(str(dumped))).values()} == {"h264", "aac"}


@needs("ffmpeg", "mpv")
async def test_mpv_plays() -> None:
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *PICTURE, *SOUND, *H264, *AAC)):
        await until(lambda: serving.packets("live/name") > 5)
        code, out = await run("mpv", "--no-config", "--vo=null", "--ao=null", "--length=2", serving.url("live/name"))
        assert code == 0, out
        assert "h264 320x180" in out
        assert "aac" in out


@needs("gst-launch-1.0", "ffprobe")
async def test_ffmpeg_plays_what_gstreamer_publishes() -> None:
    pipeline = (
        "flvmux name=mux streamable=true ! rtmp2sink location={} "
        "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1 ! openh264enc gop-size=25"
        " ! h264parse ! mux. audiotestsrc is-live=true ! voaacenc ! aacparse ! mux."
    )
    async with serve() as serving:
        url = serving.url("live/name")
        async with running("gst-launch-1.0", "-q", *pipeline.format(url).split()):
            await until(lambda: serving.packets("live/name") > 5)
            assert {stream["codec_name"] for stream in (await probed(url)).values()} == {"h264", "aac"}


@needs("ffmpeg", "gst-launch-1.0")
async def test_gstreamer_plays(tmp_path: Path) -> None:
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *PICTURE, *SOUND, *H264, *AAC)):
        await until(lambda: serving.packets("live/name") > 5)
        dumped = tmp_path / "x.flv"
        source = f"rtmp2src location={serving.url('live/name')} num-buffers=100 ! filesink location={dumped}"
        code, out = await run("gst-launch-1.0", "-q", *source.split())
        assert code == 0, out
        assert {stream["codec_name"] for stream in (await probed(str(dumped))).values()} == {"h264", "aac"}


@needs("ffmpeg", "ffprobe", "openssl")
async def test_rtmps_with_a_certificate(tmp_path: Path) -> None:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    code, out = await run("openssl", "req", "-x509", *subject, "-keyout", key, "-out", chain)
    assert code == 0, out
    async with serve(RtmpSettings(tls_certificate=chain, tls_key=key)) as serving:
        url = f"rtmps://127.0.0.1:{serving.server.rtmps_port}/live/name"
        command = ["ffmpeg", "-v", "error", "-nostdin", *PICTURE, *SOUND, *H264, *AAC, "-f", "flv", url]
        async with running(*command):
            await until(lambda: serving.packets("live/name") > 5)
            assert {stream["codec_name"] for stream in (await probed(url)).values()} == {"h264", "aac"}
            assert serving.session("live/name").protocol == "rtmps"


@pytest.mark.parametrize(
    ("encoder", "decoders", "codec"),
    [
        ("libx265", {"hevc"}, Codec.HEVC),
        ("libsvtav1", {"libdav1d", "av1"}, Codec.AV1),
        ("libvpx-vp9", {"vp9"}, Codec.VP9),
    ],
    ids=["HEVC", "AV1", "VP9"],
)
async def test_enhanced_rtmp_of_ffmpeg_goes_in_and_out(encoder: str, decoders: set[str], codec: Codec) -> None:
    pyav = (sys.executable, "-m", "tests.live.rtmp_server.pyav_peer")
    async with serve() as serving, running(*pyav, "publish", serving.url("live/name"), encoder):
        await until(lambda: serving.packets("live/name") > 5)
        stream = serving.live.streams.get("live/name")
        assert stream is not None
        assert stream.tracks[TrackId(Kind.VIDEO)].codec is codec
        code, out = await run(*pyav, "play", serving.url("live/name"), "30")
        assert code == 0, out
        found = json.loads(out.splitlines()[-1])
        assert found["codec"] in decoders
        assert len(found["times"]) == 30
        assert found["times"] == sorted(found["times"])


@needs("ffmpeg")
async def test_a_publisher_killed_and_started_again_keeps_its_players() -> None:
    publishes = [*PICTURE, *SOUND, *H264, *AAC]
    async with serve() as serving:
        async with running(*ffmpeg(serving.url("live/name"), *publishes)):
            await until(lambda: serving.packets("live/name") > 5)
            playing = asyncio.create_task(probed(serving.url("live/name"), seconds=6))
            await until(lambda: serving.live.sessions.count(Role.PLAYER) == 1)
            await until(lambda: serving.packets("live/name") > 100)
        await until(lambda: serving.live.sessions.count(Role.PUBLISHER) == 0)
        async with running(*ffmpeg(serving.url("live/name"), *publishes)):
            found = await playing
        for stream in found.values():
            check_times(stream)
            packets = stream["packets"]
            assert isinstance(packets, list)
            assert float(packets[-1]["dts_time"]) - float(packets[0]["dts_time"]) > 4.5
