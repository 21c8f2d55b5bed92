"""The stream a consumer sends, control's half: the receiver's RTCP, the score, what dumps and stats show of it.

Packets and the retransmission buffer are the plane's half, ``miso.worker.dataplane.Output``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.streams.bodies import stream_dump
from miso.worker.rtc.streams.echo_clock import EchoClock
from miso.worker.rtc.streams.score import MAX_SCORE, LossCounters, StreamScore, outbound_sample
from miso.worker.rtcp import reports
from miso.worker.rtcp.extended import DelaySinceLastRr
from miso.worker.rtcp.ntp import round_trip_ms

if TYPE_CHECKING:
    from miso.worker.dataplane import ConsumerPlane
    from miso.worker.rtc.consumer.consumer import Consumer
    from miso.worker.rtc.context import Scheduler
    from miso.worker.rtc.producer.stream import ProducerStream

# A receiver may ask for this many packets a second, and for this many at once (what the buffer holds at most): more
# is not repair but a flood, and looking packets up costs us time.
_NACKS_PER_SECOND = 2_500
# A key frame costs everybody who watches the stream: a receiver may have a few at once, then one in so long.
_KEY_FRAMES_AT_ONCE = 4
_KEY_FRAME_EVERY_US = 500_000
_SCORE_EVERY_US = 100_000  # reports that come faster make no new score, nor an event for each
_FLOWS_US = 1_000_000  # a stream whose last packet is older stands still
# How far what is captured may be from what arrives: pictures wait in encoders and queues, but do not come early.
_MAX_EARLY_S = 1
_MAX_LATE_S = 10


class ConsumerStream:
    """What is sent with one SSRC (and its RTX SSRC) of a consumer.

    Attributes:
        consumer: Whose stream it is.
        output: Its half in the data plane.
        index: Of its encoding in the consumer's RTP parameters.
        ssrc: Of what it sends; ``rtx_ssrc`` of its retransmissions, 0 without.
    """

    def __init__(self, scheduler: Scheduler, consumer: Consumer, output: ConsumerPlane, index: int) -> None:
        self.consumer = consumer
        self.output = output
        self.index = index
        self.ssrc = output.ssrc
        self.rtx_ssrc = output.rtx_ssrc
        self.score = StreamScore()
        self.packets_lost = 0
        self.fraction_lost = 0
        self.rtt_ms = 0.0
        self.nack_count = 0
        self.nack_packet_count = 0
        self.pli_count = 0
        self.fir_count = 0
        self.active_since_us = scheduler.now_us()
        self._scheduler = scheduler
        self._encoding = consumer.rtp_parameters.encodings[index]
        self._reference_time = EchoClock()
        self._scored = LossCounters()
        self._scored_us = -_SCORE_EVERY_US
        self._reported_packets = 0
        self._nack_allowance = float(_NACKS_PER_SECOND)
        self._nack_us = scheduler.now_us()
        self._key_frame_allowance = float(_KEY_FRAMES_AT_ONCE)
        self._key_frame_us = scheduler.now_us()

    # ------------------------------------------------------------ RTCP in

    def on_nack(self, sequence_numbers: Sequence[int], now_us: int) -> None:
        """Sends again what the receiver misses, as far as the allowance goes."""
        self.nack_count += 1
        self.nack_packet_count += len(sequence_numbers)
        earned = (now_us - self._nack_us) * _NACKS_PER_SECOND / 1_000_000
        self._nack_allowance = min(self._nack_allowance + earned, _NACKS_PER_SECOND)
        self._nack_us = now_us
        granted = sequence_numbers[: int(self._nack_allowance)]
        self._nack_allowance -= len(granted)
        if granted:
            self.output.retransmit(granted, now_us)
            deliver(self.consumer.transport.context.plane.take_events(), now_us)

    def may_ask_for_key_frame(self) -> bool:
        """Whether the receiver's PLI or FIR is passed on; in a flood of them only now and then one is."""
        now_us = self._scheduler.now_us()
        regained = (now_us - self._key_frame_us) / _KEY_FRAME_EVERY_US
        self._key_frame_us = now_us
        self._key_frame_allowance = min(self._key_frame_allowance + regained, float(_KEY_FRAMES_AT_ONCE))
        if self._key_frame_allowance < 1:
            return False
        self._key_frame_allowance -= 1
        return True

    def on_receiver_report(self, block: reports.ReportBlock, now_us: int) -> None:
        """What the receiver got (RFC 3550 section 6.4.2): round trip, loss, and time for a new score."""
        rtt_ms = round_trip_ms(self._scheduler.ntp_now(), block.last_sr, block.delay_since_last_sr)
        if rtt_ms is not None:
            self.rtt_ms = self.output.rtt_ms = rtt_ms
        self.packets_lost = block.total_lost
        self.fraction_lost = block.fraction_lost
        if now_us - self._scored_us < _SCORE_EVERY_US:
            return
        self._scored_us = now_us
        now = LossCounters(
            packets=self.output.packets,
            lost=max(block.total_lost, 0),
            repaired=self.output.packets_repaired,
            retransmitted=self.output.packets_retransmitted,
        )
        before, self._scored = self._scored, now
        if self.score.add(outbound_sample(before, now)):
            self.consumer.emit_score()

    def begin_score(self) -> None:
        """Another stream is being forwarded: as good as new."""
        self.score.reset(MAX_SCORE)

    def on_reference_time(self, ntp: int, now_us: int) -> None:
        """The receiver's clock (RFC 3611 section 4.4), to be echoed."""
        self._reference_time.take(ntp, now_us)

    # ------------------------------------------------------------ RTCP out

    def sender_report(self, now_us: int, ntp: int) -> reports.SenderReport | None:
        """The report of what was sent; None when nothing is.

        It tells the time of capture by the sender's own reports, else that of arrival. A stream that stands still is
        not reported on (RFC 3550 section 6.4): nobody knows what its clock does.
        """
        output = self.output
        if output.packets == 0:
            return None
        source = self.consumer.producer.stream_by_encoding(output.forwarded_stream)
        captured = None if source is None else self._capture_timestamp(source, now_us, ntp)
        if now_us - output.last_packet_us > _FLOWS_US:  # only its sender knows that its clock runs on
            runs_on = source is not None and source.reported_us >= output.last_packet_us
            if captured is None or not runs_on or output.packets == self._reported_packets:
                return None
        self._reported_packets = output.packets
        return reports.SenderReport(
            ssrc=self.ssrc,
            ntp=ntp,
            rtp_timestamp=output.timestamp_at(now_us) if captured is None else captured,
            packet_count=output.packets & 0xFFFFFFFF,
            octet_count=output.bytes & 0xFFFFFFFF,
        )

    def _capture_timestamp(self, source: ProducerStream, now_us: int, ntp: int) -> int | None:
        """What is captured now would be sent with this timestamp, says the sender; None: it does not, or is wrong."""
        output = self.output
        captured = source.capture_timestamp(now_us, ntp)
        if captured is None:
            return None
        timestamp = (captured + output.timestamp_offset) & 0xFFFFFFFF
        ahead = ((timestamp - output.timestamp_at(now_us) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        clock_rate = self._encoding.codec.clock_rate
        earliest, latest = -_MAX_EARLY_S * clock_rate, _MAX_LATE_S * clock_rate
        return timestamp if earliest <= ahead <= latest else None

    def delay_since_last_rr(self, now_us: int) -> DelaySinceLastRr | None:
        """The echo of the receiver's reference time; None when it has sent none."""
        if not self._reference_time.compact_ntp:
            return None
        return DelaySinceLastRr(
            ssrc=self.ssrc,
            last_rr=self._reference_time.compact_ntp,
            delay=self._reference_time.delay(now_us),
        )

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
            cname=self.consumer.rtp_parameters.cname,
            score=self.score.value,
            layers=(1, 1) if self.consumer.type == "simple" else (encoding.spatial_layers, encoding.temporal_layers),
        )

    def stats(self) -> RtpStreamStats:
        """As ``consumer.getStats`` shows it."""
        now_us = self._scheduler.now_us()
        output = self.output
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
            packets_retransmitted=output.packets_retransmitted,
            packets_repaired=output.packets_repaired,
            nack_count=self.nack_count,
            nack_packet_count=self.nack_packet_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            score=self.score.value,
            packet_count=output.packets,
            byte_count=output.bytes,
            bitrate=output.bitrate(now_us),
            rtx_packets_discarded=0 if has_rtx else None,
            round_trip_time=self.rtt_ms or None,
        )
