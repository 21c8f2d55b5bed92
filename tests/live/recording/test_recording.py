"""Streams become files that players open: right frames, right length, an index; cut where that is asked for."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from miso.live.errors import RefusedError
from miso.live.media.amf0 import Amf0Reader
from miso.live.media.codec import Codec, Kind
from miso.live.media.flv import FlvReader, Tag
from miso.live.media.packet import Packet
from miso.live.recording.flv_container import MAX_LISTED_KEY_FRAMES
from miso.live.recording.recording import MAX_FILES_A_MINUTE, State
from miso.live.recording.settings import Format
from tests.live.mp4.mp4_file import frames, packets_of_flv
from tests.live.recording.studio import PATH, Studio, groups, later

av = pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
pytestmark = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg"
)
NAME = "live/camera/20231114-221320"


@cache
def encoded(*encoders: str, count: int = 50, seed: str = "10") -> tuple[Packet, ...]:
    return tuple(packets_of_flv(encoder.encode(*encoders, frames=count, options={"g": seed, "bf": "2"})))


def picture_and_sound(count: int = 50) -> list[Packet]:
    return list(encoded("libx264", "aac", count=count))


def probe(path: Path) -> dict[str, list[dict[str, str]]]:
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_streams", "-show_format", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return found


def duration_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.duration / av.time_base)


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(len(packet.decode()) for packet in container.demux(video=0))


def metadata_of(path: Path) -> tuple[dict[str, object], bytes]:
    data = path.read_bytes()
    script: Tag = FlvReader().feed(data)[0]
    reader = Amf0Reader(script.body)
    assert reader.read() == "onMetaData"
    members = reader.read()
    assert isinstance(members, dict)
    return dict(members), data


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("encoders", [("libx264", "aac"), ("libx265", "libopus"), ("libx264",), ("aac",)], ids="+".join)
async def test_a_stream_becomes_a_file_with_all_its_frames(
    tmp_path: Path, format: Format, encoders: tuple[str, ...]
) -> None:
    packets = list(encoded(*encoders))
    recording = await Studio(tmp_path, format=format).record(packets)
    assert (recording.state, recording.detail, recording.left_out) == (State.DONE, "the stream is over", set())
    (report,) = recording.files
    path = tmp_path / f"{NAME}.{format.value}"
    assert (report.name, report.error, report.is_closed) == (f"{NAME}.{format.value}", "", True)
    assert report.size_bytes == recording.size_bytes == path.stat().st_size
    with av.open(str(path)) as container:
        read = [bytes(packet) for packet in container.demux() if packet.size]
        assert len(container.streams) == len(encoders)
        assert float(container.duration / av.time_base) == pytest.approx(2, abs=0.1)
    assert sorted(read) == sorted(packet.payload for packet in frames(packets))
    assert recording.duration_ms == pytest.approx(2_000, abs=100)


async def test_a_file_begins_with_time_zero_whenever_the_recording_begins(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    packets = picture_and_sound()
    await studio.send(packets)
    recording = studio.recorder.start(PATH)
    await studio.send(later(packets, 2_000))
    recording.stop()
    await recording.wait()
    assert (recording.state, recording.detail) == (State.DONE, "stopped")
    found = probe(tmp_path / f"{NAME}.mp4")
    first = next(packet for packet in found["packets"] if packet["codec_type"] == "video")
    assert float(first["dts_time"]) == 0
    assert first["flags"].startswith("K")
    # The last group of pictures before the beginning is there, too.
    assert 2 < float(found["format"]["duration"]) < 2.5  # type: ignore[call-overload]


async def test_an_flv_file_says_how_long_it_is_and_where_its_key_frames_are(tmp_path: Path) -> None:
    await Studio(tmp_path, format="flv").record(picture_and_sound())
    members, data = metadata_of(tmp_path / f"{NAME}.flv")
    assert members["duration"] == pytest.approx(2, abs=0.1)
    assert members["filesize"] == len(data)
    assert (members["width"], members["height"], members["hasKeyframes"]) == (320, 180, True)
    index = members["keyframes"]
    assert isinstance(index, dict)
    assert len(index["times"]) == len(index["filepositions"]) == 6
    for time_s, place in zip(index["times"], index["filepositions"], strict=True):
        tag = data[int(place) :]
        assert tag[0] == 9
        assert tag[11] >> 4 == 1  # a key frame
        assert int.from_bytes(tag[4:7], "big") == round(time_s * 1000)


async def test_the_list_of_key_frames_of_a_long_flv_file_fits_its_room(tmp_path: Path) -> None:
    packets = groups([packet for packet in encoded("libx264", count=2) if not packet.is_end], 3 * MAX_LISTED_KEY_FRAMES)
    recording = await Studio(tmp_path, format="flv").record(packets)
    members, data = metadata_of(tmp_path / f"{NAME}.flv")
    assert recording.state is State.DONE
    index = members["keyframes"]
    assert isinstance(index, dict)
    assert MAX_LISTED_KEY_FRAMES // 2 < len(index["times"]) <= MAX_LISTED_KEY_FRAMES
    assert index["times"][-1] > 0.99 * recording.duration_ms / 1000
    assert all(data[int(place)] == 9 for place in index["filepositions"])


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("cut", [{"cut_s": 1}, {"cut_bytes": 30_000}], ids=["time", "size"])
async def test_files_are_cut_at_key_frames(tmp_path: Path, format: Format, cut: dict[str, Any]) -> None:
    packets = picture_and_sound(count=100)
    recording = await Studio(tmp_path, format=format, file_name="{name}-{part}", **cut).record(packets)
    assert len(recording.files) > 2
    names = [report.name for report in recording.files]
    assert names == [f"camera-{number}.{format.value}" for number in range(1, len(names) + 1)]
    shown = 0
    for report in recording.files:
        found = probe(tmp_path / report.name)
        first = next(packet for packet in found["packets"] if packet["codec_type"] == "video")
        assert first["flags"].startswith("K")
        shown += pictures(tmp_path / report.name)
    assert shown == sum(packet.track.kind is Kind.VIDEO for packet in frames(packets))


@pytest.mark.parametrize("format", list(Format))
async def test_after_a_gap_the_length_is_that_of_gap_and_frames(tmp_path: Path, format: Format) -> None:
    studio = Studio(tmp_path, format=format)
    packets = [packet for packet in picture_and_sound() if not packet.is_end]
    recording = studio.recorder.start(PATH)
    await studio.send(packets)
    studio.clock.advance(60)
    await studio.send(later(packets, 60_000))
    await studio.recorder.close()
    assert recording.duration_ms == pytest.approx(62_000, abs=100)
    assert duration_s(tmp_path / recording.files[0].name) == pytest.approx(62, abs=0.1)


async def test_a_name_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"precious")
    (tmp_path / "x-2.mp4").symlink_to(tmp_path / "elsewhere")
    recording = await Studio(tmp_path, file_name="x").record(picture_and_sound())
    assert recording.files[0].name == "x-3.mp4"
    assert (tmp_path / "x.mp4").read_bytes() == b"precious"
    assert not (tmp_path / "elsewhere").exists()


async def test_recordings_that_go_on_at_once_under_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    studio = Studio(tmp_path, file_name="same")
    other = studio.streams.publish("live/other", lambda: None)
    recordings = [studio.recorder.start(path) for path in (PATH, "live/other")]
    for packet in picture_and_sound():
        other.write(packet)
        await studio.send([packet])
    await studio.recorder.close()
    names = {recording.files[0].name for recording in recordings}
    assert names == {"same.mp4", "same-2.mp4"}
    assert [pictures(tmp_path / name) for name in names] == [50, 50]


@pytest.mark.parametrize("format", list(Format))
async def test_the_same_file_goes_on_when_a_publisher_comes_back(tmp_path: Path, format: Format) -> None:
    studio = Studio(tmp_path, format=format)
    recording = studio.recorder.start(PATH)
    await studio.send(picture_and_sound())
    studio.publication.close()
    studio.clock.advance(5)
    studio.publish()
    await studio.send(picture_and_sound())
    stream = studio.streams.get(PATH)
    assert stream is not None
    stream.close()
    await recording.wait()
    assert len(recording.files) == 1
    assert duration_s(tmp_path / recording.files[0].name) == pytest.approx(4, abs=0.2)


async def test_a_recording_ends_when_the_publisher_does_not_come_back(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    recording = studio.recorder.start(PATH)
    await studio.send(picture_and_sound())
    studio.publication.close()
    studio.clock.advance(20)
    await recording.wait()
    assert recording.state is State.DONE
    assert studio.recorder.running == []
    assert list(studio.recorder.ended) == [recording]
    assert studio.recorder.get(recording.id) is recording


@pytest.mark.parametrize(("format", "files"), [(Format.MP4, 2), (Format.FLV, 1)])
async def test_another_configuration_goes_where_the_format_can_have_it(
    tmp_path: Path, format: Format, files: int
) -> None:
    studio = Studio(tmp_path, format=format)
    recording = studio.recorder.start(PATH)
    await studio.send(encoded("libx264"))
    studio.publication.close()
    studio.publish()
    other = encoder.encode("libx264", frames=50, options={"g": "10", "profile": "baseline", "bf": "0"})
    await studio.send(packets_of_flv(other))
    recording.stop()
    await recording.wait()
    assert len(recording.files) == files
    assert sum(pictures(tmp_path / report.name) for report in recording.files) == 100


@pytest.mark.parametrize("format", list(Format))
async def test_a_configuration_that_comes_behind_the_first_picture_is_that_of_the_same_file(
    tmp_path: Path, format: Format
) -> None:
    packets = picture_and_sound()
    sound_config = next(packet for packet in packets if packet.is_config and packet.track.kind is Kind.AUDIO)
    packets.remove(sound_config)
    first_picture = next(packet for packet in packets if packet.is_key and packet.track.kind is Kind.VIDEO)
    packets = [packet for packet in packets if packet.track.kind is Kind.VIDEO or packet.dts_ms >= 100]
    packets.insert(packets.index(first_picture) + 1, sound_config)
    recording = await Studio(tmp_path, format=format).record(packets)
    assert len(recording.files) == 1
    found = probe(tmp_path / recording.files[0].name)
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "aac"]


def one_picture(**options: str) -> list[Packet]:
    file = encoder.encode("libx264", frames=1, options=options)
    return [packet for packet in packets_of_flv(file) if not packet.is_end]


async def test_a_publisher_whose_configuration_changes_all_the_time_gets_no_thread_for_each_change(
    tmp_path: Path,
) -> None:
    studio = Studio(tmp_path, format=Format.MP4)
    recording = studio.recorder.start(PATH)
    high = one_picture()
    baseline = one_picture(profile="baseline")
    files = [later((high, baseline)[number % 2], 40 * number) for number in range(MAX_FILES_A_MINUTE + 10)]
    await studio.send([packet for file in files for packet in file])
    await recording.wait()
    assert recording.state is State.FAILED
    assert f"more than {MAX_FILES_A_MINUTE} files a minute" in recording.detail
    assert len(recording.files) == MAX_FILES_A_MINUTE


async def test_a_clock_that_is_set_back_ends_no_recording(tmp_path: Path) -> None:
    studio = Studio(tmp_path, format=Format.MP4)
    recording = studio.recorder.start(PATH)
    high = one_picture()
    baseline = one_picture(profile="baseline")
    for number in range(2 * MAX_FILES_A_MINUTE):
        if number == MAX_FILES_A_MINUTE:
            studio.unix_s -= 3_600
        await studio.send(later((high, baseline)[number % 2], 40 * number))
        studio.clock.advance(2)
        studio.unix_s += 4
    assert not recording.detail
    recording.stop()
    await recording.wait()
    assert recording.state is State.DONE


async def test_another_codec_or_a_new_track_begins_a_new_file(tmp_path: Path) -> None:
    studio = Studio(tmp_path, format="flv")
    recording = studio.recorder.start(PATH)
    await studio.send(encoded("libx264"))
    studio.clock.advance(2)
    await studio.send(later(encoded("libx264"), 2_000))
    await studio.send(later(encoded("libx265", "aac"), 4_000))
    recording.stop()
    await recording.wait()
    assert [len(probe(tmp_path / report.name)["streams"]) for report in recording.files[:1]] == [1]
    assert len(recording.files) == 2
    with av.open(str(tmp_path / recording.files[1].name)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["hevc", "aac"]


async def test_what_a_format_cannot_carry_is_left_out_and_told(tmp_path: Path) -> None:
    recording = await Studio(tmp_path).record(list(encoded("libx264", "ac3")))
    assert recording.state is State.DONE
    assert {track.kind for track in recording.left_out} == {Kind.AUDIO}
    assert [stream["codec_name"] for stream in probe(tmp_path / f"{NAME}.mp4")["streams"]] == ["h264"]


async def test_a_stream_of_nothing_that_can_be_carried_fails_and_says_so(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    recording = studio.recorder.start(PATH)
    await studio.send(encoded("ac3"))
    studio.clock.advance(2)
    await recording.wait()
    assert recording.state is State.FAILED
    assert "ac-3" in recording.detail
    assert studio.recorder.failures == 1
    assert recording.files == []


async def test_streams_are_recorded_whenever_they_are_published_if_the_settings_say_so(tmp_path: Path) -> None:
    studio = Studio(tmp_path, paths=["live/*"])
    studio.recorder.published("other/camera")
    assert studio.recorder.running == []
    studio.recorder.published(PATH)
    studio.recorder.published(PATH)  # came back within its grace
    assert [recording.path for recording in studio.recorder.running] == [PATH]
    await studio.recorder.close()


async def test_too_many_recordings_are_refused(tmp_path: Path) -> None:
    studio = Studio(tmp_path, max_recordings=1)
    recording = studio.recorder.start(PATH)
    with pytest.raises(RefusedError, match="recorded as mp4 already"):
        studio.recorder.start(PATH)
    with pytest.raises(RefusedError, match="there are 1 recordings"):
        studio.recorder.start(PATH, Format.FLV)
    assert recording.state.value == "waiting"
    await studio.recorder.close()
    assert recording.state is State.DONE


async def test_only_packets_of_the_codec_in_force_are_in_a_file(tmp_path: Path) -> None:
    """Frames between a new configuration and the next key frame have no file."""
    studio = Studio(tmp_path)
    recording = studio.recorder.start(PATH)
    packets = list(encoded("libx264"))
    await studio.send(packets)
    config = next(packet for packet in packets if packet.is_config)
    other = config.payload[:-1] + b"\1" if len(config.payload) > 60 else config.payload + b"\0"
    await studio.send([Packet(config.track, Codec.H264, 2_000, other, is_config=True)])
    inter = next(packet for packet in packets if not packet.is_config and not packet.is_key)
    await studio.send(later([inter] * 3, 2_000))
    recording.stop()
    await asyncio.wait_for(recording.wait(), 60)
    assert len(recording.files) == 1
    assert pictures(tmp_path / f"{NAME}.mp4") == 50


async def test_a_stream_that_nobody_publishes_is_waited_for(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    in_vain = studio.recorder.start("live/nobody")
    studio.clock.advance(6)
    await in_vain.wait()
    assert (in_vain.state, in_vain.detail) == (State.FAILED, "live/nobody is not published")
    assert studio.events == []
    wanted: list[str] = []
    studio.streams.on_wanted(lambda stream: wanted.append(stream.path))
    late = studio.recorder.start("live/late")
    assert wanted == ["live/late"]
    publication = studio.streams.publish("live/late", lambda: None)
    for packet in picture_and_sound():
        publication.write(packet)
        await asyncio.sleep(0)
    late.stop()
    await late.wait()
    assert late.state is State.DONE
    assert late.size_bytes > 1_000


async def test_a_recording_has_a_session_and_kicking_it_completes_the_file(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    recording = studio.recorder.start(PATH)
    await studio.send(picture_and_sound())
    session = studio.sessions.get(recording.id)
    assert session is not None
    assert (session.protocol, session.path) == ("recording", PATH)
    session.kick()
    await recording.wait()
    assert (recording.state, recording.detail) == (State.DONE, "kicked")
    assert [event.kind.value for event in studio.events] == ["play", "stop"]
    assert duration_s(tmp_path / f"{NAME}.mp4") == pytest.approx(2, abs=0.2)
    assert len(studio.sessions) == 0


async def test_a_path_of_no_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be a stream's path"):
        Studio(tmp_path).recorder.start("../live")
