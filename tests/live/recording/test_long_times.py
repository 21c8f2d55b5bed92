"""Files whose own times pass 24, 31 and 32 bits: as ffprobe reads them, no frame is lost, and none moves."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from miso.live.recording.recording import State
from miso.live.recording.settings import Format
from tests.live.mp4.mp4_file import frames, packets_of_flv
from tests.live.recording.studio import Studio, later

pytest.importorskip("av", reason="PyAV is missing")
encoder = pytest.importorskip("tests.live.media.encoder")
pytestmark = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg"
)
MS_PER_S = 1_000


def probe(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_format", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    packets: list[dict[str, Any]] = json.loads(done.stdout)["packets"]
    return packets


def pictures(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in frames(packets) if packet.track.kind is Kind.VIDEO]


async def recorded(folder: Path, format: Format, passes_ms: int) -> tuple[list[Packet], list[list[dict[str, Any]]]]:
    """Two seconds at a recording's beginning, and four around that time of its own; what was sent and what is read."""
    studio = Studio(folder, format=format, cut_s=0, cut_bytes=0, max_queued_bytes=1_000_000_000)
    recording = studio.recorder.start(studio.path)
    group = [
        packet
        for packet in packets_of_flv(encoder.encode("libx264", "aac", frames=50, options={"g": "25", "bf": "2"}))
        if not packet.is_end
    ]
    await studio.send(group)
    around = [*later(group, passes_ms - 2_000), *later(group, passes_ms)]
    studio.clock.advance(passes_ms / MS_PER_S)
    await studio.send(around)
    await studio.recorder.close()
    assert (recording.state, recording.detail) == (State.DONE, "the server ends")
    return [*group, *around], [probe(folder / file.name) for file in recording.files]


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("passes_ms", [1 << 24, (1 << 31) - 70_000], ids=["24 bits", "nearly 31 bits"])
async def test_every_frame_is_in_one_file_at_its_time(tmp_path: Path, format: Format, passes_ms: int) -> None:
    sent, (read,) = await recorded(tmp_path, format, passes_ms)
    for kind in ("video", "audio"):
        wanted = [packet for packet in frames(sent) if packet.track.kind.value == kind]
        assert sum(packet["codec_type"] == kind for packet in read) == len(wanted)
    times_s = [float(packet["dts_time"]) for packet in read if packet["codec_type"] == "video"]
    wanted_s = [packet.dts_ms / MS_PER_S for packet in pictures(sent)]
    # What ffprobe takes for the beginning depends on the format: the first picture is shown later than it is decoded.
    assert [at_s - times_s[0] for at_s in times_s] == pytest.approx([at_s - wanted_s[0] for at_s in wanted_s], abs=1e-3)


async def test_mp4_goes_on_beyond_32_bits(tmp_path: Path) -> None:
    sent, (read,) = await recorded(tmp_path, Format.MP4, 1 << 32)
    times_s = [float(packet["dts_time"]) for packet in read if packet["codec_type"] == "video"]
    assert len(times_s) == len(pictures(sent))
    assert times_s[-1] > (1 << 32) / MS_PER_S


@pytest.mark.parametrize("passes_ms", [1 << 31, 1 << 32], ids=["31 bits", "32 bits"])
async def test_flv_whose_times_have_no_more_bits_goes_on_in_another_file(tmp_path: Path, passes_ms: int) -> None:
    sent, (first, last) = await recorded(tmp_path, Format.FLV, passes_ms)
    assert sum(packet["codec_type"] == "video" for packet in first + last) == len(pictures(sent))
    times_s = [float(packet["dts_time"]) for packet in last if packet["codec_type"] == "video"]
    assert len(times_s) > 50
    assert times_s == sorted(times_s)
    assert times_s[-1] - times_s[0] < 4
