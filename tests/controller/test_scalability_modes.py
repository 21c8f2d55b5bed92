"""Scalability modes."""

from __future__ import annotations

import pytest

from miso.controller import parse_scalability_mode
from miso.controller.scalability_modes import ScalabilityMode


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("L1T3", ScalabilityMode(1, 3, False)),
        ("L3T2", ScalabilityMode(3, 2, False)),
        ("L3T2_KEY", ScalabilityMode(3, 2, True)),
        ("S2T3", ScalabilityMode(2, 3, False)),
        ("L20T30", ScalabilityMode(20, 30, False)),
        ("L3T3_KEY_SHIFT", ScalabilityMode(3, 3, True)),
        ("", ScalabilityMode(1, 1, False)),
        (None, ScalabilityMode(1, 1, False)),
        ("foo", ScalabilityMode(1, 1, False)),
        ("L0T3", ScalabilityMode(1, 1, False)),
    ],
)
def test_parse(text: str | None, mode: ScalabilityMode) -> None:
    assert parse_scalability_mode(text) == mode
