"""Chromium behind a bad network, joined to the worker by a seeded relay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.people import Crowd, Person
from tests.browser.relay import RELAY_IP, Conditions, Relay
from tests.browser.server import DemoServer, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
# A busy machine freezes pictures by itself, without any loss: the best of these windows counts.
SETTLE_MS = 8_000  # the page notices the loss and leaves room for repairs
WINDOW_MS = 15_000
WINDOWS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def relayed_server(built_page: None) -> AsyncIterator[tuple[DemoServer, Relay]]:
    """One worker with one media port, which browsers reach through the relay."""
    server = DemoServer(arguments=("--announced-address", RELAY_IP))
    relay = Relay(server.media_port)
    relay.start()
    try:
        async with running(server):
            yield server, relay
    finally:
        relay.close()


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
    ana = await crowd.join(server.url, "loss", "Ana")
    bo = await crowd.join(server.url, "loss", "Bo", script=REMEMBER_CONNECTIONS)
    await bo.expect_media(ana)
    await bo.page.wait_for_timeout(SETTLE_MS)
    frozen: list[float] = []
    for _ in range(WINDOWS):
        before = await _inbound_video(bo)
        await bo.page.wait_for_timeout(WINDOW_MS)
        after = await _inbound_video(bo)
        frozen.append((after["totalFreezesDuration"] - before["totalFreezesDuration"]) * 1000 / WINDOW_MS)
        if frozen[-1] < 0.01:
            break
    sent, lost = relay.counts(relay.clients() - known)
    assert lost > sent * 0.03
    assert min(frozen) < 0.01, await bo.describe(f"frozen shares of the time: {frozen}")
    assert after["framesDecoded"] - before["framesDecoded"] > 15 * WINDOW_MS / 1000
