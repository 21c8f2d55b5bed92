"""A process that is killed leaves a recording that players open, up to shortly before its end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 6


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg")
@pytest.mark.parametrize("format", ["mp4", "flv"])
def test_a_file_cut_by_kill_9_has_all_but_the_last_two_seconds(tmp_path: Path, format: str) -> None:
    pytest.importorskip("av", reason="PyAV is missing")
    command = [sys.executable, "-m", "tests.live.recording.endless", str(tmp_path), format]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < SECONDS:
            pass
        process.kill()
    (path,) = tmp_path.rglob(f"*.{format}")
    probing = ["ffprobe", "-v", "fatal", "-show_packets", "-show_format", "-of", "json", str(path)]
    found = json.loads(subprocess.run(probing, capture_output=True, timeout=60, check=True).stdout)
    for kind in ("video", "audio"):
        times = [float(packet["pts_time"]) for packet in found["packets"] if packet["codec_type"] == kind]
        assert max(times) >= SECONDS - 2
    if format == "mp4":  # which ffprobe reads to its end to know how long it is
        assert float(found["format"]["duration"]) >= SECONDS - 2
