"""Rooms as the bridge sees them; who has rooms gives them to it in this form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from miso.controller import Producer, Router


class RoomClosedError(Exception):
    """The room is over, or cannot be had at the moment: its last participant left, or its worker died."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A live stream as the others in a room see it.

    Attributes:
        id: How signaling names it.
        display_name: What it is called.
        stream: The stream's path.
    """

    id: str
    display_name: str
    stream: str


class Seat(Protocol):
    """A guest's place in a room, until it leaves or the room closes, and its router with it."""

    @property
    def router(self) -> Router:
        """Where the room's media meet."""

    async def offer(self, producer: Producer) -> None:
        """Offers a producer of the guest to everybody."""

    def leave(self) -> None:
        """The guest goes. Calling it again does nothing."""


class RoomListener(Protocol):
    """Who wants to know what happens in a room. All are called while it happens, and return at once."""

    def producer_came(self, participant_id: str, producer: Producer) -> None:
        """Somebody sends something new."""

    def speaker_changed(self, participant_id: str) -> None:
        """Somebody else leads the conversation."""


class View(Protocol):
    """A look at a room, until it is given up or the room closes, and its router with it. It keeps no room alive."""

    @property
    def router(self) -> Router:
        """Where the room's media meet."""

    @property
    def producers(self) -> Mapping[str, list[Producer]]:
        """What everybody sends, by participant; those who send nothing have an empty list."""

    def close(self) -> None:
        """Looks no more. Calling it again does nothing."""


class Rooms(Protocol):
    """All rooms."""

    async def enter(self, room_id: str, guest: Guest) -> Seat:
        """Lets a guest in; the room is made if it is not there.

        Args:
            room_id: The room.
            guest: Who comes.

        Raises:
            RefusedError: The room does not let it in: its name is of no use or taken, or there are too many.
            RoomClosedError: No worker can have the room at the moment.
        """

    def view(self, room_id: str, listener: RoomListener) -> View:
        """Looks at a room that is there.

        Raises:
            RoomClosedError: It is not.
        """
