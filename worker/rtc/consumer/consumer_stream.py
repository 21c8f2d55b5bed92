"""A stream that a consumer sends, without its packets: sender reports, what dumps and stats show of it.

Packets, the retransmission buffer and the receiver's RTCP are the data plane's: ``miso.worker.dataplane.ConsumerPlane``
and its ``feedback``.
"""

from __future__ import annotations

from typing import Protocol

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.channel.events import TraceValue
from miso.worker.dataplane import ConsumerPlane
from miso.worker.rtc.context import Context
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtc.rtp_parameters import RtpEncoding
from miso.worker.rtc.streams.score import MAX_SCORE
from miso.worker.rtc.streams.stream_dump import stream_dump
from miso.worker.rtcp import reports

_FLOWS_US = 1_000_000  # a stream whose last packet is older stands still
# How far what is captured may be from what arrives: pictures wait in encoders and queues, but do not come early.
_MAX_EARLY_S = 1
_MAX_LATE_S = 10


class StreamConsumer(Protocol):
    """What a stream asks of its consumer."""

    id: str

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
        feedback: What the receiver says of it, in the data plane.
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
        self.consumer_id = owner.id
        self.plane = plane
        self.index = index
        self.ssrc = plane.ssrc
        self.rtx_ssrc = plane.rtx_ssrc
        self.feedback = plane.feedback
        self.feedback.owner = self
        self._scheduler = context.scheduler
        self._owner = owner
        self._encoding = encoding
        self._cname = cname
        self._shown_layers = shown_layers
        self._reported_packets = 0  # as the last sender report told

    @property
    def id(self) -> str:
        """Of the consumer, for the log line of a fault."""
        return self.consumer_id

    @property
    def score(self) -> int:
        """How it fares by what the receiver reports, 0 to 10."""
        return self.feedback.score.value

    @property
    def fraction_lost(self) -> int:
        """Of the receiver's last interval, 0 to 255."""
        return self.feedback.fraction_lost

    # ------------------------------------------------------------ from the receiver's RTCP

    def on_feedback_traced(self, kind: str) -> None:
        """A ``nack``, ``pli`` or ``fir`` came while that is traced."""
        self._owner.trace_feedback(kind, {} if kind == "nack" else {"ssrc": self.ssrc})

    def on_key_frame_asked(self) -> None:
        """The receiver cannot decode the stream any more."""
        self._owner.request_repair(self.index)

    def on_score_changed(self) -> None:
        """By a report of the receiver's."""
        self._owner.emit_score()

    def begin_score(self) -> None:
        """Another stream is being forwarded: as good as new."""
        self.feedback.score.reset(MAX_SCORE)

    def leave_plane(self) -> None:
        """Sends nothing any more, for good."""
        self.feedback.owner = None
        self.plane.owner = None
        self.plane.close()

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
            score=self.score,
            layers=self._shown_layers,
        )

    def stats(self) -> RtpStreamStats:
        """As ``consumer.getStats`` shows it."""
        now_us = self._scheduler.now_us()
        plane, feedback = self.plane, self.feedback
        has_rtx = bool(self.rtx_ssrc)
        return RtpStreamStats(
            type="outbound-rtp",
            timestamp=now_us // 1000,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc or None,
            kind=self._encoding.codec.kind,
            mime_type=self._encoding.codec.mime_type,
            packets_lost=feedback.packets_lost,
            fraction_lost=feedback.fraction_lost,
            packets_discarded=0,
            packets_retransmitted=plane.packets_retransmitted,
            packets_repaired=plane.packets_repaired,
            nack_count=feedback.nack_count,
            nack_packet_count=feedback.nack_packet_count,
            pli_count=feedback.pli_count,
            fir_count=feedback.fir_count,
            score=self.score,
            packet_count=plane.packets,
            byte_count=plane.bytes,
            bitrate=plane.bitrate(now_us),
            rtx_packets_discarded=0 if has_rtx else None,
            round_trip_time=plane.rtt_ms or None,
        )
