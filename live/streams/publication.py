"""A publisher's hold on a stream, from publishing to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from miso.live.errors import StreamClosedError
from miso.live.media.packet import Packet


class Published(Protocol):
    """A stream as its publisher's hold sees it."""

    def take_in(self, packet: Packet) -> None:
        """Adds a packet."""

    def publisher_left(self) -> None:
        """There is no publisher any more."""


class Publication:
    """What a publisher writes into.

    Attributes:
        is_there: Finds out whether who publishes is still there, in a few seconds; None: that need not be asked.

    Args:
        stream: The stream.
        on_lost: Called when another publisher has taken the stream over, or somebody has ended it.
        is_there: See above.
    """

    def __init__(
        self, stream: Published, on_lost: Callable[[], None], is_there: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        self.is_there = is_there
        self._stream: Published | None = stream
        self._on_lost = on_lost

    @property
    def is_held(self) -> bool:
        """Whether the stream is still its own."""
        return self._stream is not None

    def write(self, packet: Packet) -> None:
        """Adds a packet, with its time as the publisher has it.

        Raises:
            StreamClosedError: The stream is not its own any more.
            RefusedError: It has too many tracks.
        """
        if self._stream is None:
            raise StreamClosedError("the stream has another publisher, or has ended")
        self._stream.take_in(packet)

    def close(self) -> None:
        """The publisher goes. Nothing happens if it has lost the stream before."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.publisher_left()

    def lose(self) -> None:
        """The stream is somebody else's from now on, or over."""
        self._stream = None
        self._on_lost()
