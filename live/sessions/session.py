"""One who publishes or plays, from admission to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from miso.live.errors import ParseError, RefusedError, StreamClosedError, StreamReplacedError

logger = logging.getLogger(__name__)


class Role(Enum):
    """What a session does with its stream."""

    PUBLISHER = "publisher"
    PLAYER = "player"


class EndReason(Enum):
    """Why a session ended.

    DONE: It wanted to, or its connection was closed by the other end.
    STREAM_ENDED: The stream is over, or never came.
    KICKED: An operator ended it.
    REPLACED: Another publisher has taken its stream over.
    REFUSED: It may not do what it asked for, or went over a limit.
    PROTOCOL: It sent what cannot be understood.
    TIMEOUT: Nothing came from it in time.
    TOO_SLOW: It did not take what was sent to it in time.
    INTERNAL: A bug of ours; the log has its traceback.
    """

    DONE = "done"
    STREAM_ENDED = "stream ended"
    KICKED = "kicked"
    REPLACED = "replaced"
    REFUSED = "refused"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"
    TOO_SLOW = "too slow"
    INTERNAL = "internal"

    @classmethod
    def of(cls, error: BaseException) -> EndReason:
        """The reason that an error is."""
        return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), cls.INTERNAL)


_REASONS: dict[type[BaseException], EndReason] = {
    ParseError: EndReason.PROTOCOL,
    RefusedError: EndReason.REFUSED,
    StreamReplacedError: EndReason.REPLACED,  # is a StreamClosedError, too
    StreamClosedError: EndReason.STREAM_ENDED,
    TimeoutError: EndReason.TIMEOUT,  # is an OSError, too
    OSError: EndReason.DONE,  # of its connection
}


class Counts(NamedTuple):
    """What has gone through a session.

    Attributes:
        bytes_in: Received.
        bytes_out: Sent, as far as the kernel has taken it.
        dropped_packets: Passed over because it reads too slowly.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    dropped_packets: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.dropped_packets + other.dropped_packets,
        )


class Book(Protocol):
    """Where sessions are entered, as they see it."""

    def began(self, session: Session) -> None:
        """It publishes or plays from now on."""

    def ended(self, session: Session) -> None:
        """It is over."""

    def unix_s(self) -> float:
        """Unix time."""


class Session:
    """A session. Who opens it ends it, by :meth:`end` or :meth:`fail`.

    Attributes:
        id: 16 hexadecimal digits that nobody can guess.
        protocol: ``rtmp``, ``rtmps``, ``http-flv``, ``ws-flv``, ``hls``, ``relay`` and so on.
        address: Of its other end: an IP address.
        role: What it does.
        path: With which stream.
        opened_s: Since when it has its place, as Unix time.
        started_s: Since when it publishes or plays, as Unix time; None: not yet.
        ended_s: When it ended, as Unix time; None: it has not.
        end_reason: Why it ended; None: it has not.
        end_detail: What else there is to say of the end.
        via: The ids of the servers through which its stream has come, or will go.
        bytes_in, bytes_out, dropped_packets: See :class:`Counts`. Its owner adds to them.
        count: What has gone through it beside these numbers, where somebody else counts; asked when it is of interest,
            and at the end.
    """

    def __init__(
        self, id: str, protocol: str, address: str, role: Role, path: str, on_kick: Callable[[], None], book: Book
    ) -> None:
        self.id = id
        self.protocol = protocol
        self.address = address
        self.role = role
        self.path = path
        self.opened_s = book.unix_s()
        self.started_s: float | None = None
        self.ended_s: float | None = None
        self.end_reason: EndReason | None = None
        self.end_detail = ""
        self.via: tuple[str, ...] = ()
        self.bytes_in = 0
        self.bytes_out = 0
        self.dropped_packets = 0
        self.count: Callable[[], Counts] | None = None
        self._on_kick: Callable[[], None] | None = on_kick
        self._book: Book | None = book

    def __repr__(self) -> str:
        return f"<Session {self}>"

    def __str__(self) -> str:
        """As the log has it."""
        return f"session={self.id} {self.protocol} {self.role.value} stream={self.path} address={self.address}"

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.end_reason is not None

    def counts(self) -> Counts:
        """What has gone through it so far."""
        own = Counts(self.bytes_in, self.bytes_out, self.dropped_packets)
        return own if self.count is None else own.plus(self.count())

    def begin(self) -> None:
        """It publishes or plays from now on: all checks are passed. Everybody is told, once."""
        if self._book is not None and self.started_s is None:
            self.started_s = self._book.unix_s()
            logger.info("%s: begins", self)
            self._book.began(self)

    def end(self, reason: EndReason, detail: str = "") -> None:
        """It is over, its place is free. Whoever comes first says why; later calls do nothing.

        Args:
            reason: Why.
            detail: What else there is to say, for the log.
        """
        book, self._book = self._book, None
        if book is None:
            return
        self.bytes_in, self.bytes_out, self.dropped_packets = self.counts()
        self.count = self._on_kick = None
        self.ended_s = book.unix_s()
        self.end_reason = reason
        self.end_detail = detail
        logger.info(
            "%s: ended, %s%s, bytes in=%d out=%d, packets dropped=%d",
            self,
            reason.value,
            f" ({detail})" if detail else "",
            self.bytes_in,
            self.bytes_out,
            self.dropped_packets,
        )
        book.ended(self)

    def fail(self, error: BaseException) -> None:
        """Ends it with what was raised in it: the reason is the error's class, and a bug is logged with its traceback.

        Args:
            error: What was raised.
        """
        reason = EndReason.of(error)
        if reason is EndReason.INTERNAL and not self.ended:
            logger.error("%s: failed", self, exc_info=error)
        said = error.strerror if isinstance(error, OSError) else None  # without its number
        self.end(reason, said or str(error) or type(error).__name__)

    def kick(self) -> None:
        """An operator ends it: its owner is told to let go of the connection. Nothing happens if it is over."""
        on_kick = self._on_kick
        if on_kick is not None:
            self.end(EndReason.KICKED)
            on_kick()
