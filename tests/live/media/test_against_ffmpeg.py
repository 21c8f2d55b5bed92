"""FLV that ffmpeg writes is read as ffmpeg reads it, and FLV that is written here is read by ffmpeg.

Debian's ffprobe reads what is older than enhanced RTMP; PyAV has a newer ffmpeg inside, which reads all.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from miso.live.media.bodies import BodyReader
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.description import TrackDescription, describe
from miso.live.media.flv import FlvHeader, FlvReader, TagType, packet_tag
from miso.live.media.metadata import make_metadata, read_metadata
from miso.live.media.packet import Packet

av = pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
needs_ffprobe = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg"
)
B_FRAMES = {"bf": "2", "x265-params": "log-level=none:bframes=2"}
PAIRS = [
    ("libx264", "aac"),
    ("libx265", "libmp3lame"),
    ("libsvtav1", "libopus"),
    ("libvpx-vp9", "flac"),
    ("libx264", "ac3"),
    ("libx264", "eac3"),
    ("libx264",),
    ("aac",),
]


class Frame(NamedTuple):
    """What both say of a frame."""

    kind: str
    dts_ms: int
    pts_ms: int
    is_key: bool
    data: bytes


class File(NamedTuple):
    """An FLV file as it is read here."""

    header: FlvHeader
    packets: list[Packet]
    script: bytes


def read(data: bytes) -> File:
    flv, bodies = FlvReader(), BodyReader()
    packets = []
    script = b""
    for tag in flv.feed(data):
        if tag.tag_type is TagType.SCRIPT:
            script = tag.body
        elif tag.tag_type is TagType.VIDEO:
            packets += bodies.read_video(tag.body, tag.timestamp_ms)
        else:
            packets += bodies.read_audio(tag.body, tag.timestamp_ms)
    assert flv.buffered_bytes == 0
    assert flv.header is not None
    return File(flv.header, packets, script)


def write(packets: list[Packet], enhanced: bool = False) -> bytes:
    tracks = {packet.track: describe(packet) for packet in packets if packet.is_config or packet.codec is Codec.MP3}
    kinds = {packet.track.kind for packet in packets}
    header = FlvHeader(has_audio=Kind.AUDIO in kinds, has_video=Kind.VIDEO in kinds).to_bytes()
    script = Packet(TrackId(Kind.DATA), None, packets[0].dts_ms, make_metadata(tracks.values()))
    return header + b"".join(packet_tag(packet, enhanced) for packet in [script, *packets])


def frames(file: File) -> list[Frame]:
    return [
        Frame(packet.track.kind.value, packet.dts_ms, packet.pts_ms, packet.is_key, packet.payload)
        for packet in file.packets
        if not packet.is_config and not packet.is_end
    ]


def frames_of_ffmpeg(data: bytes) -> list[Frame]:
    with av.open(io.BytesIO(data), format="flv") as container:
        return [
            Frame(packet.stream.type, packet.dts, packet.pts, packet.is_keyframe, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]


def ffprobe(data: bytes, path: Path) -> dict[str, list[dict[str, str | int]]]:
    path.write_bytes(data)
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b"" or b"Negative cts" in done.stderr
    found: dict[str, list[dict[str, str | int]]] = json.loads(done.stdout)
    return found


def description(file: File, kind: Kind) -> TrackDescription:
    config = next(p for p in file.packets if p.track.kind is kind and (p.is_config or p.codec is Codec.MP3))
    return describe(config)


@pytest.mark.parametrize("encoders", PAIRS, ids="+".join)
def test_frames_times_and_flags_are_those_that_ffmpeg_reads(encoders: tuple[str, ...]) -> None:
    data = encoder.encode(*encoders, options=B_FRAMES)
    file = read(data)
    assert frames(file) == frames_of_ffmpeg(data)
    kinds = {packet.track.kind for packet in file.packets}
    assert file.header == (Kind.AUDIO in kinds, Kind.VIDEO in kinds)


@pytest.mark.parametrize("enhanced", [False, True], ids=["legacy", "enhanced"])
@pytest.mark.parametrize("encoders", PAIRS, ids="+".join)
def test_ffmpeg_reads_the_same_frames_when_they_are_written_again(encoders: tuple[str, ...], enhanced: bool) -> None:
    file = read(encoder.encode(*encoders, options=B_FRAMES))
    assert frames_of_ffmpeg(write(file.packets, enhanced)) == frames(file)


@pytest.mark.parametrize("encoders", PAIRS, ids="+".join)
def test_configurations_say_what_ffmpeg_finds(encoders: tuple[str, ...]) -> None:
    data = encoder.encode(*encoders, options=B_FRAMES)
    file = read(data)
    said = read_metadata(file.script)
    assert said is not None
    with av.open(io.BytesIO(data), format="flv") as container:
        for stream in container.streams.video:
            found = description(file, Kind.VIDEO)
            if found.codec is not Codec.VP9:  # whose record has no size
                assert (found.width, found.height) == (stream.width, stream.height) == (said.width, said.height)
            if found.frame_rate is not None:
                assert found.frame_rate == stream.average_rate == said.frame_rate
            assert said.video_codec is found.codec
        for stream in container.streams.audio:
            found = description(file, Kind.AUDIO)
            if found.codec not in (Codec.AC3, Codec.EAC3):  # which have no record
                assert (found.sample_rate_hz, found.channels) == (stream.sample_rate, stream.channels)
            assert said.audio_codec is found.codec
            assert said.sample_rate_hz == stream.sample_rate


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "gray"])
@pytest.mark.parametrize("name", ["libx264", "interlaced", "libx265"])
def test_sizes_are_those_shown_in_every_format(name: str, pixels: str) -> None:
    is_interlaced = name == "interlaced"
    if is_interlaced:
        name = "libx264"
    options = {"x264-params": "interlaced=1" if is_interlaced else "", "x265-params": "log-level=none:hrd=0"}
    found = description(read(encoder.encode(name, frames=2, options=options, pixels=pixels)), Kind.VIDEO)
    assert (found.width, found.height, found.frame_rate) == (encoder.WIDTH, encoder.HEIGHT, encoder.FRAME_RATE)


def test_several_tracks_are_those_that_ffmpeg_reads() -> None:
    data = encoder.encode("libx264", "libx265", "aac", "libopus", options=B_FRAMES)
    file = read(data)
    assert {(packet.track, packet.codec) for packet in file.packets} == {
        ((Kind.VIDEO, 0), Codec.H264),
        ((Kind.VIDEO, 1), Codec.HEVC),
        ((Kind.AUDIO, 0), Codec.AAC),
        ((Kind.AUDIO, 1), Codec.OPUS),
    }
    assert frames(file) == frames_of_ffmpeg(data)
    assert frames_of_ffmpeg(write(file.packets)) == frames(file)


@needs_ffprobe
@pytest.mark.parametrize("encoders", [("libx264", "aac"), ("libx264",), ("aac",), ("libmp3lame",)], ids="+".join)
def test_ffprobe_finds_the_tracks_that_there_are(encoders: tuple[str, ...], tmp_path: Path) -> None:
    file = read(encoder.encode(*encoders, options=B_FRAMES))
    found = ffprobe(write(file.packets), tmp_path / "x.flv")
    assert len(found["streams"]) == len(encoders)
    assert times_and_flags(found) == [(dts, pts, is_key, len(data)) for _, dts, pts, is_key, data in frames(file)]


@needs_ffprobe
@pytest.mark.parametrize("beginning_ms", [0xFFFFFF - 200, (1 << 31) - 200], ids=["24 bits", "31 bits"])
def test_times_go_on_beyond_24_and_31_bits(beginning_ms: int, tmp_path: Path) -> None:
    file = read(encoder.encode("libx264", "aac", options=B_FRAMES))
    packets = [packet.at(packet.dts_ms + beginning_ms) for packet in file.packets]
    data = write(packets)
    assert frames(read(data)) == frames(file._replace(packets=packets))
    times = [(packet["dts"], packet["pts"]) for packet in ffprobe(data, tmp_path / "x.flv")["packets"]]
    assert times == [(p.dts_ms, p.pts_ms) for p in packets if not p.is_config and not p.is_end]


@needs_ffprobe
def test_pictures_shown_before_their_decoding_time_keep_their_time(tmp_path: Path) -> None:
    file = read(encoder.encode("libx264", options=B_FRAMES))
    shifted = [
        Packet(p.track, p.codec, p.dts_ms + 100, p.payload, composition_ms=p.composition_ms - 100, is_key=p.is_key)
        if not p.is_config and not p.is_end
        else p
        for p in file.packets
    ]
    assert min(packet.composition_ms for packet in shifted) < 0 <= max(packet.composition_ms for packet in shifted)
    found = ffprobe(write(shifted), tmp_path / "x.flv")["packets"]
    assert [packet["pts"] for packet in found] == [p.pts_ms for p in shifted if not p.is_config and not p.is_end]


@needs_ffprobe
def test_what_debians_ffmpeg_writes_is_read_as_ffprobe_reads_it(tmp_path: Path) -> None:
    sources = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-f", "lavfi", "-i", "sine"]
    coding = ["-c:v", "libx264", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "2"]
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *sources, *coding, "-f", "flv", "-"], capture_output=True, timeout=60, check=True
    )
    file = read(done.stdout)
    found = ffprobe(done.stdout, tmp_path / "x.flv")
    assert len(frames(file)) == len(found["packets"]) > 100
    assert times_and_flags(found) == [(dts, pts, is_key, len(data)) for _, dts, pts, is_key, data in frames(file)]
    picture, sound = description(file, Kind.VIDEO), description(file, Kind.AUDIO)
    video, audio = found["streams"]
    assert (picture.width, picture.height, picture.level) == (video["width"], video["height"], video["level"])
    assert (sound.sample_rate_hz, sound.channels) == (int(audio["sample_rate"]), audio["channels"])


def times_and_flags(found: dict[str, list[dict[str, str | int]]]) -> list[tuple[object, ...]]:
    return [
        (packet["dts"], packet["pts"], str(packet["flags"]).startswith("K"), int(packet["size"]))
        for packet in found["packets"]
    ]
