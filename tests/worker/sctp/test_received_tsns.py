"""Which TSNs have come, against a set that says the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.sctp import enums

Load = Callable[[str], ModuleType]


def blocks_of(tsns: set[int], cumulative: int) -> list[int]:
    blocks: list[int] = []
    for tsn in sorted(tsns):
        if blocks and blocks[-1] == tsn - cumulative - 1:
            blocks[-1] += 1
        else:
            blocks += [tsn - cumulative, tsn - cumulative]
    return blocks


@pytest.mark.parametrize("initial", [1, 0, 0xFFFFFFFF, 0xFFFFFF00, 0x7FFFFFFF])
def test_gaps_and_the_cumulative_tsn_are_those_of_a_set(load: Load, initial: int) -> None:
    random_ = random.Random(initial)
    tsns = load("miso.worker.sctp.receiving.received_tsns").ReceivedTsns(initial)
    cumulative = tsns.cumulative
    assert cumulative & 0xFFFFFFFF == (initial - 1) & 0xFFFFFFFF
    beyond: set[int] = set()
    for _ in range(3000):
        step = random_.choice((1, 1, 1, 2, random_.randrange(1, 300)))
        tsn = tsns.unwrap((tsns.cumulative + step) & 0xFFFFFFFF)
        assert tsn == cumulative + step
        assert tsns.look_up(tsn) == (1 if tsn in beyond else 0)
        if random_.random() < 0.03:
            came = tsns.forward(tsn)
            assert came == sorted(known for known in beyond if known <= tsn)
            beyond = {known for known in beyond if known > tsn}
            cumulative = tsn
        elif tsn not in beyond:
            tsns.add(tsn)
            beyond.add(tsn)
        while cumulative + 1 in beyond:
            cumulative += 1
            beyond.discard(cumulative)
        assert tsns.cumulative == cumulative
        assert tsns.highest == max(beyond, default=cumulative)
        assert tsns.gap_blocks(10_000) == blocks_of(beyond, cumulative)
        assert tsns.gap_blocks(3) == blocks_of(beyond, cumulative)[:6]


def test_what_is_beyond_the_window_is_not_taken(load: Load) -> None:
    tsns = load("miso.worker.sctp.receiving.received_tsns").ReceivedTsns(1)
    assert tsns.look_up(tsns.cumulative + 8192) == enums.NEW
    assert tsns.look_up(tsns.cumulative + 8193) == enums.BEYOND_WINDOW
    tsns.add(tsns.cumulative + 8192)
    assert tsns.look_up(tsns.cumulative + 8192) == enums.DUPLICATE
    assert tsns.look_up(tsns.cumulative) == enums.DUPLICATE
    assert tsns.forward(tsns.cumulative + 60_000) == [tsns.cumulative - 60_000 + 8192]
    assert tsns.gap_blocks(300) == []


def test_duplicates_are_told_once_and_no_more_than_32(load: Load) -> None:
    tsns = load("miso.worker.sctp.receiving.received_tsns").ReceivedTsns(1)
    for tsn in range(40):
        tsns.add_duplicate(tsn)
    assert tsns.take_duplicates() == list(range(32))
    assert tsns.take_duplicates() == []
