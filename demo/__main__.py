"""The ``controller`` command, ``python -m miso.demo``: loads the rest, which takes a moment; Ctrl-C may come in it.

``controller doctor`` looks whether the server would work.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until a signal ends it, or looks whether it would work.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` by default.

    Returns:
        The process's exit code: 0 after a signal, 1 when it could not start, 2 for wrong settings, 130 for Ctrl-C
        before it began. What the doctor's mean: :func:`miso.demo.doctor.command.run`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["doctor"]:
            from miso.demo.doctor.command import run as look

            return look(given[1:])
        from miso.demo.command import run

        return run(given)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
