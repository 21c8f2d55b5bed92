"""What the live side raises."""

from __future__ import annotations


class LiveError(Exception):
    """Base of all errors of the live side."""


class ParseError(LiveError):
    """Bytes that are not what they should be; the text has the bad value and what was expected."""


class RefusedError(LiveError):
    """Somebody may not do what it wants to; the text says why, and may be sent to it."""


class StreamBusyError(RefusedError):
    """The stream has a publisher already."""


class LimitError(RefusedError):
    """There are as many as there may be, of this address or in all."""


class DeniedError(RefusedError):
    """It has not shown that it may.

    Attributes:
        unauthorized: Whether it has shown nothing at all: it may know what to show when it is asked (HTTP's 401). Else
            what it has shown does not do (403).
    """

    def __init__(self, why: str, *, unauthorized: bool) -> None:
        super().__init__(why)
        self.unauthorized = unauthorized


class StreamClosedError(LiveError):
    """The stream has ended, or its name is not in use any more."""


class StreamReplacedError(StreamClosedError):
    """Another publisher has taken the stream over."""
