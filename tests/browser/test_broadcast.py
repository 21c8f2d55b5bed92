"""What ffmpeg broadcasts into a room, people see and hear, and see that it is no person."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/examples/broadcast.py"
FRAMES = 40


async def test_a_broadcast_of_ffmpeg_is_seen_heard_and_marked(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "broadcast", "Ana")
    await expect(ana.tiles).to_have_count(0)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLE), server.url, "broadcast"),
        env={key: value for key, value in os.environ.items() if not key.startswith("MISO_")},
    )

    async def flows() -> bool:
        reports = [report for report in await ana.stats() if report["direction"] == "recv"]
        frames = sum(report["frames"] or 0 for report in reports if report["kind"] == "video")
        energy = sum(report["audioEnergy"] or 0 for report in reports if report["kind"] == "audio")
        return frames > FRAMES and energy > 0

    try:
        await eventually(flows, ARRIVAL_TIMEOUT, lambda: ana.describe("the broadcast did not arrive"))
        tile = ana.tiles.filter(has_text="Broadcaster")
        await expect(tile.get_by_role("img", name="Broadcast", exact=True)).to_be_visible()
        await expect(tile.get_by_role("img", name="Muted")).to_have_count(0)
        await ana.click("People")
        await expect(ana.page.get_by_text("Broadcast by ffmpeg")).to_be_visible()
    finally:
        program.send_signal(signal.SIGTERM)
        await program.wait()
    await expect(ana.tiles).to_have_count(0)
    assert not ana.errors
