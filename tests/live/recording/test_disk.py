"""A full, slow, missing or forbidden disk ends the recording that met it, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from miso.live.recording.container import Patch
from miso.live.recording.file_writer import FileWriter, Written
from miso.live.recording.recording import State
from miso.live.recording.space import NoSpaceError, Space
from tests.live.mp4.mp4_file import packets_of_flv
from tests.live.recording.studio import PATH, Studio, groups

av = pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
SMALL_DISK_BYTES = 400_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    options = f"size={SMALL_DISK_BYTES}"
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True)
    if mounting.returncode:
        pytest.skip("a small disk cannot be mounted here: root is needed")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def decoded_s(path: Path) -> float:
    with av.open(str(path)) as container:
        frames = [frame for packet in container.demux(video=0) for frame in packet.decode()]
        assert float(container.duration / av.time_base) == pytest.approx(frames[-1].time, abs=0.5)
        return float(frames[-1].time)


@pytest.mark.parametrize("format", ["mp4", "flv"])
async def test_a_full_disk_ends_the_recording_and_leaves_a_file_that_plays(
    small_disk: Path, tmp_path: Path, format: str
) -> None:
    packets = groups(packets_of_flv(encoder.encode("libx264", "aac", frames=50, options={"g": "10"})), 12)
    other = Studio(tmp_path / "large", format=format)
    untouched = other.recorder.start(PATH)
    recording = await Studio(small_disk, format=format).record(packets)
    assert (recording.state, recording.detail) == (State.FAILED, "No space left on device")
    (report,) = recording.files
    assert report.error == "No space left on device"
    path = small_disk / report.name
    assert 0.5 * SMALL_DISK_BYTES < path.stat().st_size == report.size_bytes <= SMALL_DISK_BYTES
    assert 1 < decoded_s(path) < 24
    await other.send(packets)
    untouched.stop()
    await untouched.wait()
    assert untouched.state is State.DONE
    assert decoded_s(tmp_path / "large" / untouched.files[0].name) == pytest.approx(25, abs=0.5)


@pytest.fixture
def small_files() -> Iterator[int]:
    """Files of this process cannot grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK_BYTES, hard))
    yield SMALL_DISK_BYTES
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("format", ["mp4", "flv"])
async def test_a_limit_of_file_sizes_ends_the_recording_and_leaves_a_file_that_plays(
    small_files: int, tmp_path: Path, format: str
) -> None:
    packets = groups(packets_of_flv(encoder.encode("libx264", "aac", frames=50, options={"g": "10"})), 12)
    recording = await Studio(tmp_path, format=format).record(packets)
    assert (recording.state, recording.detail) == (State.FAILED, "File too large")
    path = tmp_path / recording.files[0].name
    assert 0.5 * small_files < path.stat().st_size == recording.size_bytes <= small_files
    assert 1 < decoded_s(path) < 24


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nobody may write, nor root."""
    folder = tmp_path / "unwritable"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(folder)], capture_output=True)
    if mounting.returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_an_unwritable_folder_fails_the_recording_and_the_next_one_begins_anew(
    unwritable: Path, tmp_path: Path
) -> None:
    packets = packets_of_flv(encoder.encode("libx264", frames=50, options={"g": "10"}))
    studio = Studio(unwritable)
    recording = await studio.record(packets)
    assert recording.state is State.FAILED
    assert recording.detail in ("Read-only file system", "Permission denied")
    assert [report.name for report in recording.files] == [""]
    assert studio.recorder.failures == 1
    assert (await Studio(tmp_path / "other").record(packets)).state is State.DONE


async def test_a_folder_that_cannot_be_made_fails_the_recording_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    recording = await Studio(tmp_path / "file" / "folder").record(
        packets_of_flv(encoder.encode("libx264", frames=50, options={"g": "10"}))
    )
    assert (recording.state, recording.detail) == (State.FAILED, "Not a directory")
    assert [(report.name, report.size_bytes) for report in recording.files] == [("", 0)]


async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "live").symlink_to(outside)
    packets = packets_of_flv(encoder.encode("aac", frames=50))
    studio = Studio(inside)
    recording = studio.recorder.start(PATH)
    await studio.send(packets)
    studio.clock.advance(2)
    await recording.wait()
    assert recording.state is State.FAILED
    assert "leads out of" in recording.detail
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"max_bytes": 60_000}, "at most 60000 are allowed"),
        ({"keep_free_bytes": 1 << 62}, f"{1 << 62} are to be kept"),
    ],
    ids=["all recordings", "free space"],
)
async def test_the_bounds_of_all_recordings_are_kept(tmp_path: Path, settings: dict[str, Any], reason: str) -> None:
    packets = groups(packets_of_flv(encoder.encode("libx264", frames=50, options={"g": "10"})), 4)
    recording = await Studio(tmp_path, **settings).record(packets)
    assert recording.state is State.FAILED
    assert reason in recording.detail
    assert sum(report.size_bytes for report in recording.files) <= 60_000


def test_what_was_there_before_counts(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(bytes(900))
    space = Space(tmp_path, max_bytes=1_000, keep_free_bytes=0)
    space.look()
    space.take(100)
    with pytest.raises(NoSpaceError):
        space.take(1)
    (tmp_path / "old.mp4").unlink()
    space.look()
    space.take(1_000)


class SlowSpace(Space):
    """A disk that hangs until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 0, 0)
        self.go_on = threading.Event()

    def take(self, size_bytes: int) -> None:
        if size_bytes:
            self.go_on.wait(60)
        super().take(size_bytes)


