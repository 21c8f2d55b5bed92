"""Who speaks in a room, and who is told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from miso.controller import (
    ActiveSpeakerObserver,
    ActiveSpeakerObserverDominantSpeaker,
    AudioLevelObserver,
    AudioLevelObserverVolume,
    ControllerError,
    Producer,
    Router,
)
from miso.demo.json import Json
from miso.demo.rooms.session import PeerSession

logger = logging.getLogger(__name__)

MAX_SPEAKERS = 10
"""Clients of 2026 are told of so many who speak at the same time, others of the loudest."""


Observers = tuple[AudioLevelObserver, ActiveSpeakerObserver]


async def create_observers(router: Router) -> Observers:
    """What listens for who is loud, and for who leads.

    Raises:
        ControllerError: The worker cannot.
    """
    levels = await router.create_audio_level_observer(max_entries=MAX_SPEAKERS, threshold=-80, interval=800)
    return levels, await router.create_active_speaker_observer()


class Speakers:
    """Listens to the microphones of a room; ends with its router.

    Args:
        observers: What :func:`create_observers` made.
        joined: Gives everybody who is to be told.
        on_leader: Called with the id of who leads from now on.
    """

    def __init__(
        self,
        observers: Observers,
        joined: Callable[[], list[PeerSession]],
        on_leader: Callable[[str], None],
    ) -> None:
        levels, dominance = self._observers = observers
        self._joined = joined
        self._on_leader = on_leader
        levels.on("volumes", self._on_volumes)
        levels.on("silence", self._on_silence)
        dominance.on("dominantspeaker", self._on_dominant_speaker)

    async def add(self, producer: Producer) -> None:
        """Listens to one more microphone, until it closes."""
        for observer in self._observers:
            try:
                await observer.add_producer(producer.id)
            except ControllerError as error:  # the producer may have closed meanwhile
                logger.debug("producer=%s is not observed: %s", producer.id, error)

    def _on_volumes(self, volumes: list[AudioLevelObserverVolume]) -> None:
        told = [{"volume": one.volume, **_owner(one.producer)} for one in volumes]
        classic, of_2026 = self._by_dialect()
        PeerSession.notify_all(of_2026, "speakingPeers", {"peerVolumes": told})
        PeerSession.notify_all(classic, "activeSpeaker", told[0])

    def _on_silence(self) -> None:
        classic, of_2026 = self._by_dialect()
        PeerSession.notify_all(of_2026, "speakingPeers", {"peerVolumes": []})
        PeerSession.notify_all(of_2026, "activeSpeaker", {})
        PeerSession.notify_all(classic, "activeSpeaker", {"peerId": None})

    def _on_dominant_speaker(self, speaker: ActiveSpeakerObserverDominantSpeaker) -> None:
        """Clients of 2026 want to know who leads, others who is loudest."""
        owner = _owner(speaker.producer)
        PeerSession.notify_all(self._by_dialect()[1], "activeSpeaker", owner)
        if owner:
            self._on_leader(str(owner["peerId"]))

    def _by_dialect(self) -> tuple[list[PeerSession], list[PeerSession]]:
        """Who has joined: clients of the classic dialect, and those of 2026."""
        joined = self._joined()
        return [one for one in joined if not one.speaks_2026], [one for one in joined if one.speaks_2026]


def _owner(producer: Producer) -> Json:
    """Whose producer it is, where somebody's is."""
    return {"peerId": producer.app_data["peerId"]} if "peerId" in producer.app_data else {}
