"""Chromium behind a bad network, joined to the worker by a seeded relay."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from tests.browser.cameras import Camera
from tests.browser.people import Crowd, Person, eventually, expect_media_both_ways
from tests.browser.relay import Conditions, Relay
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

REMEMBER_CONNECTIONS = """
window.peerConnections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); window.peerConnections.push(this); }
};
"""
# SSRC 1234 is probation: packets that measure the way and hold no picture.
INBOUND_VIDEO = """async () => {
  const found = [];
  for (const connection of window.peerConnections)
    if (connection.connectionState !== 'closed')
      for (const report of (await connection.getStats()).values())
        if (report.type === 'inbound-rtp' && report.kind === 'video' && report.ssrc !== 1234) found.push(report);
  return found;
}"""
LEAVES_ROOM_FOR_REPAIRS = """() => window.peerConnections.some((connection) => connection.getReceivers().some(
  ({ track, jitterBufferTarget }) => track.kind === 'video' && jitterBufferTarget > 0
))"""
CALM = Camera(320, 180, 20)
# A busy machine freezes pictures by itself, without any loss: the best window within the patience counts.
WINDOW_MS = 15_000
PATIENCE = 240.0


async def _inbound_video(person: Person) -> dict[str, Any]:
    reports: list[dict[str, Any]] = await person.page.evaluate(INBOUND_VIDEO)
    assert len(reports) == 1, await person.describe("not one incoming video")
    return reports[0]


async def test_5_percent_loss_at_50_ms_freezes_less_than_1_percent_of_the_time(
    crowd: Crowd, relayed_server: tuple[DemoServer, Relay]
) -> None:
    server, relay = relayed_server
    relay.newcomers(Conditions(loss=0.05, delay_ms=25, jitter_ms=2))
    known = relay.clients()
    ana = await crowd.join(server.url, "loss", "Ana", CALM)
    bo = await crowd.join(server.url, "loss", "Bo", CALM, script=REMEMBER_CONNECTIONS)
    await expect_media_both_ways(ana, bo)
    await bo.page.wait_for_function(LEAVES_ROOM_FOR_REPAIRS)
    looks: deque[tuple[dict[str, Any], int]] = deque()
    shares: list[float] = []

    async def flows() -> bool:
        now = await _inbound_video(bo)
        encoded = await ana.encoded()
        looks.append((now, encoded))
        while len(looks) > 1 and now["timestamp"] - looks[1][0]["timestamp"] >= WINDOW_MS:
            looks.popleft()
        before, encoded_before = looks[0]
        elapsed_ms = now["timestamp"] - before["timestamp"]
        if elapsed_ms < WINDOW_MS:
            return False
        shares.append((now["totalFreezesDuration"] - before["totalFreezesDuration"]) * 1000 / elapsed_ms)
        frames = now["framesDecoded"] - before["framesDecoded"]
        return shares[-1] < 0.01 and bool(frames > 0.75 * (encoded - encoded_before))

    await eventually(flows, PATIENCE, lambda: bo.describe(f"frozen shares of the time: {shares}"))
    sent, lost = relay.counts(relay.clients() - known)
    assert lost > sent * 0.03
