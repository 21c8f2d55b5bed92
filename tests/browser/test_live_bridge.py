"""A live stream among the people of a room, and one of them as a live stream, with Chromium at the room's end."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import urllib.request
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import expect

from miso.demo.workers import media_workers
from miso.live.bridge.from_room.audio_receiver import AudioReceiver, SoundForm
from miso.live.bridge.from_room.received_stream import REPORT_WAIT_S
from miso.live.bridge.from_room.video_receiver import VideoReceiver
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.flv_server.plugin import FlvServer
from miso.live.media.bodies import BodyReader
from miso.live.media.codec import Codec
from miso.live.media.flv import FlvReader, TagType
from tests.browser.cameras import FULL
from tests.browser.people import ARRIVAL_TIMEOUT, SWITCH_TIMEOUT, Crowd, Person, eventually
from tests.demo.bridged import PLUGINS, bridged_server, rtmp_url, running_bridge

av = pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg is missing: on Debian, apt-get install ffmpeg"
)
pytestmark = pytest.mark.asyncio(loop_scope="package")

PATH = "live/flashes"
FRAMES = 40
SECONDS = 120
RECORDED_S = 5
"""Of a person, to be looked at."""
NAL_TYPE = 0x1F
SEQUENCE_PARAMETERS, STAP_A = 7, 24
STAP_A_HEADER_SIZE = 3


@pytest_asyncio.fixture(loop_scope="package")
async def bridged(built_page: None, tmp_path: Path) -> AsyncIterator[Any]:
    """A server in this process, and live streams beside it."""
    always = [{"stream": "live/obs", "room": "hall", "display_name": "OBS"}]
    rooms = {"key_frame_interval": 2, "bring_in": always, "on_demand": True}
    server = bridged_server(tmp_path, rooms=rooms, plugins=(*PLUGINS, FlvServer), tcp=False)
    await server.start()
    assert server.live is not None
    yield SimpleNamespace(
        url=server.urls[0] + "/",
        live=server.live.live,
        plugin=running_bridge(server),
        rtmp=lambda path: rtmp_url(server, path),
    )
    await server.close()


async def sees_and_hears(person: Person) -> None:
    async def flows() -> bool:
        reports = [report for report in await person.stats() if report["direction"] == "recv"]
        frames = sum(report["frames"] or 0 for report in reports if report["kind"] == "video")
        energy = sum(report["audioEnergy"] or 0 for report in reports if report["kind"] == "audio")
        return frames > FRAMES and energy > 0

    await eventually(flows, ARRIVAL_TIMEOUT, lambda: person.describe("the live stream did not arrive"))


async def test_a_live_stream_is_seen_and_heard_also_by_who_comes_late(crowd: Crowd, bridged: Any) -> None:
    publication = bridged.live.streams.publish(PATH, lambda: None)
    packets = await asyncio.to_thread(flashes.flashes, SECONDS, gop=SECONDS * flashes.FRAME_RATE)
    publishing = asyncio.create_task(flashes.publish(publication, packets))
    await bridged.live.streams.get(PATH).wait_for_tracks()
    ana = await crowd.join(bridged.url, "keynote", "Ana")
    bridge = bridged.plugin.bring_in(PATH, "keynote", "Keynote")
    await sees_and_hears(ana)
    await expect(ana.tiles.filter(has_text="Keynote")).to_be_visible()
    ben = await crowd.join(bridged.url, "keynote", "Ben")  # the stream has one key frame, long ago
    await sees_and_hears(ben)
    assert not publishing.done()
    await bridge.stop()
    await expect(ana.tiles.filter(has_text="Keynote")).to_have_count(0)
    assert not ana.errors
    publishing.cancel()


@needs_ffmpeg
async def test_what_ffmpeg_publishes_by_rtmp_is_in_the_room_of_the_settings(crowd: Crowd, bridged: Any) -> None:
    ana = await crowd.join(bridged.url, "hall", "Ana")
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25[out0];sine[out1]"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "250", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-f", "flv", bridged.rtmp("live/obs")),
        stdin=DEVNULL,
    )
    try:
        await sees_and_hears(ana)
        tile = ana.tiles.filter(has_text="OBS")
        await expect(tile.get_by_role("img", name="Broadcast", exact=True)).to_be_visible()
        await expect(tile.get_by_role("img", name="Muted")).to_have_count(0)
        await ana.click("People")
        await expect(ana.page.get_by_text("Broadcast by live stream live/obs")).to_be_visible()
    finally:
        ffmpeg.terminate()
        await ffmpeg.wait()
    await expect(ana.tiles).to_have_count(0)
    assert not ana.errors


@needs_ffmpeg
@pytest.mark.parametrize("protocol", ["rtmp", "http"])
async def test_a_person_who_sends_h264_is_read_by_ffmpeg_with_both_tracks(
    crowd: Crowd, bridged: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    came = Came(monkeypatch)
    ana = await crowd.join(bridged.url, "stage", "Ana", forceH264="true", enableWebcamLayers="false")
    ben = await crowd.join(bridged.url, "stage", "Ben")
    await ben.wait_for_media(ana)
    path = f"rooms/stage/{await ana.peer_id()}"
    assert bridged.live.streams.get(path) is None
    url = bridged.rtmp(path) if protocol == "rtmp" else f"{bridged.url}{path}.flv"
    recording = tmp_path / "ana.flv"
    ffmpeg = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-i", url, "-t", str(RECORDED_S), "-c", "copy", str(recording)),
        stdin=DEVNULL,
        stderr=PIPE,
    )
    sent = Sent()
    ended = asyncio.create_task(ffmpeg.communicate())
    async with asyncio.timeout(ARRIVAL_TIMEOUT):
        while not ended.done():
            await sent.look(ana)
            await asyncio.wait([ended], timeout=0.2)
        _, errors = await ended
    await sent.look(ana)
    assert (ffmpeg.returncode, errors) == (0, b"")
    times = await packet_times(recording)
    assert set(times) == {"h264", "aac"}
    # What is older than the first picture has its time; after that each packet has its own.
    own = {codec: [one_s for one_s in one if one_s > 0] for codec, one in times.items()}
    assert own == {codec: sorted(set(one)) for codec, one in own.items()}
    # As far apart as they came: the browser may take its time for a picture with which a stream begins, the bridge may
    # not. Lip sync is measured in tests/live/bridge.
    apart_s = times["h264"][0] - times["aac"][0]
    assert min(abs(apart_s - came_s) for came_s in came.apart_s) < 1, (times, came)
    begin_s = min(one[0] for one in times.values())
    for codec, kind in (("h264", "video"), ("aac", "audio")):
        left_s = RECORDED_S - (times[codec][0] - begin_s)
        assert len(times[codec]) > 0.7 * sent.fewest(kind, left_s - 0.5), (times, sent)
    assert not ana.errors


class Came:
    """When the first of somebody's sound, and each picture with which a stream can begin, came to the bridge."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sound_s: float | None = None
        self._pictures_s: list[float] = []
        put_sound, put_picture = AudioReceiver.put, VideoReceiver.put

        def look_at_sound(receiver: AudioReceiver, packet: RtpPacket, now_s: float, unix_s: float) -> None:
            if self._sound_s is None:
                self._sound_s = now_s
            put_sound(receiver, packet, now_s, unix_s)

        def look_at_picture(receiver: VideoReceiver, packet: RtpPacket, now_s: float, unix_s: float) -> None:
            if begins_h264(packet.payload):
                self._pictures_s.append(now_s)
            put_picture(receiver, packet, now_s, unix_s)

        monkeypatch.setattr(AudioReceiver, "put", look_at_sound)
        monkeypatch.setattr(VideoReceiver, "put", look_at_picture)

    @property
    def apart_s(self) -> list[float]:
        """So long after the sound came the first picture, and those before the clock of their sender was known."""
        assert self._sound_s is not None, "no sound came"
        waits_until_s = self._pictures_s[0] + REPORT_WAIT_S
        return [picture_s - self._sound_s for picture_s in self._pictures_s if picture_s <= waits_until_s]

    def __repr__(self) -> str:
        return f"sound at {self._sound_s} s, pictures at {self._pictures_s} s"


