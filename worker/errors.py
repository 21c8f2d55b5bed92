"""The exceptions of the worker.

::

    MisoError
    ├── ParseError          bytes from the network (or a field in them) are not what the protocol says
    ├── InvalidStateError   the call does not fit the object's present state
    ├── SendBufferFullError a message does not fit into the SCTP send buffer now
    ├── BodyError           a command's body is wrong: answered as ``TypeError`` on the channel
    ├── CommandError        a command cannot be done: answered as ``Error`` on the channel
    └── SettingsError       the process was started with wrong settings: exit code 42
"""

from __future__ import annotations


class MisoError(Exception):
    """Base of everything the worker raises on purpose."""


class ParseError(MisoError):
    """Bytes that are not what their protocol demands.

    The text says what, the bad value and what was expected:
    ``STUN attribute overruns the message: have 12 bytes, need 20``.
    """


class InvalidStateError(MisoError):
    """A call that the object's present state does not allow (closed, not connected, connected twice)."""


class SendBufferFullError(MisoError):
    """A message that does not fit into the send buffer now; there is room again when the peer has acknowledged more."""


class BodyError(MisoError):
    """Wrong values in the body of a command; the channel answers ``TypeError``."""


class CommandError(MisoError):
    """A command that cannot be done (unknown id, duplicate id, unsupported); the channel answers ``Error``."""


class SettingsError(MisoError):
    """Wrong command-line settings of the worker process; it exits with code 42."""
