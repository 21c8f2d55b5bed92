"""An active speaker observer: who leads the conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from miso.controller.media.producer import Producer
from miso.controller.observers.rtp_observer import RtpObserver
from miso.worker.channel.events import DominantSpeaker


class ActiveSpeakerObserverDominantSpeaker(NamedTuple):
    """The producer of who leads the conversation."""

    producer: Producer


class ActiveSpeakerObserver(RtpObserver):
    """Tells who leads the conversation, whenever that changes.

    Events:
        dominantspeaker(ActiveSpeakerObserverDominantSpeaker): Somebody else leads it now.
        routerclose(): Its router closed, and it with it.

    Observer events: dominantspeaker, and those of every ``RtpObserver``.
    """

    _KIND = "activeSpeakerObserver"

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {"dominantspeaker": self._on_dominant_speaker}

    def _on_dominant_speaker(self, event: DominantSpeaker) -> None:
        producer = self._router.producers.get(event.producer_id)
        if producer is not None:
            self._tell("dominantspeaker", ActiveSpeakerObserverDominantSpeaker(producer))