def begins_h264(payload: bytes) -> bool:
    """Whether it has a sequence parameter set, by itself or first of what is in one packet (RFC 6184, section 5.2)."""
    if payload and payload[0] & NAL_TYPE == STAP_A:
        payload = payload[STAP_A_HEADER_SIZE:]
    return bool(payload) and payload[0] & NAL_TYPE == SEQUENCE_PARAMETERS


class Sent:
    """How much a page says it has sent so far, at the seconds of its clock: how much it can depends on the machine."""

    def __init__(self) -> None:
        self._looks: dict[str, list[tuple[float, int]]] = {"video": [], "audio": []}

    async def look(self, person: Person) -> None:
        """Counts frames of video, and packets of audio: of these there are 50 a second, and of AAC 47."""
        for report in await person.stats():
            if report["direction"] == "send":
                count = report["frames" if report["kind"] == "video" else "packets"]
                self._looks[report["kind"]].append((report["timestampMs"] / 1000, int(count or 0)))

    def fewest(self, kind: str, span_s: float) -> int:
        """Of all spans that long between the first and the last look, what the one with the least has."""
        looks = self._looks[kind]
        spans = [
            [count for later_s, count in looks[number:] if later_s <= begin_s + span_s][-1] - count_before
            for number, (begin_s, count_before) in enumerate(looks)
            if looks[-1][0] >= begin_s + span_s
        ]
        assert spans, f"there is no span of {span_s} s in {self}"
        return min(spans)

    def __repr__(self) -> str:
        return repr(self._looks)


