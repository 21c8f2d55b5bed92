"""A stream that a consumer sends, without its packets: the receiver's RTCP, its score, what dumps and stats show of it.

Packets and the retransmission buffer are the data plane's: ``miso.worker.dataplane.ConsumerPlane``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.channel.events import TraceValue
from miso.worker.dataplane import ConsumerPlane
from miso.worker.rtc.context import Context
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtc.rtp_parameters import RtpEncoding
from miso.worker.rtc.streams.score import MAX_SCORE, LossCounters, StreamScore, outbound_sample
from miso.worker.rtc.streams.stream_dump import stream_dump
from miso.worker.rtc.token_bucket import TokenBucket
from miso.worker.rtcp import reports
from miso.worker.rtcp.ntp import round_trip_ms

# A receiver may ask for 2500 packets at once, which is what the buffer holds at most, and for as many a second: more is
# not repair but a flood, and looking packets up costs us time.
_REPAIRS_AT_ONCE = 2_500
_REPAIR_EVERY_US = 400
# A key frame costs everybody who watches the stream: a receiver may have a few at once, then one in so long.
_KEY_FRAMES_AT_ONCE = 4
_KEY_FRAME_EVERY_US = 500_000
_SCORE_EVERY_US = 100_000  # reports that come faster make no new score, nor an event for each
_FLOWS_US = 1_000_000  # a stream whose last packet is older stands still
# How far what is captured may be from what arrives: pictures wait in encoders and queues, but do not come early.
_MAX_EARLY_S = 1
_MAX_LATE_S = 10


class StreamConsumer(Protocol):
    """What a stream asks of its consumer."""

    id: str

    @property
    def active(self) -> bool:
        """Whether packets may flow."""

    def source_of(self, stream_index: int) -> ProducerStream | None:
        """The producer's stream of this index in the plane."""

    def request_repair(self, index: int) -> None:
        """Asks the sender for a key frame of what the consumer's stream ``index`` forwards: the picture is lost."""

    def emit_score(self) -> None:
        """Tells the controller the scores of now."""

    def trace_feedback(self, name: str, info: dict[str, TraceValue]) -> None:
        """The receiver sent a ``nack``, ``pli`` or ``fir``."""


