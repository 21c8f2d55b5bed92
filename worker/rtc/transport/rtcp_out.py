"""RTCP that a transport sends by itself: reports of what its consumers send and its producers receive.

They go at mediasoup's intervals. One timer per transport, and only while it is connected and carries media. Feedback
that answers a packet (NACK, PLI, FIR) does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from miso.worker.faults import attempt
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.streams.echo_clock import EchoClock
from miso.worker.rtc.transport.report_compound import ReportCompound
from miso.worker.rtcp.extended import DelaySinceLastRr
from miso.worker.rtcp.reports import MAX_BLOCKS

_INTERVAL_US = {"audio": 5_000_000, "video": 1_000_000}
_TOLERANCE = 1.15  # a turn that comes so much before the interval is over counts as late enough
_FIRST_AFTER_US = 500_000
_TICK_US = 1_000_000


class RtcpSender:
    """Sends the reports of one transport.

    Attributes:
        id: Of the transport.
    """

    def __init__(
        self,
        context: Context,
        transport_id: str,
        producers: Mapping[str, Producer],
        consumers: Mapping[str, Consumer],
        reference_time: EchoClock,
        send: Callable[[bytes], None],
    ) -> None:
        """Sends nothing until ``set_active``.

        Args:
            context: What every object of the worker is given.
            transport_id: Of the transport.
            producers: Those of the transport by id, as they come and go; ``consumers`` likewise.
            consumers: See there.
            reference_time: The receiver's clock, if it tells it.
            send: Sends a compound packet.
        """
        self.id = transport_id
        self._scheduler = context.scheduler
        self._random = context.random
        self._plane = context.plane
        self._producers = producers
        self._consumers = consumers
        self._reference_time = reference_time
        self._send_packet = send
        self._timer = Alarm(context.scheduler, self._on_timer)
        self._sent_us: dict[str, int] = {}  # by id of the producer or consumer that was reported on
        self._compound = ReportCompound()

    def set_active(self, active: bool) -> None:
        """Whether there is anything to report, and anybody to report it to."""
        if not active:
            self._timer.stop()
        elif not self._timer.is_set:
            self._timer.set(_FIRST_AFTER_US)

    def close(self) -> None:
        """Sends nothing any more."""
        self._timer.stop()

    def _on_timer(self) -> None:
        # The interval varies, so that not all participants report at the same time (RFC 3550 section 6.3.1).
        self._timer.set(_TICK_US + _TICK_US // 2 * self._random(1)[0] // 255)
        now_us = self._scheduler.now_us()
        consumers, producers = self._consumers, self._producers
        self._sent_us = {key: sent for key, sent in self._sent_us.items() if key in consumers or key in producers}
        self._plane.set_wall_clock(now_us, self._scheduler.ntp_now())  # which the receivers' reports will echo
        for consumer in consumers.values():
            if self._is_due(consumer.id, consumer.kind, now_us):
                attempt(consumer, self._add_consumer, consumer, now_us)
        for producer in producers.values():
            if self._is_due(producer.id, producer.kind, now_us):
                attempt(producer, self._add_producer, producer, now_us)
        self._send()

    def _is_due(self, object_id: str, kind: str, now_us: int) -> bool:
        sent_us = self._sent_us.get(object_id)
        return sent_us is None or (now_us - sent_us) * _TOLERANCE >= _INTERVAL_US[kind]

    def _add_consumer(self, consumer: Consumer, now_us: int) -> None:
        for stream in consumer.streams:
            report = stream.sender_report(now_us, self._scheduler.ntp_now())
            if report is None:
                continue
            self._sent_us[consumer.id] = now_us
            entry = (report, consumer.rtp_parameters.cname, self._delay_since_last_rr(stream.ssrc, now_us))
            if not self._compound.add_sender(*entry):
                self._send()
                self._compound.add_sender(*entry)

    def _delay_since_last_rr(self, ssrc: int, now_us: int) -> DelaySinceLastRr | None:
        """The echo of the receiver's clock; None when it has told none."""
        clock = self._reference_time
        return DelaySinceLastRr(ssrc, clock.compact_ntp, clock.delay(now_us)) if clock.compact_ntp else None

    def _add_producer(self, producer: Producer, now_us: int) -> None:
        self._sent_us[producer.id] = now_us
        blocks = [block for stream in producer.streams.values() for block in stream.report_blocks(now_us)]
        for start in range(0, len(blocks), MAX_BLOCKS):
            part = blocks[start : start + MAX_BLOCKS]
            if not self._compound.add_receiver(part, self._scheduler.ntp_now()):
                self._send()
                self._compound.add_receiver(part, self._scheduler.ntp_now())

    def _send(self) -> None:
        """Sends what was put together, and begins anew. A report that cannot be written takes no other away."""
        compound, self._compound = self._compound, ReportCompound()
        if not attempt(self, self._send_one, compound):
            for part in compound.apart():
                attempt(self, self._send_one, part)

    def _send_one(self, compound: ReportCompound) -> None:
        packet = compound.to_bytes()
        if packet:
            self._send_packet(packet)
