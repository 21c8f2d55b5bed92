"""RTCP that a transport sends by itself: reports of what its consumers send and its producers receive.

They go at mediasoup's intervals. One timer per transport, and only while it is connected and carries media. Feedback
that answers a packet (NACK, PLI, FIR) does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from miso.worker.faults import attempt
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.streams.echo_clock import EchoClock
from miso.worker.rtcp.compound import BuildablePacket, build_compound
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.reports import ReportBlock, SenderReport, receiver_reports
from miso.worker.rtcp.source import SourceDescription

_INTERVAL_US = {"audio": 5_000_000, "video": 1_000_000}
_FIRST_AFTER_US = 500_000
_TICK_US = 1_000_000
_MAX_SIZE = 1252  # MTU of 1500 without IPv6, UDP and SRTP's share
_MAX_BLOCKS = 31  # of one kind in a packet: the count has five bits
_CHUNK_OVERHEAD = 12  # of an SDES chunk besides the CNAME, at most


class _Compound:
    """A compound packet in the making, within the size limit."""

    def __init__(self) -> None:
        self._senders: list[tuple[SenderReport, str, DelaySinceLastRr | None]] = []
        self._blocks: list[ReportBlock] = []
        self._reference_ntp: int | None = None
        self._size = 0

    def add_sender(self, report: SenderReport, cname: str, delay: DelaySinceLastRr | None) -> bool:
        """False when it does not fit any more."""
        size = 28 + len(cname.encode()) + _CHUNK_OVERHEAD + (24 if delay is not None else 0)
        if self._size and (self._size + size > _MAX_SIZE or len(self._senders) >= _MAX_BLOCKS):
            return False
        self._size += size
        self._senders.append((report, cname, delay))
        return True

    def add_receiver(self, blocks: list[ReportBlock], reference_ntp: int) -> bool:
        """False when they do not fit any more."""
        size = 24 * len(blocks) + 28
        if self._size and (self._size + size > _MAX_SIZE or len(self._blocks) + len(blocks) > _MAX_BLOCKS):
            return False
        self._size += size
        self._blocks.extend(blocks)
        self._reference_ntp = reference_ntp
        return True

    def to_bytes(self) -> bytes:
        """Empty when there is nothing to report."""
        packets: list[BuildablePacket] = [report for report, _, _ in self._senders]
        if self._blocks:
            packets.extend(receiver_reports(0, self._blocks))
        if self._senders:
            packets.append(SourceDescription(tuple((report.ssrc, cname) for report, cname, _ in self._senders)))
        delays = tuple(delay for _, _, delay in self._senders if delay is not None)
        if packets and (delays or self._reference_ntp is not None):
            ssrc = self._senders[0][0].ssrc if self._senders else 0
            packets.append(ExtendedReport(ssrc, self._reference_ntp, delays))
        return build_compound(packets)

    def apart(self) -> Iterator[_Compound]:
        """Its reports, each in a compound of its own."""
        for sender in self._senders:
            alone = _Compound()
            alone.add_sender(*sender)
            yield alone
        for block in self._blocks:
            alone = _Compound()
            alone.add_receiver([block], self._reference_ntp or 0)
            yield alone


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
        self._producers = producers
        self._consumers = consumers
        self._reference_time = reference_time
        self._send_packet = send
        self._timer = Alarm(context.scheduler, self._on_timer)
        self._sent_us: dict[str, int] = {}  # by id of the producer or consumer that was reported on
        self._compound = _Compound()

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
        for consumer in consumers.values():
            if self._is_due(consumer.id, consumer.kind, now_us):
                attempt(consumer, self._add_consumer, consumer, now_us)
        for producer in producers.values():
            if self._is_due(producer.id, producer.kind, now_us):
                attempt(producer, self._add_producer, producer, now_us)
        self._send()

    def _is_due(self, object_id: str, kind: str, now_us: int) -> bool:
        sent_us = self._sent_us.get(object_id)
        return sent_us is None or (now_us - sent_us) * 115 >= _INTERVAL_US[kind] * 100

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
        for start in range(0, len(blocks), _MAX_BLOCKS):
            part = blocks[start : start + _MAX_BLOCKS]
            if not self._compound.add_receiver(part, self._scheduler.ntp_now()):
                self._send()
                self._compound.add_receiver(part, self._scheduler.ntp_now())

    def _send(self) -> None:
        """Sends what was put together, and begins anew. A report that cannot be written takes no other away."""
        compound, self._compound = self._compound, _Compound()
        if not attempt(self, self._send_one, compound):
            for part in compound.apart():
                attempt(self, self._send_one, part)

    def _send_one(self, compound: _Compound) -> None:
        packet = compound.to_bytes()
        if packet:
            self._send_packet(packet)
