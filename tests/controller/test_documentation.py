"""The example of docs/controller.md does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_whole_example_runs() -> None:
    text = (ROOT / "docs" / "controller.md").read_text()
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "asyncio.run" in block)
    result = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    said = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert said == ["to every endpoint", "to the sender", "and", "to the receiver", "not an address of this machine"]
