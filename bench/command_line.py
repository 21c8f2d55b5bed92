"""What the command lines of all benchmarks have in common."""

from __future__ import annotations

import argparse


def command_parser(name: str, description: str | None, explanation: str) -> argparse.ArgumentParser:
    """A parser for ``python -m NAME``; its help keeps the lines of both texts."""
    return argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=description,
        epilog=explanation,
        formatter_class=argparse.RawTextHelpFormatter,
    )
