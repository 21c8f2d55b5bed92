"""Programs that publish by RTMP: ffmpeg, GStreamer, and the ffmpeg in PyAV, which knows enhanced RTMP."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.description import TrackDescription, describe
from miso.live.media.packet import Packet
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import EndReason, Role
from miso.live.streams.settings import StreamsSettings
from miso.live.streams.subscription import Start
from tests.live.rtmp_server.programs import AAC, B_FRAMES, H264, PICTURE, SOUND, ffmpeg, needs, run, running
from tests.live.rtmp_server.serving import Serving, serve, until

VIDEO, AUDIO, DATA = TrackId(Kind.VIDEO), TrackId(Kind.AUDIO), TrackId(Kind.DATA)


async def packets_of(serving: Serving, path: str, count: int) -> list[Packet]:
    """So many packets of each of a stream's tracks of sound and pictures, from a key frame on."""
    await until(lambda: serving.packets(path) > 5)
    stream = serving.live.streams.get(path)
    assert stream is not None
    tracks = [track for track in await stream.wait_for_tracks() if track.id.kind is not Kind.DATA]
    subscription = stream.subscribe(Start.FAST)
    found: list[Packet] = []
    while any(sum(packet.track == track.id for packet in found) < count for track in tracks):
        reading = await subscription.next()
        assert reading is not None
        found.append(reading.packet)
    return found


def described(serving: Serving, path: str) -> dict[TrackId, TrackDescription]:
    stream = serving.live.streams.get(path)
    assert stream is not None
    return {id: describe(track.config) for id, track in stream.tracks.items() if track.config is not None}


@needs("ffmpeg")
@pytest.mark.parametrize(
    ("publishes", "codecs"),
    [
        ([*PICTURE, *SOUND, *H264, *AAC], {VIDEO: Codec.H264, AUDIO: Codec.AAC}),
        ([*PICTURE, *SOUND, *B_FRAMES, *AAC], {VIDEO: Codec.H264, AUDIO: Codec.AAC}),
        ([*PICTURE, *H264], {VIDEO: Codec.H264}),
        ([*SOUND, *AAC], {AUDIO: Codec.AAC}),
        ([*SOUND, "-c:a", "libmp3lame"], {AUDIO: Codec.MP3}),
    ],
    ids=["both", "B-frames", "video", "audio", "mp3"],
)
async def test_ffmpeg_publishes(publishes: list[str], codecs: dict[TrackId, Codec]) -> None:
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *publishes)):
        packets = await packets_of(serving, "live/name", 60)
        assert {packet.track: packet.codec for packet in packets if packet.codec is not None} == codecs
        for track in codecs:
            times = [packet.dts_ms for packet in packets if packet.track == track and not packet.is_config]
            assert times == sorted(times)
            assert 20 <= (times[-1] - times[0]) / (len(times) - 1) <= 41
        found = described(serving, "live/name")
        if VIDEO in codecs:
            assert (found[VIDEO].width, found[VIDEO].height) == (320, 180)
            shown = [packet.composition_ms for packet in packets if packet.track == VIDEO and not packet.is_config]
            assert any(shown) == ("-bf" in publishes)
        if codecs.get(AUDIO) is Codec.AAC:
            assert (found[AUDIO].sample_rate_hz, found[AUDIO].channels) == (48000, 1)
        stream = serving.live.streams.get("live/name")
        assert stream is not None
        assert stream.tracks[DATA].ring.at(0).packet.payload.startswith(b"\2\0\x0aonMetaData")


@needs("ffmpeg")
async def test_ffmpeg_says_goodbye_and_frees_the_name() -> None:
    async with serve(streams=StreamsSettings(grace=0)) as serving:
        code, out = await run(*ffmpeg(serving.url("live/name"), *PICTURE, *H264, "-t", "1"))
        assert code == 0, out
        await until(lambda: len(serving.live.streams) == 0)
        assert serving.live.sessions.endings["rtmp", Role.PUBLISHER, EndReason.DONE] == 1


@needs("ffmpeg")
async def test_ffmpeg_is_told_that_a_name_is_taken() -> None:
    async with serve() as serving, running(*ffmpeg(serving.url("live/name"), *PICTURE, *H264)):
        await until(lambda: serving.packets("live/name") > 5)
        code, out = await run(*ffmpeg(serving.url("live/name"), *PICTURE, *H264, "-t", "20"))
        assert code != 0
        assert "is being published" in out


@needs("gst-launch-1.0")
async def test_gstreamer_publishes() -> None:
    pipeline = (
        "flvmux name=mux streamable=true ! rtmp2sink location={} "
        "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=25/1 ! openh264enc gop-size=25"
        " ! h264parse ! queue ! mux. audiotestsrc is-live=true ! voaacenc ! aacparse ! queue ! mux."
    )
    async with serve() as serving:
        location = serving.url("live/name")
        async with running("gst-launch-1.0", "-q", *pipeline.format(location).split()):
            packets = await packets_of(serving, "live/name", 30)
            assert {packet.codec for packet in packets} - {None} == {Codec.H264, Codec.AAC}
            assert (described(serving, "live/name")[VIDEO].width, serving.session("live/name").dropped_packets) == (
                320,
                0,
            )


@needs("ffmpeg", "openssl")
async def test_ffmpeg_publishes_by_rtmps(tmp_path: Path) -> None:
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    code, out = await run("openssl", "req", "-x509", *subject, "-keyout", key, "-out", chain)
    assert code == 0, out
    async with serve(RtmpSettings(tls_certificate=chain, tls_key=key)) as serving:
        url = f"rtmps://127.0.0.1:{serving.server.rtmps_port}/live/name"
        async with running(*ffmpeg(url, *PICTURE, *SOUND, *H264, *AAC)):
            await packets_of(serving, "live/name", 30)
            assert serving.session("live/name").protocol == "rtmps"
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.server.rtmps_port)
        writer.write(bytes(3000))
        assert await reader.read(1000) == b"" or await reader.read() == b""
        writer.close()
        await until(lambda: len(serving.server.context.beginning) == 0)


@pytest.mark.parametrize(
    ("encoder", "codec"),
    [("libx265", Codec.HEVC), ("libsvtav1", Codec.AV1), ("libvpx-vp9", Codec.VP9)],
    ids=["HEVC", "AV1", "VP9"],
)
async def test_enhanced_rtmp_of_ffmpeg_comes_in(encoder: str, codec: Codec) -> None:
    pyav = (sys.executable, "-m", "tests.live.rtmp_server.pyav_peer")
    async with serve() as serving, running(*pyav, "publish", serving.url("live/name"), encoder):
        packets = await packets_of(serving, "live/name", 30)
        assert {packet.codec for packet in packets} - {None} == {codec}
        assert serving.session("live/name").dropped_packets == 0
        if codec is not Codec.VP9:  # whose record has no size
            assert (described(serving, "live/name")[VIDEO].width) == 320
