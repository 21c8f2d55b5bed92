"""When a transport's reports go, of what its consumers send and its producers receive; the data plane writes them.

They go while it is connected and carries media, each transport in its turn of the worker's rounds.
"""

from __future__ import annotations

from miso.worker.dataplane import TransportPlane, TransportReports
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer

_INTERVAL_US = {"audio": 5_000_000, "video": 1_000_000}  # mediasoup's
_FIRST_AFTER_US = 500_000


class RtcpSender:
    """Has the reports of one transport sent.

    Attributes:
        id: Of the transport.
        reference_time: The receiver's clock, if it tells it.
    """

    def __init__(self, context: Context, transport_id: str, plane: TransportPlane, *, is_direct: bool) -> None:
        """Sends nothing until ``set_active``.

        Args:
            context: What every object of the worker is given.
            transport_id: Of the transport.
            plane: The transport's half in the data plane.
            is_direct: Packets are told to the owner of ``plane`` instead of being sent.
        """
        self.id = transport_id
        self._rounds = context.rounds
        self._reports = TransportReports(plane, is_direct=is_direct)
        self.reference_time = self._reports.reference_time

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
        is_set = self._reports.due_us >= 0
        if active and not is_set:
            self._rounds.set(self._reports, _FIRST_AFTER_US)
        elif is_set and not active:
            self._rounds.stop(self._reports)

    def close(self) -> None:
        """Sends nothing any more."""
        self._rounds.stop(self._reports)
