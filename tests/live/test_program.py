"""``python -m miso.live`` and ``controller`` as programs: an encoder in, players out, taken ports, and their end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, needs

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 90


class Program:
    """A program that runs, and its log."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=cwd,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line to come that has it."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"it ended without {pattern!r}: {''.join(self.lines)}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Its exit code; the rest of the log is read."""
        assert self._process.stderr is not None
        self.lines += self._process.stderr.readlines()
        return self._process.wait(LONGEST_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()


@contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[Program]:
    program = Program(*arguments, cwd=cwd)
    try:
        yield program
    finally:
        program.kill()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as holder:
        yield holder.getsockname()[1]


@needs("ffmpeg", "ffprobe")
def test_a_stream_is_played_until_a_signal_ends_the_program_in_order(tmp_path: Path) -> None:
    with running("miso.live", "--live.rtmp.port=0", "--live.web.port=0", cwd=tmp_path) as live:
        port = live.wait_for(r"RTMP on port (\d+)")[1]
        live.wait_for("running: .*rtmp")
        url = f"rtmp://127.0.0.1:{port}/live/a"
        encoder = subprocess.Popen(ffmpeg(url, *PICTURE, *SOUND, *H264, *AAC))
        try:
            live.wait_for("rtmp publisher stream=live/a .* begins")
            probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url]
            found = subprocess.run(probe, capture_output=True, text=True, timeout=LONGEST_S, check=True)
            assert sorted(found.stdout.split()) == ["aac", "h264"]
            live.wait_for("rtmp player stream=live/a .*: ended")
            player = subprocess.Popen(["ffmpeg", "-v", "quiet", "-nostdin", "-i", url, "-f", "null", "-"])
            try:
                live.wait_for("rtmp player stream=live/a .* begins")
                live.signal(signal.SIGTERM)
                assert live.end() == 0
            finally:
                player.kill()
                player.wait()
        finally:
            encoder.kill()
            encoder.wait()
    log = "".join(live.lines)
    assert "SIGTERM: ending" in log
    assert len(re.findall("publisher stream=live/a .*: ended", log)) == 1
    assert len(re.findall("player stream=live/a .*: ended", log)) == 2
    assert "internal" not in log
    assert "Traceback" not in log


def test_a_port_that_is_taken_is_told_with_its_flag_and_the_rest_runs(tmp_path: Path) -> None:
    with (
        taken_port() as port,
        running("miso.live", f"--live.rtmp.port={port}", "--live.web.port=0", cwd=tmp_path) as live,
    ):
        said = live.wait_for("live plugin rtmp cannot start: (.*)")[1]
        assert f"port {port}: Address already in use; choose another with --live.rtmp.port" in said
        live.wait_for("running: .*web")
        live.signal(signal.SIGINT)
        assert live.end() == 0


def test_without_any_port_there_is_no_point(tmp_path: Path) -> None:
    with taken_port() as port:
        arguments = [f"--live.rtmp.port={port}", f"--live.web.port={port}"]
        with running("miso.live", *arguments, cwd=tmp_path) as live:
            assert live.end() == 1
    assert "cannot start: nothing listens" in live.lines[-1]


@pytest.mark.parametrize("with_live", [True, False])
def test_the_rooms_are_served_whatever_becomes_of_live_streams(tmp_path: Path, with_live: bool) -> None:
    rooms = [
        "--workers=1", "--no-https", "--http-port=0", "--no-webrtc-server", "--media-ip=127.0.0.1",
        f"--data-dir={tmp_path}",
    ]  # fmt: skip
    with taken_port() as port:
        live = [f"--live.rtmp.port={port}", "--live.web.port=0"] if with_live else ["--no-live"]
        with running("miso.demo", *rooms, *live, cwd=tmp_path) as controller:
            controller.wait_for("page and signaling: http://localhost:")
            controller.signal(signal.SIGTERM)
            assert controller.end() == 0
    log = "".join(controller.lines)
    assert (f"port {port}: Address already in use; choose another with --live.rtmp.port" in log) == with_live
    assert ("live streams over HTTP" in log) == with_live
    assert "Traceback" not in log
