"""Programs from outside that publish and play: run to their end, or for as long as a test needs them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live.rtmp_server.serving import SLOWEST_S

PICTURE = ["-f", "lavfi", "-re", "-i", "testsrc=size=320x180:rate=25"]
SOUND = ["-f", "lavfi", "-re", "-i", "sine=sample_rate=48000"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"]
B_FRAMES = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


def ffmpeg(url: str, *arguments: str) -> list[str]:
    """Publishes to a URL."""
    return ["ffmpeg", "-v", "error", "-nostdin", *arguments, "-f", "flv", url]


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that goes on until the test is through with it."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(*command: str | Path) -> tuple[int, str]:
    """A program with its exit code and what it has to say; it must end by itself."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SLOWEST_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace")
