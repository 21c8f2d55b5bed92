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


class StreamClosedError(LiveError):
    """The stream has ended, or its name is not in use any more."""
