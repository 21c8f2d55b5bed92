"""Miso's worker without the commands that mediasoup 3.10 does not know."""

from __future__ import annotations

from miso.worker import __main__ as program
from miso.worker.channel import commands


def main() -> None:
    """Runs it; never returns."""
    for command in commands.EXTENSIONS:
        del commands.BY_NAME[command.name]
    program.main()