class ConsumerStream:
    """What is sent with one SSRC (and its RTX SSRC) of a consumer.

    Attributes:
        consumer_id: Whose stream it is.
        plane: Its half in the data plane.
        index: Of its encoding in the consumer's RTP parameters.
        ssrc: Of what it sends; ``rtx_ssrc`` of its retransmissions, 0 without.
        score: How it fares, by what the receiver reports.
        packets_lost: By the receiver's last report; may be negative (RFC 3550 A.3).
        fraction_lost: Of the receiver's last interval, 0..255.
        rtt_ms: To the receiver and back; 0 while unknown.
        nack_count: NACKs that came; ``nack_packet_count``: for so many packets.
        pli_count: PLIs that came; ``fir_count``: FIRs.
    """

    def __init__(
        self,
        context: Context,
        owner: StreamConsumer,
        plane: ConsumerPlane,
        encoding: RtpEncoding,
        index: int,
        *,
        cname: str,
        shown_layers: tuple[int, int],
    ) -> None:
        """Sends nothing yet.

        Args:
            context: What every object of the worker is given.
            owner: Its consumer.
            plane: Its half in the data plane.
            encoding: What was negotiated with the receiver.
            index: Of the encoding in the consumer's RTP parameters.
            cname: Under which the receiver knows it.
            shown_layers: The numbers of spatial and temporal layers that dumps show.
        """
        scheduler = context.scheduler
        self.consumer_id = owner.id
        self.plane = plane
        self.index = index
        self.ssrc = plane.ssrc
        self.rtx_ssrc = plane.rtx_ssrc
        self.score = StreamScore()
        self.packets_lost = 0
        self.fraction_lost = 0
        self.rtt_ms = 0.0
        self.nack_count = 0
        self.nack_packet_count = 0
        self.pli_count = 0
        self.fir_count = 0
        self._scheduler = scheduler
        self._worker_plane = context.plane
        self._owner = owner
        self._encoding = encoding
        self._cname = cname
        self._shown_layers = shown_layers
        self._scored = LossCounters()  # as they were at the last sample of the score
        self._scored_us = -_SCORE_EVERY_US
        self._reported_packets = 0  # as the last sender report told
        self._repairs = TokenBucket(_REPAIRS_AT_ONCE, _REPAIR_EVERY_US, scheduler.now_us())
        self._key_frames = TokenBucket(_KEY_FRAMES_AT_ONCE, _KEY_FRAME_EVERY_US, scheduler.now_us())

    @property
    def id(self) -> str:
        """Of the consumer, for the log line of a fault."""
        return self.consumer_id

    # ------------------------------------------------------------ RTCP in

    def on_nack(self, sequence_numbers: Sequence[int], now_us: int) -> None:
        """Sends again what the receiver misses (RFC 4585 section 6.2.1), as far as the allowance goes."""
        if not self._owner.active:
            return
        self._owner.trace_feedback("nack", {})
        self.nack_count += 1
        self.nack_packet_count += len(sequence_numbers)
        granted = sequence_numbers[: self._repairs.take(len(sequence_numbers), now_us)]
        if granted:
            self.plane.retransmit(granted, now_us)
            deliver(self._worker_plane.take_events(), now_us)

    def on_pli(self) -> None:
        """The receiver cannot decode the stream any more (RFC 4585 section 6.3.1)."""
        self._owner.trace_feedback("pli", {"ssrc": self.ssrc})
        self.pli_count += 1
        self._request_repair()

    def on_fir(self) -> None:
        """The receiver wants a key frame of the stream (RFC 5104 section 4.3.1)."""
        self._owner.trace_feedback("fir", {"ssrc": self.ssrc})
        self.fir_count += 1
        self._request_repair()

    def _request_repair(self) -> None:
        """Passes the wish on; in a flood of them only now and then one is."""
        if self._key_frames.take(1, self._scheduler.now_us()):
            self._owner.request_repair(self.index)

    def on_receiver_report(self, block: reports.ReportBlock, now_us: int) -> None:
        """What the receiver got (RFC 3550 section 6.4.2): round trip, loss, and time for a new score."""
        rtt_ms = round_trip_ms(self._scheduler.ntp_now(), block.last_sr, block.delay_since_last_sr)
        if rtt_ms is not None:
            self.rtt_ms = self.plane.rtt_ms = rtt_ms
        self.packets_lost = block.total_lost
        self.fraction_lost = block.fraction_lost
        if now_us - self._scored_us < _SCORE_EVERY_US:
            return
        self._scored_us = now_us
        now = LossCounters(
            packets=self.plane.packets,
            lost=max(block.total_lost, 0),
            repaired=self.plane.packets_repaired,
            retransmitted=self.plane.packets_retransmitted,
        )
        before, self._scored = self._scored, now
        if self.score.add(outbound_sample(before, now)):
            self._owner.emit_score()

    def begin_score(self) -> None:
        """Another stream is being forwarded: as good as new."""
        self.score.reset(MAX_SCORE)

    # ------------------------------------------------------------ RTCP out

    def sender_report(self, now_us: int, ntp: int) -> reports.SenderReport | None:
        """The report of what was sent; None when nothing is.

        It tells the time of capture by the sender's own reports, else that of arrival. A stream that stands still is
        not reported on (RFC 3550 section 6.4): nobody knows what its clock does.
        """
        plane = self.plane
        if plane.packets == 0:
            return None
        source = self._owner.source_of(plane.forwarded_stream)
        captured = None if source is None else self._capture_timestamp(source, now_us, ntp)
        if now_us - plane.last_packet_us > _FLOWS_US:  # only its sender knows that its clock runs on
            runs_on = source is not None and source.reported_us >= plane.last_packet_us
            if captured is None or not runs_on or plane.packets == self._reported_packets:
                return None
        self._reported_packets = plane.packets
        return reports.SenderReport(
            ssrc=self.ssrc,
            ntp=ntp,
            rtp_timestamp=plane.timestamp_at(now_us) if captured is None else captured,
            packet_count=plane.packets & 0xFFFFFFFF,
            octet_count=plane.bytes & 0xFFFFFFFF,
        )

    def _capture_timestamp(self, source: ProducerStream, now_us: int, ntp: int) -> int | None:
        """What is captured now would be sent with this timestamp, says the sender; None: it does not, or is wrong."""
        plane = self.plane
        captured = source.capture_timestamp(now_us, ntp)
        if captured is None:
            return None
        timestamp = (captured + plane.timestamp_offset) & 0xFFFFFFFF
        ahead = ((timestamp - plane.timestamp_at(now_us) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        clock_rate = self._encoding.codec.clock_rate
        earliest, latest = -_MAX_EARLY_S * clock_rate, _MAX_LATE_S * clock_rate
        return timestamp if earliest <= ahead <= latest else None

    # ------------------------------------------------------------ shown

    def dump(self) -> RtpStreamDump:
        """As ``consumer.dump`` shows it."""
        encoding = self._encoding
        return stream_dump(
            encoding,
            encoding_index=self.index,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
            rid="",
            cname=self._cname,
            score=self.score.value,
            layers=self._shown_layers,
        )

    def stats(self) -> RtpStreamStats:
        """As ``consumer.getStats`` shows it."""
        now_us = self._scheduler.now_us()
        plane = self.plane
        has_rtx = bool(self.rtx_ssrc)
        return RtpStreamStats(
            type="outbound-rtp",
            timestamp=now_us // 1000,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc or None,
            kind=self._encoding.codec.kind,
            mime_type=self._encoding.codec.mime_type,
            packets_lost=self.packets_lost,
            fraction_lost=self.fraction_lost,
            packets_discarded=0,
            packets_retransmitted=plane.packets_retransmitted,
            packets_repaired=plane.packets_repaired,
            nack_count=self.nack_count,
            nack_packet_count=self.nack_packet_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            score=self.score.value,
            packet_count=plane.packets,
            byte_count=plane.bytes,
            bitrate=plane.bitrate(now_us),
            rtx_packets_discarded=0 if has_rtx else None,
            round_trip_time=self.rtt_ms or None,
        )
