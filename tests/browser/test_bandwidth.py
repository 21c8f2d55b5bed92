"""Chromium behind a link that gets narrow for a while: a lower layer comes without a freeze, and the top one again."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

import pytest

from tests.browser.cameras import GRAINY
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person
from tests.browser.relay import Address, Conditions, Relay
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Every 50 ms: the picture's width, and the longest time without a new one since `longestGapMs` was last set to 0.
# A look that comes late, because the machine had no time for the page, counts as 100 ms.
WATCH = """
window.picture = { width: 0, frames: 0, lookedMs: performance.now(), gapMs: 0, longestGapMs: 0 };
const connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); connections.push(this); }
};
setInterval(async () => {
  for (const connection of connections) {
    if (connection.connectionState === 'closed') continue;
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'video' || !report.frameWidth) continue;
      const nowMs = performance.now();
      picture.width = report.frameWidth;
      if (report.framesDecoded !== picture.frames) picture.gapMs = 0;
      else picture.gapMs += Math.min(nowMs - picture.lookedMs, 100);
      picture.frames = report.framesDecoded;
      picture.lookedMs = nowMs;
      picture.longestGapMs = Math.max(picture.longestGapMs, picture.gapMs);
    }
  }
}, 50);
"""
WIDE = Conditions(delay_ms=25, down_bps=5_000_000, queue_ms=400)
NARROW = Conditions(delay_ms=25, down_bps=500_000, queue_ms=400)
# A busy machine freezes pictures and starves encoders by itself: the best of these attempts counts.
ATTEMPTS = 5
ATTEMPTS_S = 150.0
SWITCH_TIMEOUT_S = 40.0


@dataclass
class Attempt:
    """What came of one narrowing.

    Attributes:
        fell_s: Seconds until a lower layer.
        stayed: Whether it was one when the link got wide again.
        longest_gap_ms: The longest freeze while it was narrow.
        returned_s: Seconds until the top layer again.
    """

    fell_s: float
    stayed: bool
    longest_gap_ms: float
    returned_s: float

    @property
    def is_good(self) -> bool:
        return self.fell_s <= 5 and self.stayed and self.longest_gap_ms <= 1_000 and self.returned_s <= 20


NONE = Attempt(math.inf, False, math.inf, math.inf)
"""There was no top layer to begin with."""


async def _width(person: Person) -> int:
    width: int = await person.page.evaluate("picture.width")
    return width


async def _wait_for(person: Person, *, top: bool, timeout_s: float = SWITCH_TIMEOUT_S) -> float:
    """Seconds until the picture is of the top layer, or of a lower one; infinite when that does not come."""
    began = time.monotonic()
    while (await _width(person) == GRAINY.width) is not top:
        if time.monotonic() - began > timeout_s:
            return math.inf
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def _narrow(relay: Relay, clients: set[Address], person: Person) -> Attempt:
    if await _wait_for(person, top=True) == math.inf:
        return NONE
    await person.page.evaluate("picture.longestGapMs = 0")
    relay.change(clients, NARROW)
    fell_s = await _wait_for(person, top=False)
    await person.page.wait_for_timeout(8_000)
    longest_gap_ms = await person.page.evaluate("picture.longestGapMs")
    stayed = await _width(person) < GRAINY.width
    relay.change(clients, WIDE)
    return Attempt(fell_s, stayed, longest_gap_ms, await _wait_for(person, top=True))


async def test_500_kbit_bring_a_lower_layer_within_5_s_without_a_freeze_and_the_top_within_20_s_of_their_end(
    crowd: Crowd, relayed_server: tuple[DemoServer, Relay]
) -> None:
    server, relay = relayed_server
    relay.newcomers(Conditions(delay_ms=5))
    ana = await crowd.join(server.url, "narrow", "Ana", GRAINY, consume="false")
    await ana.page.wait_for_function("miso.state.connections.send === 'connected'")
    others = relay.clients()
    relay.newcomers(WIDE)
    bo = await crowd.join(server.url, "narrow", "Bo", script=WATCH, produce="false")
    assert await _wait_for(bo, top=True, timeout_s=ARRIVAL_TIMEOUT) < math.inf, await bo.describe("no top layer")
    clients = relay.clients() - others
    assert clients
    attempts: list[Attempt] = []
    began = time.monotonic()
    while not attempts or (len(attempts) < ATTEMPTS and time.monotonic() - began < ATTEMPTS_S):
        await bo.page.wait_for_timeout(2_000)
        attempts.append(await _narrow(relay, clients, bo))
        if attempts[-1].is_good:
            break
    assert attempts[-1].is_good, await bo.describe(f"attempts: {attempts}")
