"""What a router's observers have in common: they listen to audio producers, and tell the controller what they notice.

Nothing is called per packet: the plane keeps the audio levels (RFC 6464) of each producer, an observer reads them at
its own interval, and only while it has producers to watch.
"""

from __future__ import annotations

from miso.worker.channel import commands
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest
from miso.worker.channel.commands import handles
from miso.worker.errors import BodyError
from miso.worker.faults import attempt_for
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables


class RtpObserver:
    """Base of the observers.

    Attributes:
        id: As the controller named it.
        paused: Whether it looks away.
        producers: Those it watches, by id.
    """

    def __init__(self, context: Context, tables: RouterTables, observer_id: str, interval_us: int) -> None:
        """Raises ``CommandError`` when the id is taken."""
        self.id = observer_id
        self.paused = False
        self.producers: dict[str, Producer] = {}
        self.context = context
        self._tables = tables
        self._interval_us = interval_us
        self._look = Alarm(context.scheduler, self, RtpObserver._on_look)
        self._closed = False
        context.registry.add(self, observer_id, tables.router_id)
        tables.observers[observer_id] = self

    # ------------------------------------------------------------ for the kinds

    def producer_added(self, producer: Producer) -> None:
        """One more to watch; raises to refuse it."""

    def producer_removed(self, producer: Producer) -> None:
        """One less to watch."""

    def producer_paused(self, producer_id: str) -> None:
        """A watched producer was paused."""

    def producer_resumed(self, producer_id: str) -> None:
        """A watched producer was resumed."""

    def update(self, now_us: int) -> None:
        """Looks at the levels since the last time."""

    def paused_changed(self) -> None:
        """It was paused or resumed."""

    def levels_of(self, producer: Producer) -> bytes:
        """The audio levels of a producer since the last time; a fault in one takes no other from the observer."""
        return attempt_for(b"", producer, producer.take_audio_levels, self)

    # ------------------------------------------------------------ commands

    @handles(commands.RTP_OBSERVER_ADD_PRODUCER)
    def add_producer(self, body: ObservedProducerRequest) -> None:
        """Watches a producer of the router.

        Raises:
            CommandError: The router has no such producer.
            BodyError: It is not of audio.
        """
        producer = self._tables.producer(body.producer_id)
        if producer.kind != "audio":
            raise BodyError("not an audio Producer")
        if producer.id in self.producers:
            return
        self.producers[producer.id] = producer
        producer.add_observer(self)
        self.producer_added(producer)
        self._run()

    @handles(commands.RTP_OBSERVER_REMOVE_PRODUCER)
    def remove_producer(self, body: ObservedProducerRequest) -> None:
        """Watches it no more."""
        self._forget(self._tables.producer(body.producer_id).id)

    def producer_closed(self, producer_id: str) -> None:
        """A watched producer is gone."""
        self._forget(producer_id)

    def _forget(self, producer_id: str) -> None:
        producer = self.producers.pop(producer_id, None)
        if producer is None:
            return
        producer.remove_observer(self)
        self.producer_removed(producer)
        self._run()

    @handles(commands.RTP_OBSERVER_PAUSE)
    def pause(self) -> None:
        """Looks away."""
        if not self.paused:
            self.paused = True
            self._run()
            self.paused_changed()

    @handles(commands.RTP_OBSERVER_RESUME)
    def resume(self) -> None:
        """Looks again; what was said meanwhile does not count."""
        if self.paused:
            self.paused = False
            for producer in self.producers.values():
                producer.take_audio_levels(self)
            self._run()
            self.paused_changed()

    def close(self) -> None:
        """Leaves its producers and the router; idempotent."""
        if self._closed:
            return
        self._closed = True
        for producer in list(self.producers.values()):
            producer.remove_observer(self)
        self.producers.clear()
        self._run()
        del self._tables.observers[self.id]
        self.context.registry.remove(self.id, self._tables.router_id)

    # ------------------------------------------------------------ own

    def _run(self) -> None:
        """Keeps the timer only while there is something to look at."""
        wanted = bool(self.producers) and not self.paused
        if not wanted:
            self._look.stop()
        elif not self._look.is_set:
            self._look.set(self._interval_us)

    def _on_look(self) -> None:
        self._look.set(self._interval_us)
        self.update(self.context.scheduler.now_us())
