"""Tells who is loud: the mean audio level (RFC 6464) of each producer, per interval."""

from __future__ import annotations

from miso.worker.channel.bodies.router import CreateAudioLevelObserverRequest
from miso.worker.channel.events import Volume
from miso.worker.rtc.context import Context
from miso.worker.rtc.observers.rtp_observer import RtpObserver
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables

_MIN_INTERVAL_MS, _MAX_INTERVAL_MS = 250, 5000
_MIN_PACKETS = 10  # of an interval, for a mean that means something


class AudioLevelObserver(RtpObserver):
    """Sends ``volumes``, loudest first, while somebody is above the threshold, and one ``silence`` after that."""

    def __init__(
        self, context: Context, tables: RouterTables, observer_id: str, body: CreateAudioLevelObserverRequest
    ) -> None:
        interval_ms = min(max(int(body.interval), _MIN_INTERVAL_MS), _MAX_INTERVAL_MS)
        super().__init__(context, tables, observer_id, interval_ms * 1000)
        self._max_entries = body.max_entries
        self._threshold = body.threshold
        self._silent = True

    def producer_added(self, producer: Producer) -> None:
        """What it said before does not count."""
        producer.take_audio_levels(self)

    def producer_resumed(self, producer_id: str) -> None:
        """What it said before does not count."""
        self.producers[producer_id].take_audio_levels(self)

    def update(self, now_us: int) -> None:
        """Reports the loud ones, or that there are none any more."""
        volumes = []
        for producer in self.producers.values():
            levels = self.levels_of(producer)
            if producer.paused or len(levels) < _MIN_PACKETS:
                continue
            volume = -(sum(levels) // len(levels))
            if volume >= self._threshold:
                volumes.append(Volume(producer_id=producer.id, volume=volume))
        if volumes:
            volumes.sort(key=lambda entry: entry.volume, reverse=True)
            self._silent = False
            self.context.notifier.notify(self.id, "volumes", volumes[: self._max_entries])
        else:
            self._announce_silence()

    def paused_changed(self) -> None:
        """While nobody looks, nobody speaks."""
        if self.paused:
            self._announce_silence()

    def _announce_silence(self) -> None:
        if not self._silent:
            self._silent = True
            self.context.notifier.notify(self.id, "silence")
