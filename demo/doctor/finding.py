"""What the doctor says: one line for each thing that was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST = 1_000


class State(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(NamedTuple):
    """What was found.

    Attributes:
        state: How it is.
        what: What was looked at.
        text: What was seen, and what to do if it is not well.
    """

    state: State
    what: str
    text: str

    @property
    def line(self) -> str:
        """The same in one line; what others wrote (a host's name, an error of Redis) cannot make two of it."""
        return _CONTROL.sub("?", f"{self.state:<8} {self.what}: {self.text}")[:_LONGEST]


def ok(what: str, text: str) -> Finding:
    """It is well."""
    return Finding(State.OK, what, text)


def warning(what: str, text: str) -> Finding:
    """It works, and is not as it should be."""
    return Finding(State.WARNING, what, text)


def failed(what: str, text: str) -> Finding:
    """It will not work."""
    return Finding(State.FAILED, what, text)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether something will not work."""
    return any(finding.state is State.FAILED for finding in findings)
