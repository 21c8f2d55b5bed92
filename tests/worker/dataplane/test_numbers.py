"""Numbers that the plane's sources say once more, so that they are constants of C, are those of ``worker.rtp``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.modes import load
from worker.rtp.codecs.codec import Codec
from worker.rtp.packet import DatagramKind

PLANE = Path(__file__).resolve().parents[3] / "worker" / "dataplane"
SOURCES = sorted([*PLANE.rglob("*.pyx"), *PLANE.rglob("*.pxd")])
ENUM = re.compile(r"^cdef enum:\n((?: {4}.*\n)+)", re.MULTILINE)
LAYERS = load("worker.rtp.layers", "interpreted")
INDICES = load("worker.rtp.codecs.vp8_indices", "interpreted")
DECISIONS = ("DROP", "FORWARD_AFTER_SYNC", "IGNORE", "LAYERS_CHANGED", "KEY_FRAME_MISSED")
NUMBERS = {
    **{name: getattr(LAYERS, name) for name in DECISIONS},
    "REWRITE_MARKER": LAYERS.MARKER,
    "REWRITE_INDICES": INDICES.REWRITTEN,
    **{codec.name: codec for codec in Codec},
    **{kind.name: kind for kind in DatagramKind},
}


def numbers_in(source: Path) -> dict[str, int]:
    """The constants of C that a source has in common with ``NUMBERS``."""
    lines = "".join(ENUM.findall(source.read_text()))
    found = {
        name: int(value, 0) for name, value in re.findall(r"^ {4}(\w+) = (0x[0-9A-Fa-f]+|\d+)\b", lines, re.MULTILINE)
    }
    return {name: value for name, value in found.items() if name in NUMBERS}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_they_are_the_same(source: Path) -> None:
    numbers = numbers_in(source)
    assert numbers == {name: NUMBERS[name] for name in numbers}


def test_the_plane_does_say_some() -> None:
    found = {name for source in SOURCES for name in numbers_in(source)}
    assert {"DROP", "IGNORE", "REWRITE_MARKER", "VP8", "STUN", "RTP"} <= found
