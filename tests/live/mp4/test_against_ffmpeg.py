"""Files that are written here are what ffmpeg reads: every frame, its time, its flags, and how long all is."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import struct
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from miso.live.media.packet import Kind, Packet, TrackId
from miso.live.mp4.init_segment import fragment_duration
from miso.live.mp4.random_access import AccessPoint, random_access_index
from miso.live.mp4.writer import Fragment, FragmentWriter
from tests.live.mp4.mp4_file import frames, packets_of_flv, write

av = pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg is missing: on Debian, apt-get install ffmpeg"
)
OPTIONS = {"g": "10", "bf": "2", "x265-params": "log-level=none:bframes=2:keyint=10", "svtav1-params": "keyint=10"}
PAIRS = [
    ("libx264", "aac"),
    ("libx265", "libmp3lame"),
    ("libsvtav1", "libopus"),
    ("libvpx-vp9", "flac"),
    ("libx264",),
    ("aac",),
    ("libopus",),
]


def encoded(*encoders: str, count: int = 40) -> list[Packet]:
    return packets_of_flv(encoder.encode(*encoders, frames=count, options=OPTIONS))


def join(writer: FragmentWriter, fragments: list[Fragment]) -> bytes:
    return writer.init.data + b"".join(fragment.data for fragment in fragments)


def complete(writer: FragmentWriter, fragments: list[Fragment]) -> bytes:
    """The file with what only its end knows."""
    data = bytearray(join(writer, fragments))
    duration = fragment_duration(writer.end_ms)
    data[writer.init.duration_at : writer.init.duration_at + len(duration)] = duration
    points: dict[int, list[AccessPoint]] = defaultdict(list)
    offset = len(writer.init.data)
    for fragment in fragments:
        for run in fragment.runs:
            if run.begins_with_key:
                points[run.number].append(AccessPoint(run.pts, offset, run.position))
        offset += len(fragment.data)
    return bytes(data) + random_access_index(points)


def ffprobe(path: Path) -> dict[str, list[dict[str, str]]]:
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_streams", "-show_format", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("encoders", PAIRS, ids="+".join)
def test_pyav_reads_every_frame_with_its_times_and_decodes_it(encoders: tuple[str, ...]) -> None:
    packets = encoded(*encoders)
    writer, fragments = write(packets)
    assert len(fragments) > 2
    by_track: dict[TrackId, list[Packet]] = defaultdict(list)
    for packet in frames(packets):
        by_track[packet.track].append(packet)
    with av.open(io.BytesIO(join(writer, fragments)), format="mp4") as container:
        read = defaultdict(list)
        decoded: dict[int, int] = defaultdict(int)
        for packet in container.demux():
            if packet.size:
                read[packet.stream.index].append(packet)
            decoded[packet.stream.index] += len(packet.decode())
        for index, (track_id, sent) in enumerate(by_track.items()):
            assert [bytes(packet) for packet in read[index]] == [packet.payload for packet in sent]
            assert [packet.is_keyframe for packet in read[index]] == [packet.is_key for packet in sent]
            assert decoded[index] >= len(sent) - 2  # audio decoders swallow their beginning
            for got, packet in zip(read[index], sent, strict=True):
                # Sound begins where the sound before it ends, if its stamp is as near as this.
                close_ms = 20 if track_id.kind is Kind.AUDIO else 0
                assert round(got.dts * got.time_base * 1000) == pytest.approx(packet.dts_ms, abs=close_ms)
                if track_id.kind is Kind.VIDEO:
                    assert round(got.pts * got.time_base * 1000) == packet.pts_ms


def test_frames_of_sound_follow_each_other_without_gaps_though_stamps_are_whole_milliseconds() -> None:
    writer, fragments = write(encoded("aac", count=100))
    with av.open(io.BytesIO(join(writer, fragments)), format="mp4") as container:
        times = [packet.dts for packet in container.demux() if packet.size]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {1024}


@needs_ffmpeg
@pytest.mark.parametrize(
    "encoders",
    [("libx264", "aac"), ("libx265", "libopus"), ("libsvtav1",), ("libvpx-vp9", "libmp3lame")],
    ids="+".join,
)
def test_ffprobe_finds_tracks_and_duration_and_ffmpeg_decodes_without_a_word(
    encoders: tuple[str, ...], tmp_path: Path
) -> None:
    packets = encoded(*encoders, count=100)
    path = tmp_path / "x.mp4"
    path.write_bytes(complete(*write(packets)))
    found = ffprobe(path)
    assert len(found["streams"]) == len(encoders)
    assert len(found["packets"]) == len(frames(packets))
    assert float(found["format"]["duration"]) == pytest.approx(4, abs=0.1)  # type: ignore[call-overload]
    for stream in found["streams"]:
        if stream["codec_type"] == "video":
            assert (stream["width"], stream["height"]) == (encoder.WIDTH, encoder.HEIGHT)
            assert stream["avg_frame_rate"] == "25/1"
        else:
            assert int(stream["sample_rate"]) == encoder.SAMPLE_RATE_HZ
            assert int(stream["channels"]) == 2
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-"], capture_output=True, timeout=60, check=True
    )
    assert done.stderr == b""


def index_of(data: bytes, number: int) -> list[tuple[int, int]]:
    """Time and offset of each entry of a track in the index at the end."""
    index = data[-int.from_bytes(data[-4:], "big") :]
    assert index[4:8] == b"mfra"
    entries = []
    at = 8
    while index[at + 4 : at + 8] == b"tfra":
        count = int.from_bytes(index[at + 20 : at + 24], "big")
        if int.from_bytes(index[at + 12 : at + 16], "big") == number:
            entries = [struct.unpack_from(">QQ", index, at + 24 + 19 * entry) for entry in range(count)]
        at += int.from_bytes(index[at : at + 4], "big")
    return entries


@needs_ffmpeg
def test_the_index_has_each_key_frame_and_the_place_of_its_fragment(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    data = complete(*write(encoded("libx264", "aac", count=100)))
    path.write_bytes(data)
    keys = [
        round(float(packet["pts_time"]) * 90_000)
        for packet in ffprobe(path)["packets"]
        if packet["codec_type"] == "video" and packet["flags"].startswith("K")
    ]
    entries = index_of(data, 1)
    assert [time for time, _ in entries] == keys
    assert len(keys) == 11
    assert all(data[offset + 4 : offset + 8] == b"moof" for _, offset in entries)
    done = subprocess.run(
        ["ffprobe", "-v", "trace", "-use_mfra_for", "pts", str(path)], capture_output=True, timeout=60, check=True
    )
    assert b"stream has mfra" in done.stderr


@needs_ffmpeg
def test_a_file_that_ends_within_a_fragment_is_readable_up_to_there(tmp_path: Path) -> None:
    writer, fragments = write(encoded("libx264", "aac", count=100))
    whole = join(writer, fragments)
    path = tmp_path / "x.mp4"
    path.write_bytes(whole[: -len(fragments[-1].data) // 2])
    done = subprocess.run(
        ["ffprobe", "-v", "fatal", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert float(done.stdout) >= sum(fragment.duration_s for fragment in fragments[:-1]) - 0.1


@needs_ffmpeg
def test_pictures_shown_before_their_decoding_time_keep_their_distance(tmp_path: Path) -> None:
    packets = [
        packet
        if packet.is_config or packet.is_end
        else Packet(
            packet.track,
            packet.codec,
            packet.dts_ms + 100,
            packet.payload,
            composition_ms=packet.composition_ms - 100,
            is_key=packet.is_key,
        )
        for packet in encoded("libx264")
    ]
    assert min(packet.composition_ms for packet in packets) < 0
    packets.append(Packet(TrackId(Kind.VIDEO), packets[0].codec, 2000, b""))  # nothing, which ffmpeg would choke on
    path = tmp_path / "x.mp4"
    path.write_bytes(complete(*write(packets)))
    shown = [round(float(packet["pts_time"]) * 1000) for packet in ffprobe(path)["packets"]]
    # ffmpeg moves all pictures of fragments, so that none is shown before its decoding time.
    moved = -min(packet.composition_ms for packet in packets)
    assert shown == [packet.pts_ms + moved for packet in frames(packets) if packet.size_bytes]


@pytest.mark.parametrize("beginning_ms", [0xFFFFFF, 1 << 32, 1 << 40], ids=["24 bits", "32 bits", "40 bits"])
def test_late_times_are_kept_or_taken_from_the_origin(beginning_ms: int) -> None:
    early = encoded("libx264", "aac")
    late = [packet.at(packet.dts_ms + beginning_ms) for packet in early]
    with av.open(io.BytesIO(join(*write(late))), format="mp4") as container:
        first = next(packet for packet in container.demux(video=0) if packet.size)
        assert first.dts * first.time_base * 1000 == beginning_ms
    assert join(*write(late, origin_ms=beginning_ms)) == join(*write(early))
