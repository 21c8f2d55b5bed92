"""A player on TLS: its bytes go through the transport that encrypts them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from miso.live.broadcast.player import BroadcastPlayer, Sender, Wishes
from miso.live.fanout.place import Place
from miso.live.sessions.session import EndReason

MAX_BUFFERED_BYTES: Final = 131_072
"""So much may wait in a transport; the rest waits in the shared ring."""
PIECE_BYTES: Final = 65_536
_NO_SOCKET = -1


class TlsPlayer(BroadcastPlayer):
    """A player whose transport takes what comes from the same ring, a piece after the other as it has room.

    Args:
        sender: The broadcast.
        transport: The connection. Its protocol passes on ``resume_writing``.
        wishes: How it begins.
        on_end: See :class:`BroadcastPlayer`.
    """

    def __init__(
        self,
        sender: Sender,
        transport: asyncio.WriteTransport,
        wishes: Wishes,
        on_end: Callable[[EndReason, str], None],
    ) -> None:
        super().__init__(sender, transport, Place(_NO_SOCKET), wishes, on_end)
        self._sent_bytes = 0  # as it was last asked
        self._progress = -1  # bytes sent when it last took something
        self._progress_us = sender.now_us()
        sender.enter(self.place, wishes)
        self.send()

    @property
    def sent_bytes(self) -> int:
        """What has gone to it."""
        if not self._transport.is_closing():  # asyncio's TLS cannot be asked any more once it is lost
            self._sent_bytes = max(0, self.place.sent_bytes - self._transport.get_write_buffer_size())
        return self._sent_bytes

    def resume_writing(self) -> None:
        """For its protocol: the transport has room again."""
        self.send()

    def send(self) -> None:
        """See :meth:`BroadcastPlayer.send`."""
        if self.ended or self._transport.is_closing():
            return
        fanout = self._sender.fanout
        while self._transport.get_write_buffer_size() < MAX_BUFFERED_BYTES:
            data = fanout.take(self.place, PIECE_BYTES)
            if not data:
                break
            self._transport.write(data)
        if not fanout.has_more(self.place):
            self._has_everything()

    def blocked_since_us(self, now_us: int) -> int:
        """See :meth:`BroadcastPlayer.blocked_since_us`."""
        if self._transport.is_closing():
            return 0
        sent = self.sent_bytes
        if sent != self._progress or not self._transport.get_write_buffer_size():
            self._progress, self._progress_us = sent, now_us
            return 0
        return self._progress_us

    def release(self) -> None:
        """See :meth:`BroadcastPlayer.release`."""
        self._sender.fanout.remove(self.place)
