"""A room's people at other servers: what they mean for who wants to come in through this one."""

from __future__ import annotations

import hashlib
import hmac

from miso.cluster.errors import LimitError
from miso.cluster.room import ClusterRoom, Flag
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.visitor import Visitor
from miso.protoo import RequestError

FORBIDDEN = 403
UNAVAILABLE = 503


class Elsewhere:
    """The people of one room who are at other servers.

    Args:
        room: The room, as all servers have it.
    """

    def __init__(self, room: ClusterRoom[RoomShard]) -> None:
        self._room = room

    def check_secret(self, visitor: Visitor, *, strict: bool) -> None:
        """Whether the id is the client's own, where another server has who has it.

        Args:
            visitor: The client.
            strict: Nobody takes a place without its secret, whether who has it proves itself or not.

        Raises:
            RequestError: It is somebody else's.
        """
        seen = self._room.facts.participant(visitor.peer_id)
        if seen is None or visitor.peer_id in self._room.members or not seen.fact.secret_hash:
            return
        must_prove = bool(visitor.peer_secret) or seen.fact.proves or strict
        if must_prove and not hmac.compare_digest(seen.fact.secret_hash, secret_hash(visitor.peer_secret)):
            raise RequestError(FORBIDDEN, "the peerId is taken, and peerSecret is not that of who has it")

    def check_claim(self, participant: str) -> None:
        """Whether somebody can have that id in the room.

        Raises:
            RequestError: Another server says that somebody has it for ever.
        """
        try:
            self._room.facts.next_stamp(participant)
        except LimitError as error:
            raise RequestError(UNAVAILABLE, str(error)) from error

    def count(self, flag: Flag, but: str = "") -> int:
        """How many there are of a kind, without who has that id."""
        own = self._room.members
        if self._room.facts.participant_count == len(own):
            return 0
        return sum(
            seen.fact.flag == flag and seen.fact.participant not in own and seen.fact.participant != but
            for seen in self._room.facts.participants
        )


def secret_hash(secret: str) -> str:
    """By which another server knows a peer's secret without having it."""
    return hashlib.sha256(secret.encode()).hexdigest()
