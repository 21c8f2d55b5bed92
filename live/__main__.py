"""``python -m miso.live``: loads the rest, which takes a moment; Ctrl-C may come in it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the live side alone until a signal ends it.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` by default.

    Returns:
        The process's exit code: 0 after a signal, 1 when nothing could start, 2 for wrong settings, 130 for Ctrl-C
        before it began.
    """
    try:
        from miso.live.command import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
