"""Log lines in which nobody can write others' lines, or to the terminal that shows them."""

from __future__ import annotations

import logging
import re

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"

MAX_LINE_LENGTH = 4_000
"""Characters of one line: what a stranger says may be long."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, with line breaks and ESC
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of text (UAX 9)
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line and paragraph separators, marks without width
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)


def escaped(text: str) -> str:
    """A text in one line: characters that would do something instead of being seen are written as Python does."""
    shown = text if len(text) <= MAX_LINE_LENGTH else f"{text[:MAX_LINE_LENGTH]}... ({len(text)} characters)"
    return _UNSAFE.sub(_escape, shown)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class LineFormatter(logging.Formatter):
    """One line for a record; a traceback's lines stand behind it, indented, so that none passes for a record."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's own line."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        """A traceback."""
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:
        """The stack, where a call asked for it."""
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"  {escaped(line)}" for line in text.split("\n"))
