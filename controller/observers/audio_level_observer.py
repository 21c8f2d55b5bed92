"""An audio level observer: who is loud, and how loud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from miso.controller.media.producer import Producer
from miso.controller.observers.rtp_observer import RtpObserver
from miso.worker.channel.events import Volume


class AudioLevelObserverVolume(NamedTuple):
    """A producer and its average loudness in dBvo: -127 (silent) to 0."""

    producer: Producer
    volume: int


class AudioLevelObserver(RtpObserver):
    """Tells at an interval who is the loudest.

    Events:
        volumes(list[AudioLevelObserverVolume]): Who is louder than the threshold, the loudest first.
        silence(): Nobody is any more.
        routerclose(): Its router closed, and it with it.

    Observer events: volumes, silence, and those of every ``RtpObserver``.
    """

    _KIND = "audioLevelObserver"

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {"volumes": self._on_volumes, "silence": partial(self._tell, "silence")}

    def _on_volumes(self, entries: list[Volume]) -> None:
        # A producer may have closed in the meantime.
        volumes = [
            AudioLevelObserverVolume(producer, entry.volume)
            for entry in entries
            if (producer := self._router.producers.get(entry.producer_id)) is not None
        ]
        if volumes:
            self._tell("volumes", volumes)
