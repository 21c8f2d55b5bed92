"""What a room needs of whoever is in it through this server, be it a peer, a broadcaster or a live stream."""

from __future__ import annotations

from typing import Protocol

from miso.cluster.room import Member
from miso.demo.json import Json
from miso.demo.rooms.room_shard import RoomShard


class Participant(Protocol):
    """Somebody whom the others see, and whose media and data they are offered.

    Attributes:
        shard: Where in the room its media are; None: that is open still.
        member: What the room is told of it; None: it is not shown.
    """

    shard: RoomShard | None
    member: Member | None

    @property
    def id(self) -> str:
        """How the others name it."""

    @property
    def info(self) -> Json:
        """How it is shown to the others."""
