"""Who speaks in a room, from what each shard hears: the loudest of all, and who leads.

Time is an argument, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from miso.cluster.facts import Volume

MAX_LOUD: Final = 10
"""So many who speak at the same time are told."""
FRESH_S: Final = 2.5
"""What a shard has said of volumes holds so long; it says them anew each 0.8 s while somebody is loud."""
LOUDER_DB: Final = 6
"""Who is to lead instead of somebody at another shard is louder by so much."""
SILENT_DBVO: Final = -127


class SpeakerMerge:
    """What all shards of a room hear, as one. One shard's word is taken as it is.

    Attributes:
        leader: Who leads; "": nobody yet.
    """

    def __init__(self) -> None:
        self.leader = ""
        self._loud: dict[str, tuple[float, Sequence[Volume]]] = {}
        """Shard → when it was heard, and who is loud there."""
        self._dominant: dict[str, str] = {}
        """Shard → who leads there."""

    def hear(self, shard: str, loud: Sequence[Volume], now_s: float) -> None:
        """A shard has said who is loud; nobody: silence."""
        self._loud[shard] = now_s, loud
        self._choose(now_s)

    def follow(self, shard: str, participant: str, now_s: float) -> None:
        """A shard has said who leads there."""
        self._dominant.pop(shard, None)
        self._dominant[shard] = participant  # behind the others: of equals the latest is chosen
        self._choose(now_s)

    def keep(self, shards: set[str]) -> None:
        """Only these shards are there."""
        for shard in (self._loud.keys() | self._dominant.keys()) - shards:
            self._loud.pop(shard, None)
            self._dominant.pop(shard, None)
        if self.leader not in self._dominant.values():
            self.leader = ""

    def loud(self, now_s: float) -> list[Volume]:
        """Who is loud in the room, the loudest first; each once."""
        loudest: dict[str, Volume] = {}
        for heard_s, volumes in self._loud.values():
            for volume in volumes if now_s - heard_s <= FRESH_S else ():
                if volume.participant not in loudest or volume.dbvo > loudest[volume.participant].dbvo:
                    loudest[volume.participant] = volume
        return sorted(loudest.values(), key=lambda volume: (-volume.dbvo, volume.participant))[:MAX_LOUD]

    def _choose(self, now_s: float) -> None:
        """Who leads at its shard leads in the room, when nobody else who leads at theirs is about as loud."""
        dbvo = {volume.participant: volume.dbvo for volume in self.loud(now_s)}

        def loudness(participant: str) -> int:
            return dbvo.get(participant, SILENT_DBVO)

        candidates = [*reversed(self._dominant.values())]
        best = max(candidates, key=loudness, default="")
        if self.leader not in candidates or loudness(best) >= loudness(self.leader) + LOUDER_DB:
            self.leader = best or self.leader