def test_who_writes_to_a_disk_that_hangs_does_not_wait(tmp_path: Path) -> None:
    space = SlowSpace(tmp_path)
    ended: list[Written] = []
    done = threading.Event()

    def end(written: Written) -> None:
        ended.append(written)
        done.set()

    writer = FileWriter(tmp_path, PurePosixPath("x"), ".bin", space, lambda: None, end)
    started = time.thread_time()
    for _ in range(100):
        writer.write(bytes(10_000))
    assert writer.queued_bytes == 1_000_000
    writer.close(lambda size: [Patch(0, size.to_bytes(4, "big"))])
    assert time.thread_time() - started < 1
    assert not done.is_set()
    space.go_on.set()
    assert done.wait(60)
    assert ended == [Written(tmp_path / "x.bin", 1_000_000)]
    assert (tmp_path / "x.bin").read_bytes()[:4] == (1_000_000).to_bytes(4, "big")
    assert writer.queued_bytes == 0


async def test_a_disk_that_is_too_slow_ends_the_recording_while_the_stream_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowSpace(tmp_path)
    monkeypatch.setattr("miso.live.recording.recorder.Space", lambda *_: slow)
    studio = Studio(tmp_path, max_queued_bytes=1_000_000)
    packets = packets_of_flv(encoder.encode("libx264", frames=50, options={"g": "10"}))
    recording = studio.recorder.start(PATH)
    studio.clock.advance(2)
    for number in itertools.count():
        if recording.detail:
            break
        await studio.send(groups(packets, 1)[:0] or [p.at(p.dts_ms + 2_000 * number) for p in packets])
        studio.clock.advance(2)
        assert number < 100
    assert recording.state.value == "finishing"
    assert "the disk is too slow" in recording.detail
    await studio.send(packets)  # nobody is held up
    slow.go_on.set()
    await asyncio.wait_for(recording.wait(), 60)
    assert recording.state is State.FAILED
    assert decoded_s(tmp_path / recording.files[0].name) > 5


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg")
@pytest.mark.parametrize("format", ["mp4", "flv"])
async def test_a_server_that_ends_completes_its_recordings(tmp_path: Path, format: str) -> None:
    studio = Studio(tmp_path, format=format)
    recording = studio.recorder.start(PATH)
    await studio.send(packets_of_flv(encoder.encode("libx264", "aac", frames=50, options={"g": "10"})))
    await studio.recorder.close()
    assert (recording.state, recording.detail) == (State.DONE, "the server ends")
    assert decoded_s(tmp_path / recording.files[0].name) == pytest.approx(2, abs=0.2)
