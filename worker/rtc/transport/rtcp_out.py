"""When a transport's reports go, of what its consumers send and its producers receive; the data plane writes them.

One timer per transport, and only while it is connected and carries media.
"""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.dataplane import TransportPlane, TransportReports
from miso.worker.faults import attempt
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer

_INTERVAL_US = {"audio": 5_000_000, "video": 1_000_000}  # mediasoup's
_FIRST_AFTER_US = 500_000
_TICK_US = 1_000_000


class RtcpSender:
    """Has the reports of one transport sent.

    Attributes:
        id: Of the transport.
        reference_time: The receiver's clock, if it tells it.
    """

    def __init__(
        self,
        context: Context,
        transport_id: str,
        plane: TransportPlane,
        hand_on: Callable[[bytes], None] | None,
    ) -> None:
        """Sends nothing until ``set_active``.

        Args:
            context: What every object of the worker is given.
            transport_id: Of the transport.
            plane: The transport's half in the data plane.
            hand_on: Takes compound packets, in place of the network.
        """
        self.id = transport_id
        self._scheduler = context.scheduler
        self._random = context.random
        self._hand_on = hand_on
        self._reports = TransportReports(plane, is_direct=hand_on is not None)
        self.reference_time = self._reports.reference_time
        self._timer = Alarm(context.scheduler, self._on_timer)

    def add_consumer(self, consumer: Consumer) -> None:
        """Its receiver is told of it."""
        parameters = consumer.rtp_parameters
        cname = parameters.cname.encode()
        for stream, encoding in zip(consumer.streams, parameters.encodings, strict=False):
            self._reports.add_sent(stream.plane, cname, encoding.codec.clock_rate, _INTERVAL_US[consumer.kind])

    def remove_consumer(self, consumer: Consumer) -> None:
        """It has closed."""
        for stream in consumer.streams:
            self._reports.remove_sent(stream.plane)

    def add_producer(self, producer: Producer) -> None:
        """Its sender is told of it."""
        self._reports.add_received(producer.input, _INTERVAL_US[producer.kind])

    def remove_producer(self, producer: Producer) -> None:
        """It has closed."""
        self._reports.remove_received(producer.input)

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
        for packet in self._reports.send_due(self._scheduler.now_us(), self._scheduler.ntp_now()):
            if self._hand_on is not None:
                attempt(self, self._hand_on, packet)
