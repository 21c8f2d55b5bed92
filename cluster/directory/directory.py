"""What the rooms ask of a directory: to keep what this node says, and to tell what the others say.

Nothing here asks another node for anything, and nothing that a room does waits for the store: ``put`` and ``drop``
change what is true here, at once; what is kept for the others follows as soon as the store takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from miso.cluster.facts import Message, NodeFact, RoomFact


class Watcher(Protocol):
    """Who wants to know what is said in a room. What it raises is logged, and costs that one call."""

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        """A fact came or changed; None: it is gone.

        Only facts of live nodes are told. Own ones are, too, inside ``put`` and ``drop``. A fact that is put as it was
        before is no change. That the last facts of a node go is told like this, too, one after the other.
        """

    def said(self, node: str, message: Message) -> None:
        """Another node has said something; what this node says itself is not told."""


class Entry(Protocol):
    """What this node says about one room, from ``enter`` to ``leave``."""

    def put(self, fact: RoomFact) -> None:
        """Says a fact, or says it anew. It never waits and never fails."""

    def drop(self, key: str) -> None:
        """Takes a fact back; one that is not there, too. It never waits and never fails."""

    def say(self, message: Message) -> None:
        """Tells the other nodes in the room something that is not kept: who is away does not hear it."""

    async def synced(self) -> None:
        """Returns when what the others say was read once since ``enter``; at once when it was.

        Raises:
            DirectoryAwayError: The store did not answer within some seconds; it is tried further, and may be waited
                for again.
        """

    def leave(self) -> None:
        """Takes all own facts back; nothing is told from here on. May be called again."""


class Directory(Protocol):
    """What all nodes say."""

    @property
    def node(self) -> str:
        """This node's id, which is another one after each start."""

    @property
    def nodes(self) -> Mapping[str, NodeFact]:
        """What the live nodes say of themselves, by their ids; own one included when it was announced."""

    @property
    def is_away(self) -> bool:
        """Whether the store does not answer: what is said is kept here meanwhile, and nobody's facts go."""

    @property
    def refused(self) -> Mapping[str, int]:
        """What was found in the store and not believed: how often, by the reason."""

    def enter(self, room: str, watcher: Watcher) -> Entry:
        """Begins to say and to hear something about a room.

        Raises:
            InvalidStateError: This node is in that room.
        """

    def announce(self, fact: NodeFact) -> None:
        """Says what is true of this node; others know within about a second."""

    def on_nodes(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back whenever ``nodes`` or ``is_away`` has changed, until the function returned is called."""

    async def start(self) -> None:
        """Joins the others. A store that cannot be reached is no failure: ``is_away`` is set, and it is tried further.

        Raises:
            NameTakenError: Another node of this name is there, and stays.
            StoreRefusedError: The store turns this node away, and will go on doing so: a wrong password, a certificate
                that it is not trusted with, a server that is too old.
        """

    async def close(self) -> None:
        """Takes back all that this node said. May be called again."""
