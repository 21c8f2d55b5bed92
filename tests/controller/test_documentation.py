"""The examples of README and docs/controller.md do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_example(document: str) -> str:
    text = (ROOT / document).read_text()
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "asyncio.run" in block)
    result = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_the_example_of_the_readme_runs() -> None:
    assert "IceParameters(" in run_example("README.md")


def test_the_whole_example_runs() -> None:
    said = [line.partition(":")[0] for line in run_example("docs/controller.md").splitlines()]
    assert said == ["to every endpoint", "to the sender", "and", "to the receiver", "not an address of this machine"]
