"""Who watches by HLS: a session each, from its first playlist until it asks no more."""

from __future__ import annotations

from collections.abc import Iterator

from miso.live.clock import Clock, Timer
from miso.live.hls.packager import Packager
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.sessions.sessions import Sessions

PROTOCOL = "hls"
MAX_ASKING = 8
"""Requests of one viewer at once; a browser makes three or four."""
_LOOKS_PER_LIFE = 3
_LATE_S = 1.0
"""A look that comes so much too late ends nobody: it was we who stood still, and what viewers asked is not read yet."""


class Viewer:
    """One who watches.

    Attributes:
        stream: The stream's path as it asked for it.
        packager: What it watches.
        session: Its session.
        asking: How many of its requests are being answered.
        heard_s: When it last asked, by the clock.
    """

    def __init__(self, stream: str, packager: Packager, session: Session, now_s: float) -> None:
        self.stream = stream
        self.packager = packager
        self.session = session
        self.asking = 0
        self.heard_s = now_s

    async def sent(self, size_bytes: int) -> None:
        """It has got that much. A coroutine, for Starlette would run what is none in another thread, later."""
        if not self.session.ended:
            self.session.bytes_out += size_bytes


class Viewers:
    """All who watch by HLS.

    Args:
        sessions: Where each has its place.
        clock: The time.
        patience_s: Who has not asked for so long has gone.
    """

    def __init__(self, sessions: Sessions, clock: Clock, patience_s: float) -> None:
        self._sessions = sessions
        self._clock = clock
        self._patience_s = patience_s
        self._viewers: dict[str, Viewer] = {}
        self._timer: Timer | None = None
        self._due_s = 0.0

    def __len__(self) -> int:
        return len(self._viewers)

    def __iter__(self) -> Iterator[Viewer]:
        return iter(list(self._viewers.values()))

    def get(self, session: str) -> Viewer | None:
        """Whose session it is, if it is one; it has just asked."""
        viewer = self._viewers.get(session)
        if viewer is not None:
            viewer.heard_s = self._clock.time()
        return viewer

    def open(self, path: str, address: str) -> Session:
        """Somebody asks for a stream, and waits for it: a player for all who look whether there are any.

        Args:
            path: The stream's.
            address: Its IP address.

        Returns:
            Its session, which its owner ends unless it begins to watch.

        Raises:
            LimitError: There are too many.
        """
        session = self._sessions.open(PROTOCOL, address, Role.PLAYER, path, lambda: self._forget(session.id))
        return session

    def begin(self, session: Session, stream: str, packager: Packager) -> Viewer:
        """It begins to watch.

        Args:
            session: What :meth:`open` gave.
            stream: The stream's path as it asked for it.
            packager: What it watches.
        """
        viewer = Viewer(stream, packager, session, self._clock.time())
        self._viewers[session.id] = viewer
        packager.viewers += 1
        session.begin()
        if self._timer is None:
            self._look_later()
        return viewer

    def close(self) -> None:
        """Nobody watches any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for viewer in self:
            self._end(viewer)

    def _look_later(self) -> None:
        delay_s = self._patience_s / _LOOKS_PER_LIFE
        self._due_s = self._clock.time() + delay_s
        self._timer = self._clock.call_later(delay_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = self._clock.time()
        if now_s - self._due_s > _LATE_S:
            self._look_later()
            return
        long_ago_s = now_s - self._patience_s
        for viewer in self:
            if viewer.heard_s <= long_ago_s and not viewer.asking:
                self._end(viewer)
        if self._viewers:
            self._look_later()

    def _end(self, viewer: Viewer) -> None:
        self._forget(viewer.session.id)
        viewer.session.end(EndReason.STREAM_ENDED if viewer.packager.is_over else EndReason.DONE)

    def _forget(self, session: str) -> None:
        viewer = self._viewers.pop(session, None)
        if viewer is not None:
            viewer.packager.viewers -= 1
