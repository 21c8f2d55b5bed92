"""A room: peers with different ids."""

from __future__ import annotations

from typing import Generic, TypeVar

from miso.protoo.emitter import ProtooEmitter
from miso.protoo.errors import DuplicatePeerError, RoomClosedError
from miso.protoo.peer import Peer
from miso.protoo.send_queues import QueueLimits, SendQueues
from miso.protoo.transport import CLOSED_BY_SERVER, CLOSED_BY_SERVER_REASON, Transport

Data = TypeVar("Data")


class Room(ProtooEmitter, Generic[Data]):
    """A set of peers with different ids. A peer that closes leaves the room by itself.

    Events:
        close (): :meth:`close` was called.

    Attributes:
        closed: Whether it was.
    """

    def __init__(self, limits: QueueLimits | None = None, queues: SendQueues | None = None) -> None:
        """Makes an empty room.

        Args:
            limits: What may wait for each peer.
            queues: Where what waits for all of them counts, with other rooms' peers perhaps; None for this room alone.
        """
        super().__init__()
        self._queues = queues or SendQueues()
        self._limits = limits
        self._peers: dict[str, Peer[Data]] = {}
        self.closed = False

    @property
    def peers(self) -> list[Peer[Data]]:
        """The peers, in the order in which they came."""
        return list(self._peers.values())

    def has_peer(self, peer_id: str) -> bool:
        """Whether a peer with this id is in the room."""
        return peer_id in self._peers

    def get_peer(self, peer_id: str) -> Peer[Data] | None:
        """The peer with this id."""
        return self._peers.get(peer_id)

    def create_peer(self, peer_id: str, transport: Transport, data: Data, *, replace: bool = False) -> Peer[Data]:
        """Makes a peer of a connection.

        Args:
            peer_id: The new peer's id.
            transport: Its connection. When this raises, the caller still owns it and should close it.
            data: The application's data of this peer.
            replace: Whether a peer with the same id gives its place to the new one. It is closed (code 4000) after the
                new one has taken its place, so the room is at no time without a peer of that id.

        Raises:
            ValueError: The id is empty.
            RoomClosedError: The room was closed, perhaps while the client's handshake went on.
            DuplicatePeerError: The id is taken, and ``replace`` is False.
        """
        if self.closed:
            raise RoomClosedError("room closed")
        if not peer_id:
            raise ValueError("peerId must be a string that is not empty")
        old = self._peers.get(peer_id)
        if old is not None and not replace:
            raise DuplicatePeerError(peer_id)
        peer = Peer(peer_id, transport, data, self._limits, self._queues)
        self._peers[peer_id] = peer
        peer.on("close", lambda code, reason: self._leave(peer))
        if old is not None:
            old.close()
        return peer

    def close(self, code: int = CLOSED_BY_SERVER, reason: str = CLOSED_BY_SERVER_REASON) -> None:
        """Closes every peer with this close code, then emits ``close``."""
        if self.closed:
            return
        self.closed = True
        for peer in self.peers:
            peer.close(code, reason)
        self.emit("close")

    def _leave(self, peer: Peer[Data]) -> None:
        if self._peers.get(peer.id) is peer:
            del self._peers[peer.id]
