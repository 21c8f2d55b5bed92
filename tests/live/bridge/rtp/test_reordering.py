"""RTP packets out of order, twice, late and never; what is said of them, and when."""

from __future__ import annotations

import random

import pytest

from miso.live.bridge.rtp.reordering import MAX_WAITING, WAIT_S, Ordered, Reordering
from miso.live.bridge.rtp.rtp_packet import RtpPacket


def rtp(number: int) -> RtpPacket:
    return RtpPacket(96, number & 0xFFFF, 0, 1, b"x")


def numbers(ready: list[Ordered]) -> list[int]:
    return [one.packet.sequence_number for one in ready]


def gaps(ready: list[Ordered]) -> list[int]:
    return [one.packet.sequence_number for one in ready if one.is_after_gap]


def test_what_is_in_order_is_not_held() -> None:
    order = Reordering()
    ready = [one for number in range(65_530, 65_545) for one in order.put(rtp(number), 0)]
    assert numbers(ready) == [*range(65_530, 65_536), *range(9)]
    assert gaps(ready) == []
    assert order.deadline_s is None


@pytest.mark.parametrize("seed", range(10))
def test_any_order_within_the_time_is_made_good(seed: int) -> None:
    source = random.Random(seed)
    mixed = sorted(range(1, 300), key=lambda number: number + source.uniform(0, 20))
    order = Reordering()
    ready = [one for number in [0, *mixed, *mixed[:50]] for one in order.put(rtp(65_400 + number), 0.1)]
    assert numbers(ready) == [(65_400 + number) & 0xFFFF for number in range(300)]
    assert gaps(ready) == []
    assert (order.lost, order.repeated) == (0, 50)


def test_what_never_comes_is_waited_for_and_then_given_up() -> None:
    order = Reordering()
    order.put(rtp(1), 0)
    assert order.put(rtp(3), 1.0) == []
    assert order.put(rtp(4), 1.1) == []
    assert order.deadline_s == 1.0 + WAIT_S
    assert order.due(1.0 + WAIT_S - 0.001) == []
    ready = order.due(1.0 + WAIT_S)
    assert numbers(ready) == [3, 4]
    assert gaps(ready) == [3]
    assert order.lost == 1
    assert order.put(rtp(2), 1.5) == []
    assert order.repeated == 1
    assert order.deadline_s is None


def test_each_hole_is_waited_for_in_its_turn() -> None:
    order = Reordering()
    order.put(rtp(1), 0)
    order.put(rtp(3), 1.0)
    order.put(rtp(5), 1.0)
    assert numbers(order.due(1.0 + WAIT_S)) == [3]
    assert order.deadline_s == 1.0 + 2 * WAIT_S
    assert gaps(order.due(1.0 + 2 * WAIT_S)) == [5]


def test_what_waits_is_bounded() -> None:
    order = Reordering()
    order.put(rtp(0), 0)
    ready = [one for number in range(2, MAX_WAITING + 4) for one in order.put(rtp(number), 0)]
    assert numbers(ready) == list(range(2, MAX_WAITING + 4))
    assert gaps(ready) == [2]


def test_a_stray_packet_is_nothing_and_two_in_a_row_begin_anew() -> None:
    order = Reordering()
    order.put(rtp(0), 0)
    assert order.put(rtp(30_000), 0) == []
    assert numbers(order.put(rtp(1), 0)) == [1]
    assert order.put(rtp(40_000), 0) == []
    ready = order.put(rtp(40_001), 0)
    assert (numbers(ready), gaps(ready)) == ([40_001], [40_001])
    assert numbers(order.put(rtp(40_002), 0)) == [40_002]
