"""What publishers of one address may send together."""

from __future__ import annotations

import asyncio
import time

import pytest

from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.bitrate_limit import BURST_S
from miso.live.rtmp_server.publisher_limits import AddressLimits
from miso.live.rtmp_server.settings import RtmpSettings
from tests.live.rtmp_server.serving import Peer, serve, until

MEGABIT_BYTES = 125_000
BURST_BYTES = int(MEGABIT_BYTES * BURST_S)
SILENT_S = 3.5
"""After which a publisher is dead: longer than a machine stands still now and then."""


def test_two_of_one_address_share_its_limit_and_one_of_another_has_its_own() -> None:
    limits = AddressLimits(1_000)
    one, two = (limits.take("192.0.2.1", 0, 0.0) for _ in range(2))
    other = limits.take("192.0.2.2", 0, 0.0)
    assert one.count(BURST_BYTES, 0.0) is None
    too_fast = two.count(MEGABIT_BYTES, 0.0)
    assert too_fast == (1.0, "more than 1000 kbit/s from its address")
    assert other.count(BURST_BYTES, 0.0) is None


def test_an_ipv6_network_is_one_address() -> None:
    limits = AddressLimits(1_000)
    one, two = (limits.take(address, 0, 0.0) for address in ("2001:db8::1", "2001:db8::2"))
    assert one.count(BURST_BYTES, 0.0) is None
    assert two.count(MEGABIT_BYTES, 0.0) is not None
    assert len(limits) == 1


def test_the_limit_that_is_exceeded_most_decides() -> None:
    limits = AddressLimits(10_000)
    slow, fast = limits.take("192.0.2.1", 1_000, 0.0), limits.take("192.0.2.1", 0, 0.0)
    assert slow.count(BURST_BYTES + MEGABIT_BYTES, 0.0) == (1.0, "more than 1000 kbit/s")
    too_fast = fast.count(10 * BURST_BYTES, 0.0)
    assert too_fast is not None
    assert "address" in too_fast.limit


@pytest.mark.parametrize("sent_bytes", [0, 1_000 * BURST_BYTES])
def test_zero_is_no_limit(sent_bytes: int) -> None:
    assert AddressLimits(0).take("192.0.2.1", 0, 0.0).count(sent_bytes, 0.0) is None


def test_coming_back_pays_no_debts() -> None:
    limits = AddressLimits(1_000)
    first = limits.take("192.0.2.1", 0, 0.0)
    first.count(BURST_BYTES + 5 * MEGABIT_BYTES, 0.0)
    first.give_back(0.0)
    first.give_back(0.0)
    second = limits.take("192.0.2.1", 0, 1.0)
    too_fast = second.count(0, 1.0)
    assert too_fast is not None
    assert too_fast.pause_s == pytest.approx(4.0)


def test_addresses_that_have_gone_and_paid_are_forgotten() -> None:
    limits = AddressLimits(1_000)
    for number in range(10_000):
        now_s = float(number)
        publisher = limits.take(f"10.0.{number >> 8}.{number & 255}", 0, now_s)
        publisher.count(MEGABIT_BYTES, now_s)
        publisher.give_back(now_s)
        assert len(limits) <= BURST_S + 3


def frame(size: int) -> bytes:
    return b"\x27\1\0\0\0" + (size).to_bytes(4, "big") + bytes(size)


async def pour(peer: Peer) -> None:
    for number in range(1_000_000):
        peer.send(Message(MessageType.VIDEO, number, frame(20_000), 1))
        await peer.drain()


async def test_two_publishers_of_one_address_are_read_at_the_bitrate_that_it_may_send(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each may send 80 Mbit/s, both together 16."""
    settings = RtmpSettings(max_bitrate_kbps=80_000, max_bitrate_kbps_per_address=16_000)
    async with serve(settings) as serving:
        peers = [await serving.connect() for _ in range(2)]
        for number, peer in enumerate(peers):
            assert await peer.publish(f"name{number}") == Code.PUBLISH_START.value
        sessions = [serving.session(f"live/name{number}") for number in range(2)]
        started_s = time.monotonic()
        pouring = [asyncio.create_task(pour(peer)) for peer in peers]
        try:
            await until(lambda: sum(session.counts().bytes_in for session in sessions) > 10_000_000)
            took_s = time.monotonic() - started_s
            sent = [session.counts().bytes_in for session in sessions]
            assert sum(sent) < 16 * MEGABIT_BYTES * (took_s + BURST_S) + 1_000_000
            assert min(sent) > 1_000_000, "one of them keeps the other from sending"
            assert serving.server.context.too_fast > 0
            assert "from its address" in caplog.text
        finally:
            for task in pouring:
                task.cancel()


async def test_who_is_not_read_for_longer_than_a_silent_publisher_may_live_is_not_dead() -> None:
    settings = RtmpSettings(max_bitrate_kbps_per_address=1_000, publisher_timeout=SILENT_S)
    async with serve(settings) as serving:
        peer = await serving.connect()
        assert await peer.publish() == Code.PUBLISH_START.value
        session = serving.session("live/name")
        peer.send(Message(MessageType.VIDEO, 0, frame(BURST_BYTES + int(2 * SILENT_S * MEGABIT_BYTES)), 1))
        await until(lambda: serving.server.context.too_fast > 0)
        pinged_s = time.monotonic() + 2 * SILENT_S
        await until(lambda: session.ended or time.monotonic() > pinged_s)
        assert not session.ended
