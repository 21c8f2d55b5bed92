"""Scalability modes: ``L3T3``, ``S2T1``, ``L3T3_KEY`` (W3C WebRTC-SVC section 6)."""

from __future__ import annotations

import re

import msgspec

_MODE = re.compile(r"[LS]([1-9]\d?)T([1-9]\d?)(_KEY)?")


class ScalabilityMode(msgspec.Struct, frozen=True, rename="camel"):
    """How many layers a stream has.

    Attributes:
        spatial_layers: 1 to 99.
        temporal_layers: 1 to 99.
        ksvc: Layers depend on each other at key frames only.
    """

    spatial_layers: int
    temporal_layers: int
    ksvc: bool


def parse_scalability_mode(mode: str | None) -> ScalabilityMode:
    """Reads a scalability mode; an absent or unknown one is a single layer."""
    match = _MODE.match(mode or "")
    if match is None:
        return ScalabilityMode(1, 1, False)
    return ScalabilityMode(int(match[1]), int(match[2]), match[3] is not None)
