"""Tells who has the floor: the dominant speaker among the producers."""

from __future__ import annotations

from miso.worker.channel.bodies.router import CreateActiveSpeakerObserverRequest
from miso.worker.channel.events import DominantSpeaker as DominantSpeakerBody
from miso.worker.rtc.context import Context
from miso.worker.rtc.observers.dominant_speaker import DominantSpeaker
from miso.worker.rtc.observers.rtp_observer import RtpObserver
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables

_MIN_INTERVAL_MS, _MAX_INTERVAL_MS = 100, 5000
_LOUDEST = 127


class ActiveSpeakerObserver(RtpObserver):
    """Sends ``dominantspeaker`` when somebody else takes the floor."""

    def __init__(
        self, context: Context, tables: RouterTables, observer_id: str, body: CreateActiveSpeakerObserverRequest
    ) -> None:
        interval_ms = min(max(int(body.interval), _MIN_INTERVAL_MS), _MAX_INTERVAL_MS)
        super().__init__(context, tables, observer_id, interval_ms * 1000)
        self._speakers = DominantSpeaker()

    def producer_added(self, producer: Producer) -> None:
        """What it said before does not count."""
        producer.take_audio_levels(self)
        self._speakers.add(producer.id, self.context.scheduler.now_us(), paused=producer.paused)

    def producer_removed(self, producer: Producer) -> None:
        """When the dominant speaker leaves, the next one is found at once."""
        if self._speakers.remove(producer.id):
            self.update(self.context.scheduler.now_us())

    def producer_paused(self, producer_id: str) -> None:
        """It cannot take the floor now."""
        self._speakers.set_paused(producer_id, True)

    def producer_resumed(self, producer_id: str) -> None:
        """It can take the floor again."""
        self._speakers.set_paused(producer_id, False)

    def update(self, now_us: int) -> None:
        """Feeds what was said and judges anew."""
        for producer in self.producers.values():
            levels = self.levels_of(producer)
            self._speakers.add_levels(producer.id, [_LOUDEST - level for level in levels], now_us)
        if self._speakers.update(now_us) and self._speakers.current is not None:
            self.context.notifier.notify(
                self.id, "dominantspeaker", DominantSpeakerBody(producer_id=self._speakers.current)
            )
