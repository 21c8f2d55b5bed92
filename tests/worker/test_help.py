"""``miso-worker --help`` tells what the program takes, without a controller."""

from __future__ import annotations

import subprocess
import sys

from miso.worker.settings import LOG_LEVELS, LOG_TAGS, Settings, parse_arguments


def test_help_lists_arguments_environment_descriptors_and_exit_codes() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "miso.worker", "--help"], env={}, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stderr == ""
    flags = [word.partition("=")[0] for word in result.stdout.split() if word.startswith("--") and "=" in word]
    assert len([flag for flag in flags if parse_arguments_knows(flag)]) == len(vars(Settings()))
    for word in (*LOG_LEVELS, *LOG_TAGS, "MEDIASOUP_VERSION", "3, 4", "5, 6", "40", "41", "42", "docs/controller.md"):
        assert word in result.stdout, word


def parse_arguments_knows(flag: str) -> bool:
    value = {"--logLevel": "warn", "--rtcMinPort": "1", "--rtcMaxPort": "65535"}.get(flag, "x")
    if flag.startswith("--dtls"):
        return True  # one needs the other, and a file
    return flag != "--NAME" and parse_arguments([f"{flag}={value}"]) != Settings()
