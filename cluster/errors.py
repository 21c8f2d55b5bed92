"""What the cluster raises."""

from __future__ import annotations


class ClusterError(Exception):
    """Base of all errors of the cluster."""


class ParseError(ClusterError):
    """Bytes that are no fact or message; the text says what is wrong."""


class UnknownKindError(ClusterError):
    """A fact or message of a kind, or in a version, that a newer Miso has: it is passed over."""


class DirectoryAwayError(ClusterError):
    """The store that hosts share does not answer: what others have is not known. It is worth trying again."""


class StoreRefusedError(ClusterError):
    """The store that hosts share turns this one away, and trying again does not help; the text says why."""


class InvalidStateError(ClusterError):
    """What was called cannot be done now: a room is entered already, or what was called is closed."""


class NameTakenError(ClusterError):
    """Another host of the cluster has this one's name."""


class SourceGoneError(ClusterError):
    """What was to be fetched has ended, or did not come in time."""


class SourceLateError(SourceGoneError):
    """It did not come in time; it is there still, and it is worth trying again."""


class LimitError(ClusterError):
    """There are as many as there may be."""