async def packet_times(recording: Path) -> dict[str, list[float]]:
    """The decoding times of a file's packets in seconds, by codec; each of its streams can be decoded without error."""
    probe = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_packets", "-of", "json", str(recording)),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, errors = await probe.communicate()
    assert errors == b""
    read = json.loads(out)
    codecs = {one["index"]: one["codec_name"] for one in read["streams"]}
    times: dict[str, list[float]] = {codec: [] for codec in codecs.values()}
    for packet in read["packets"]:
        times[codecs[packet["stream_index"]]].append(float(packet["dts_time"]))
    assert {one["codec_name"]: int(one["nb_read_frames"]) for one in read["streams"]} == {
        codec: len(one) for codec, one in times.items()
    }
    return times


class Read(NamedTuple):
    """What a player has of a stream.

    Attributes:
        video, audio: Names of their codecs.
        sizes: Of the pictures, in their order.
        sounds: How many packets of sound could be decoded.
    """

    video: str
    audio: str
    sizes: list[tuple[int, int]]
    sounds: int


def read(url: str, pictures: int, least_width: int = 0) -> Read:
    """Plays until there are so many pictures that wide, and sound, with a newer ffmpeg than Debian's.

    That knows enhanced FLV. What a stream begins with is pictures alone, as many as there are while sound is encoded
    anew and takes its time on a starved machine.
    """
    until_s = time.monotonic() + SWITCH_TIMEOUT
    with av.open(url, timeout=ARRIVAL_TIMEOUT) as stream:
        video, audio = stream.streams.video[0].codec_context.name, stream.streams.audio[0].codec_context.name
        sizes: list[tuple[int, int]] = []
        times: list[int] = []
        sounds = 0
        for frame in stream.decode():
            if isinstance(frame, av.VideoFrame):
                sizes.append((frame.width, frame.height))
                times.append(frame.pts)
            else:
                sounds += 1
            if sounds and sum(width >= least_width for width, _ in sizes) >= pictures:
                break
            assert time.monotonic() < until_s, (sizes, sounds)
    assert times == sorted(set(times))
    return Read(video, audio, sizes, sounds)


