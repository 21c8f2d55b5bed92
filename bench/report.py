"""What a benchmark leaves behind: a JSON file, and an exit code."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
TRY_AGAIN = 75
"""``EX_TEMPFAIL`` of sysexits(3)."""


def as_json(
    module: str, command: Sequence[str], settings: object, rows: object, shown: Mapping[str, float] | None = None
) -> bytes:
    """The figures, with the machine and the command.

    Args:
        module: Which was run by ``python -m``.
        command: Its arguments.
        settings: What the run does.
        rows: What was measured.
        shown: Those figures that have goals, by the goals' keys.
    """
    body = {
        "command": shlex.join(["python", "-m", module, *command]),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()},
        "settings": settings,
        "rows": rows,
        "shown": {key: round(value, 4) for key, value in (shown or {}).items()},
    }
    return json.dumps(body, indent=2).encode() + b"\n"


def finish(target: Path, content: bytes, wrong: Sequence[str], unclear: Sequence[str] = ()) -> int:
    """Writes the file, and says what is wrong.

    Args:
        target: Where to; folders are made.
        content: The JSON.
        wrong: A sentence for each limit that was missed.
        unclear: A sentence for each that was missed while the machine had too much else to do.

    Returns:
        The exit code: 1 if anything is wrong, else :data:`TRY_AGAIN` if anything is unclear, else 0.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    sys.stdout.write(f"written to {target}\n")
    for failure in wrong:
        print(failure, file=sys.stderr)
    for failure in unclear:
        print(f"too loaded to tell: {failure}", file=sys.stderr)
    if wrong:
        return 1
    return TRY_AGAIN if unclear else 0
