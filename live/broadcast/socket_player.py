"""A player on plain TCP: the compiled fan-out writes to its socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

from miso.live.broadcast.player import BroadcastPlayer, Sender, Wishes
from miso.live.clock import Clock, Timer
from miso.live.fanout.place import Place
from miso.live.sessions.session import EndReason

UNSENT_BYTES: Final = 262_144
"""So much may wait in the kernel that is not on its way yet (TCP_NOTSENT_LOWAT); the rest waits in the shared ring."""
LOOK_AGAIN_S: Final = 0.005


class SocketPlayer(BroadcastPlayer):
    """A player whose socket is written to beside its transport, once the transport has nothing left to write.

    It has a descriptor of its own: event loops let nobody watch one of a transport's.

    Args:
        sender: The broadcast.
        transport: The connection; it is read, and closed, by who has it.
        clock: The time.
        wishes: How it begins.
        on_end: See :class:`BroadcastPlayer`.

    Raises:
        OSError: There are no descriptors left.
    """

    def __init__(
        self,
        sender: Sender,
        transport: asyncio.WriteTransport,
        clock: Clock,
        wishes: Wishes,
        on_end: Callable[[EndReason, str], None],
    ) -> None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._fd = os.dup(connection.fileno())
        super().__init__(sender, transport, Place(self._fd), wishes, on_end)
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._told_early: list[bytes] = []
        self._has_begun = False
        self._begins: Timer | None = None
        self._opened_us = sender.now_us()
        self._is_watched = False
        self._begin()

    def say(self, data: bytes) -> None:
        """See :meth:`BroadcastPlayer.say`."""
        if self._has_begun or self.ended:
            super().say(data)
        elif sum(map(len, self._told_early)) + len(data) > self._sender.settings.max_told_bytes:
            self.end(EndReason.TOO_SLOW, "it takes no answers")
        else:
            self._told_early.append(data)

    def send(self) -> None:
        """See :meth:`BroadcastPlayer.send`."""
        if self._has_begun and not self.ended and not self.place.blocked_since_us:
            self._writable()

    def watch(self) -> None:
        """Its socket takes no more: goes on when it does."""
        if not self._is_watched and not self.ended:
            self._is_watched = True
            self._loop.add_writer(self._fd, self._writable)

    def blocked_since_us(self, now_us: int) -> int:
        """See :meth:`BroadcastPlayer.blocked_since_us`."""
        return self.place.blocked_since_us if self._has_begun else self._opened_us

    def release(self) -> None:
        """See :meth:`BroadcastPlayer.release`."""
        if self._begins is not None:
            self._begins.cancel()
            self._begins = None
        self._unwatch()
        if self._has_begun:
            self._sender.fanout.remove(self.place)
        os.close(self._fd)

    def _begin(self) -> None:
        self._begins = None
        if self._transport.get_write_buffer_size():
            # what it was told before goes first
            self._begins = self._clock.call_later(LOOK_AGAIN_S, self._begin)
            return
        self._sender.enter(self.place, self._wishes)
        self._has_begun = True
        if self._is_paused:
            self.pause()
        for data in self._told_early:
            self._sender.fanout.say(self.place, data)
        self._told_early.clear()
        self._begins = self._clock.call_later(0, self._first_send)

    def _first_send(self) -> None:
        self._begins = None
        self.send()

    def _writable(self) -> None:
        done = self._sender.fanout.resume(self.place, self._sender.now_us())
        if done is None:
            self.end(EndReason.DONE, self.place.error or "")
        elif done:
            self._unwatch()
            self._has_everything()
        else:
            self.watch()

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_writer(self._fd)