async def test_vp9_is_read_as_it_is_with_opus_where_a_program_asks_for_it(crowd: Crowd, bridged: Any) -> None:
    # Of so large a picture Chromium sends up to three layers, as many as it thinks there is room for on its way: they
    # are one picture here, with one time. It is read until those of several layers have come.
    ana = await crowd.join(bridged.url, "stage", "Ana", FULL, codec="vp9")
    ben = await crowd.join(bridged.url, "stage", "Ben")
    await ben.wait_for_media(ana)
    bridge = bridged.plugin.publish("stage", await ana.peer_id(), "live/ana", sound=SoundForm.OPUS)
    await bridge.settled()
    got = await asyncio.to_thread(read, f"{bridged.url}live/ana.flv", FRAMES, FULL.width // 2)
    assert (got.video, got.audio) == ("vp9", "opus")
    assert set(got.sizes) <= {(FULL.width // part, FULL.height // part) for part in (4, 2, 1)}
    assert got.sounds
    assert not ana.errors


async def test_av1_is_read_as_it_is_from_a_room_that_offers_it(
    crowd: Crowd, built_page: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    av1 = {"kind": "video", "mimeType": "video/AV1", "clockRate": 90_000}
    monkeypatch.setattr(media_workers, "MEDIA_CODECS", [media_workers.MEDIA_CODECS[0], av1])
    server = bridged_server(tmp_path, rooms={}, plugins=(*PLUGINS, FlvServer), tcp=False)
    await server.start()
    try:
        ana = await crowd.join(server.urls[0] + "/", "stage", "Ana", enableWebcamLayers="false")
        ben = await crowd.join(server.urls[0] + "/", "stage", "Ben")
        await ben.wait_for_media(ana)
        bridge = running_bridge(server).publish("stage", await ana.peer_id(), "live/ana")
        await bridge.settled()
        got = await asyncio.to_thread(read, f"{server.urls[0]}/live/ana.flv", FRAMES)
        assert (got.video, got.audio) == ("libdav1d", "aac")
        assert set(got.sizes) == {(320, 180)}
        assert got.sounds
    finally:
        await server.close()


def read_vp8(url: str, pictures: int) -> list[tuple[int, int]]:
    """Sizes of so many pictures. FLV is read by our own reader: no player here knows VP8 in it."""
    decoder = av.CodecContext.create("vp8", "r")
    tags, bodies = FlvReader(), BodyReader()
    sizes: list[tuple[int, int]] = []
    with urllib.request.urlopen(url, timeout=ARRIVAL_TIMEOUT) as answer:
        while len(sizes) < pictures:
            for tag in tags.feed(answer.read1()):
                if tag.tag_type is TagType.VIDEO:
                    for packet in bodies.read_video(tag.body, tag.timestamp_ms):
                        assert packet.codec is Codec.VP8
                        if not packet.is_config:
                            sizes += [
                                (frame.width, frame.height) for frame in decoder.decode(av.Packet(packet.payload))
                            ]
    return sizes


async def test_a_person_who_sends_vp8_is_refused_with_the_reason(crowd: Crowd, bridged: Any) -> None:
    ana = await crowd.join(bridged.url, "stage", "Ana", forceVP8="true")
    ben = await crowd.join(bridged.url, "stage", "Ben")
    await ben.wait_for_media(ana)
    bridge = bridged.plugin.publish("stage", await ana.peer_id())
    await bridge.settled()
    assert "sends video/VP8, a live stream takes video/h264, video/vp9, video/av1 from rooms" in bridge.reason
    assert not ana.errors


async def test_vp8_passes_where_the_settings_say_so(crowd: Crowd, built_page: None, tmp_path: Path) -> None:
    server = bridged_server(tmp_path, rooms={"pictures": ["vp8"]}, plugins=(*PLUGINS, FlvServer), tcp=False)
    await server.start()
    try:
        ana = await crowd.join(server.urls[0] + "/", "stage", "Ana", forceVP8="true")
        ben = await crowd.join(server.urls[0] + "/", "stage", "Ben")
        await ben.wait_for_media(ana)
        bridge = running_bridge(server).publish("stage", await ana.peer_id(), "live/ana")
        await bridge.settled()
        sizes = await asyncio.to_thread(read_vp8, f"{server.urls[0]}/live/ana.flv", FRAMES)
        assert set(sizes) <= {(320, 180), (160, 90), (80, 44), (80, 45)}
    finally:
        await server.close()
