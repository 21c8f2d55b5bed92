"""What docs/live.md promises."""

from __future__ import annotations

import re
from pathlib import Path

from tests.live.settings_table import rows

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "live.md"


def test_the_manual_has_every_setting() -> None:
    """What differs is printed by ``python -m tests.live.settings_table``."""
    written = re.findall(r"^\| `--live\..* \|$", MANUAL.read_text(), re.MULTILINE)
    expected = list(rows())
    assert [row for row in written if row not in expected] == []
    assert [row for row in expected if row not in written] == []
