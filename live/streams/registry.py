"""All streams, by path."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from miso.live.clock import Clock
from miso.live.errors import RefusedError, StreamBusyError
from miso.live.streams.memory import Memory
from miso.live.streams.publication import Publication
from miso.live.streams.stream import State, Stream, StreamSettings
from miso.live.streams.track import Track
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

MAX_PATH_LENGTH: Final = 512
"""Characters of a path, and so of what stands in logs and statistics."""
MAX_DEPTH: Final = 8
"""Parts of a path."""
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\\\\]")


class Streams:
    """The streams of one engine. One comes with its publisher, or with who waits for one; it goes when it is over.

    Where there are as many as allowed, a publisher gets the place of one that nobody publishes: whoever asks for names
    that nobody has, or publishes for a moment under many, keeps no publisher out. A player that waits for another one
    gets the place of the one that has been waited for longest.

    Attributes:
        displaced: How many have ended so.

    Args:
        settings: How they behave.
        clock: The time.
        max_streams: How many there may be at once.
        on_codec: Called when a track of a stream has its codec or configuration, or another one; None: nobody asks.
        memory: What they may keep together; None: no bound.
    """

    def __init__(
        self,
        settings: StreamSettings,
        clock: Clock,
        max_streams: int,
        on_codec: Callable[[Stream, Track], None] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.displaced = 0
        self._displacements = LogRateLimit(logger, "too many streams: one that nobody publishes made room for another")
        self._settings = settings
        self._clock = clock
        self._max_streams = max_streams
        self._on_codec = on_codec
        self._memory = memory
        self._streams: dict[str, Stream] = {}
        self._on_wanted: list[Callable[[Stream], None]] = []

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._streams.values()))

    def get(self, path: str) -> Stream | None:
        """The stream of that path if there is one."""
        return self._streams.get(path)

    def get_or_create(self, path: str) -> Stream:
        """The stream of that path; a new one waits for its publisher.

        Raises:
            RefusedError: The path is of no use, or there are too many streams.
        """
        stream = self._streams.get(path)
        if stream is None:
            check_path(path)
            if len(self._streams) >= self._max_streams:
                raise RefusedError(f"there are {len(self._streams)} streams, more are not allowed")
            stream = self._streams[path] = Stream(
                path, self._settings, self._clock, self._forget, self._codec_known, self._memory
            )
        return stream

    def want(self, path: str) -> Stream:
        """The stream of that path, for who plays it. If nobody publishes it, those who could are told.

        Raises:
            RefusedError: The path is of no use, or there are too many streams.
        """
        if path not in self._streams and len(self._streams) >= self._max_streams:
            check_path(path)
            self._make_room(State.WAITING)
        stream = self.get_or_create(path)
        if stream.state is not State.PUBLISHING:
            for callback in list(self._on_wanted):
                callback(stream)
        return stream

    def on_wanted(self, callback: Callable[[Stream], None]) -> Callable[[], None]:
        """Calls back when somebody wants to play what nobody publishes.

        Args:
            callback: Returns at once. It may begin to publish the stream, then or later.

        Returns:
            Ends it; calling it again does nothing.
        """
        self._on_wanted.append(callback)

        def stop() -> None:
            if callback in self._on_wanted:
                self._on_wanted.remove(callback)

        return stop

    def publish(
        self,
        path: str,
        on_lost: Callable[[], None],
        is_there: Callable[[], Awaitable[bool]] | None = None,
        *,
        in_place_of: Publication | None = None,
    ) -> Publication:
        """Publishes under that path; see :meth:`Stream.publish`.

        Raises:
            StreamBusyError: Somebody else does.
            RefusedError: The path is of no use, or there are too many streams.
        """
        if path not in self._streams and len(self._streams) >= self._max_streams:
            check_path(path)
            self._make_room(State.WAITING, State.PUBLISHER_GONE)
        return self.get_or_create(path).publish(on_lost, is_there, in_place_of=in_place_of)

    async def claim(
        self, path: str, on_lost: Callable[[], None], is_there: Callable[[], Awaitable[bool]]
    ) -> Publication:
        """Publishes as :meth:`publish` does, and in place of a publisher that is not there any more.

        An encoder whose network was gone comes again within a second, when its connection of before still looks well:
        the publisher that has the stream is asked, and only if it is there is the other one refused.

        Raises:
            StreamBusyError: Somebody else does, and is there.
            RefusedError: As :meth:`publish`.
        """
        try:
            return self.publish(path, on_lost, is_there)
        except StreamBusyError:
            stream = self._streams[path]
            holder = stream.publication
            assert holder is not None
            if holder.is_there is None or await holder.is_there():
                raise
        return self.publish(path, on_lost, is_there, in_place_of=holder)

    def close(self) -> None:
        """Ends all of them."""
        for stream in self:
            stream.close()

    def _make_room(self, *states: State) -> None:
        """Ends one stream that is in the first of these states, or the next, if there is one.

        Of those that are waited for, the oldest goes, which ends soon anyway; of those whose publisher may come back,
        the youngest: who floods with new ones displaces its own.
        """
        oldest_first = list(self._streams.values())
        in_order = {State.WAITING: oldest_first, State.PUBLISHER_GONE: oldest_first[::-1]}
        displaced = next((one for state in states for one in in_order[state] if one.state is state), None)
        if displaced is not None:
            self.displaced += 1
            self._displacements.count(f"stream={displaced.path}")
            displaced.close()

    def _codec_known(self, stream: Stream, track: Track) -> None:
        if self._on_codec is not None:
            self._on_codec(stream, track)

    def _forget(self, stream: Stream) -> None:
        if self._streams.get(stream.path) is stream:
            del self._streams[stream.path]


def check_path(path: str) -> None:
    """Whether a stream may be called so: parts between single slashes, none of them ``.`` or ``..``.

    Raises:
        RefusedError: It may not.
    """
    parts = path.split("/")
    if len(path) > MAX_PATH_LENGTH:
        raise RefusedError(f"the stream's path has {len(path)} characters, at most {MAX_PATH_LENGTH} are allowed")
    if not 1 <= len(parts) <= MAX_DEPTH or _UNFIT.search(path) or any(part in ("", ".", "..") for part in parts):
        raise RefusedError(f"{path!r} cannot be a stream's path")
