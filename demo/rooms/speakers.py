"""Who speaks in a room, over all its shards, and who is told of it.

The node of the shard with the lowest id listens for the whole room; the others tell it what their shards hear, and it
tells them what everybody is told: the same everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from miso.cluster.facts import Dominant, Message, Volume, Volumes
from miso.cluster.facts import Speakers as SpeakersSaid
from miso.cluster.room import ClusterRoom
from miso.cluster.speakers import FRESH_S, SpeakerMerge
from miso.demo.json import Json
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.rooms.session import PeerSession

SHARDS_TOLD_EVERY_S: Final = 0.4
"""What several shards hear is put together for so long, in seconds; what the only one hears is told at once."""


class Speakers:
    """Listens to the microphones of a room.

    Args:
        room: The room, as all nodes have it.
        node: This node's id.
        joined: Gives everybody who is to be told.
        on_leader: Called with the id of who leads from now on.
    """

    def __init__(
        self,
        room: ClusterRoom[RoomShard],
        node: str,
        joined: Callable[[], list[PeerSession]],
        on_leader: Callable[[str], None],
    ) -> None:
        self._room = room
        self._node = node
        self._joined = joined
        self._on_leader = on_leader
        self._merge = SpeakerMerge()
        self._leader = ""
        self._loud: list[Volume] = []
        self._is_silence_told = False
        self._telling: asyncio.TimerHandle | None = None
        self._expiring: asyncio.TimerHandle | None = None

    def listen_in(self, shard: RoomShard) -> None:
        """Listens in one more of this node's shards, until it ends."""
        shard.listen(
            lambda loud: self._heard(Volumes(shard=shard.id, loud=loud)),
            lambda participant: self._heard(Dominant(shard=shard.id, participant=participant)),
        )

    def said(self, message: Message) -> None:
        """Another node has told what it hears, or what everybody is told."""
        match message:
            case Volumes() | Dominant() if self._listens:
                self._take(message)
            case SpeakersSaid() if not self._listens:
                self._show(message)

    def close(self) -> None:
        """Nothing more is told."""
        for timer in (self._telling, self._expiring):
            if timer is not None:
                timer.cancel()

    @property
    def _listens(self) -> bool:
        """Whether this node does, for the whole room."""
        return min(self._room.facts.shards, default=("", ""))[1] == self._node

    def _heard(self, message: Volumes | Dominant) -> None:
        if self._listens:
            self._take(message)
        else:
            self._room.say(message)

    def _take(self, message: Volumes | Dominant) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(message, Volumes):
            self._merge.hear(message.shard, message.loud, loop.time())
        else:
            self._merge.follow(message.shard, message.participant, loop.time())
        shards = {shard for shard, _ in self._room.facts.shards}
        self._merge.keep(shards)
        if shards == {message.shard}:
            self._tell(is_news_of_volumes=isinstance(message, Volumes))
        elif self._telling is None:
            self._telling = loop.call_later(SHARDS_TOLD_EVERY_S, self._tell_later)

    def _tell_later(self) -> None:
        self._telling = None
        self._tell(is_news_of_volumes=True)

    def _tell(self, *, is_news_of_volumes: bool) -> None:
        loop = asyncio.get_running_loop()
        said = SpeakersSaid(loud=self._merge.loud(loop.time()), leader=self._merge.leader)
        if len(self._room.facts.nodes) > 1:
            self._room.say(said)
        self._show(said, is_news_of_volumes=is_news_of_volumes)
        if self._expiring is not None:
            self._expiring.cancel()
        # a shard whose silence was not heard of is silent after a while
        self._expiring = loop.call_later(FRESH_S + SHARDS_TOLD_EVERY_S, self._tell_later) if said.loud else None

    def _show(self, said: SpeakersSaid, *, is_news_of_volumes: bool = True) -> None:
        if is_news_of_volumes and (said.loud or self._loud):
            self._loud = said.loud
            self._show_loud(said.loud)
        if said.leader and (said.leader != self._leader or (self._is_silence_told and said.loud)):
            self._is_silence_told = False
            PeerSession.notify_all(self._by_dialect()[1], "activeSpeaker", {"peerId": said.leader})
            self._on_leader(said.leader)
        self._leader = said.leader

    def _show_loud(self, loud: list[Volume]) -> None:
        """Clients of 2026 want to know who speaks, others who is loudest."""
        told: list[Json] = [{"volume": one.dbvo, "peerId": one.participant} for one in loud]
        classic, of_2026 = self._by_dialect()
        PeerSession.notify_all(of_2026, "speakingPeers", {"peerVolumes": told})
        if not told:
            PeerSession.notify_all(of_2026, "activeSpeaker", {})
            self._is_silence_told = True
        PeerSession.notify_all(classic, "activeSpeaker", told[0] if told else {"peerId": None})

    def _by_dialect(self) -> tuple[list[PeerSession], list[PeerSession]]:
        """Who has joined: clients of the classic dialect, and those of 2026."""
        joined = self._joined()
        return [one for one in joined if not one.speaks_2026], [one for one in joined if one.speaks_2026]
