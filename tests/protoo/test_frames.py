"""Cutting a stream of frames, however it arrives."""

from __future__ import annotations

import random

import pytest
from websockets.frames import Frame, Opcode

from miso.protoo.pacing.frames import UNIT_BYTES, Allowance, FrameCutter, FrameLimits

SIZES = [0, 1, 125, 126, 65535, 65536, 70_000, 3, 0]


def stream(*, mask: bool) -> tuple[bytes, list[int]]:
    """Frames of all forms of length, and where each ends."""
    data = b""
    ends = []
    for number, size in enumerate(SIZES):
        opcode = Opcode.TEXT if number == 0 else Opcode.CONT
        data += Frame(opcode, b"\xff" * size, fin=False).serialize(mask=mask, extensions=[])
        ends.append(len(data))
    return data, ends


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"])
@pytest.mark.parametrize("frames", [1, 2, 100])
def test_cuts_between_frames_wherever_reads_end(mask: bool, head: bytes, frames: int) -> None:
    data, ends = stream(mask=mask)
    rng = random.Random(5)
    for _ in range(20):
        cutter = FrameCutter(behind_head=bool(head))
        whole, stops, total, at = head + data, [], 0, 0
        while at < len(whole):
            chunk = whole[at : at + rng.choice([1, 2, 3, 7, 1000, 100_000])]
            position = 0
            while position < len(chunk):
                end, passed = cutter.cut(chunk, position, frames)
                assert passed <= frames
                total += passed
                position = end
                if passed == frames and end < len(chunk):
                    stops.append(at + end - len(head))
            at += len(chunk)
        assert total == len(SIZES) == cutter.fragments
        assert cutter.units == sum(1 + size // UNIT_BYTES for size in SIZES)
        assert set(stops) <= {0, *ends}


def test_an_allowance_saves_up_to_the_burst_and_no_more() -> None:
    allowance = Allowance(FrameLimits(per_s=10.0, burst=3.0), 0.0)
    assert [allowance.spend(units, 0.0) for units in (1, 2, 1)] == [True, True, False]
    assert allowance.spend(1, 0.2)
    assert [allowance.spend(units, 100.0) for units in (3, 1)] == [True, False]
