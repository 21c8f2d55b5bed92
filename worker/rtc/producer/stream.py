"""One stream of a producer, control's half: RTCP towards its sender, its score, what dumps and stats show of it.

Packets, loss detection and repair are the plane's half, ``miso.worker.dataplane.ReceiveStream``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.channel.events import ProducerScore
from miso.worker.dataplane import ReceiveStream
from miso.worker.faults import AFTER_FAULT_US
from miso.worker.rtc.producer.key_frame_requests import KeyFrameRequests
from miso.worker.rtc.rtp_parameters import RtpEncoding
from miso.worker.rtc.streams.bodies import stream_dump
from miso.worker.rtc.streams.echo_clock import EchoClock
from miso.worker.rtc.streams.score import MAX_SCORE, LossCounters, StreamScore, inbound_sample
from miso.worker.rtc.streams.sender_clock import CaptureClock
from miso.worker.rtcp import reports
from miso.worker.rtcp.feedback import Fir, Nack, Pli
from miso.worker.rtcp.ntp import round_trip_ms

if TYPE_CHECKING:
    from miso.worker.rtc.context import Scheduler, Timer
    from miso.worker.rtc.producer.producer import Producer

_NACK_PATIENCE_US = 10_000  # after a gap: the plane asks for nothing sooner
_NACK_INTERVAL_US = 40_000  # how often what is still missing is looked at
_SCORE_EVERY_US = 100_000  # reports that come faster make no new score, nor an event for each
_REPORT_LASTS_US = 60_000_000  # then the media's clock may have run away from the wall clock


class ProducerStream:
    """What is received with one SSRC (and its RTX SSRC) of a producer."""

    def __init__(
        self,
        scheduler: Scheduler,
        producer: Producer,
        plane: ReceiveStream,
        encoding: RtpEncoding,
        encoding_index: int,
        *,
        key_frame_delay_us: int,
        watched: bool,
    ) -> None:
        self.plane = plane
        plane.owner = self
        self.encoding = encoding
        self.encoding_index = encoding_index
        self.ssrc = plane.ssrc
        self.rtx_ssrc = 0
        self.score = StreamScore()
        self.rtt_ms = 0.0
        self.pli_count = 0
        self.fir_count = 0
        self.got_key_frame = False
        self.key_frames = KeyFrameRequests(
            scheduler, self._send_key_frame_request, self._is_key_frame_awaited, key_frame_delay_us
        )
        self._scheduler = scheduler
        self._producer = producer
        self._fir_sequence = 0
        self._capture_clock = CaptureClock(producer.clock)
        self._last_sr = EchoClock()
        self._last_rtx_sr = EchoClock()
        self._scored = LossCounters()
        self._scored_us = -_SCORE_EVERY_US
        self._base_sequence: int | None = None
        self._nack_timer: Timer | None = None
        self._nack_timer_us = 0
        self._gap_us = -_NACK_PATIENCE_US
        self._watched = watched
        self._silent = False
        self.active_since_us = scheduler.now_us()

    def started(self) -> None:
        """Its first packet has gone through the plane."""
        self._base_sequence = self.plane.max_sequence

    @property
    def mapped_ssrc(self) -> int:
        """The SSRC by which consumers know it."""
        return self.plane.mapped_ssrc

    @property
    def live(self) -> bool:
        """Whether there is something to forward; a stream that nobody watches is alive whatever its score."""
        return self.score.value > 0 or not self._watched

    def is_layer_alive(self, spatial: int) -> bool:
        """Whether packets of a spatial layer come (SVC)."""
        return self._producer.is_layer_alive(self, spatial)

    def set_rtx(self, ssrc: int, payload_type: int) -> None:
        """The stream's retransmissions come with this SSRC (RFC 4588)."""
        self.rtx_ssrc = ssrc
        self.plane.set_rtx(ssrc, payload_type)

    def clear_rtx(self) -> None:
        """Nothing comes any more with that SSRC."""
        self.rtx_ssrc = 0
        self.plane.clear_rtx()

    def pause(self) -> None:
        """Forgets what is missing, and asks for nothing."""
        self._stop_nack_timer()
        self.key_frames.close()
        self.plane.reset()

    def close(self) -> None:
        """Stops its timers and leaves the plane."""
        self._stop_nack_timer()
        self.key_frames.close()
        self.plane.owner = None
        self.plane.close()

    # ------------------------------------------------------------ from the plane

    def on_nack_needed(self, now_us: int) -> None:
        """Waits a moment for packets that were only overtaken, and keeps an eye on what stays missing."""
        self._gap_us = now_us
        if self._nack_timer is None or self._nack_timer_us > now_us + _NACK_PATIENCE_US:
            self._look_for_missing(now_us, _NACK_PATIENCE_US)

    def on_key_frame_needed(self) -> None:
        """Repair has failed, or a key frame came that could not be used."""
        if not self._producer.paused:
            self.key_frames.force()

    def on_key_frame_received(self) -> None:
        """A request, if there was one, is answered."""
        self.got_key_frame = True
        self.key_frames.received()

    def _poll_nack(self) -> None:
        self._nack_timer = None
        now_us = self._scheduler.now_us()
        self._look_for_missing(now_us, AFTER_FAULT_US)  # should what follows meet a fault
        sequence_numbers = self.plane.poll_nack(now_us)
        if sequence_numbers:
            self._send_nack(sequence_numbers)
        if self.plane.take_key_frame_needed():
            self.on_key_frame_needed()
        self._stop_nack_timer()
        if self.plane.missing > 0:
            patience_us = self._gap_us + _NACK_PATIENCE_US - now_us  # for what was found missing meanwhile
            self._look_for_missing(now_us, patience_us if patience_us > 0 else _NACK_INTERVAL_US)

    def _look_for_missing(self, now_us: int, delay_us: int) -> None:
        self._stop_nack_timer()
        self._nack_timer_us = now_us + delay_us
        self._nack_timer = self._scheduler.call_later(delay_us, self._poll_nack)

    def _stop_nack_timer(self) -> None:
        if self._nack_timer is not None:
            self._nack_timer.cancel()
            self._nack_timer = None

    # ------------------------------------------------------------ RTCP in

    def on_sender_report(self, report: reports.SenderReport, now_us: int) -> None:
        """The sender's report of the stream: the answer to it, and time for a new score."""
        self._last_sr.take(report.ntp, now_us)
        first = self.plane.sender_report_ntp == 0
        if report.ntp:  # RFC 3550 section 6.4.1: 0 without a wall clock
            self._capture_clock.sender.take(report.ntp, self._scheduler.ntp_now())
            if self.plane.sender_report(report.ntp, report.rtp_timestamp, now_us):
                self._capture_clock.take()
        if first:
            self._producer.layers_changed()
        if now_us - self._scored_us < _SCORE_EVERY_US:
            return
        self._scored_us = now_us
        now = self._loss_counters()
        before, self._scored = self._scored, now
        previous = self.score.value
        if not self._silent and self.score.add(inbound_sample(before, now, has_rtx=bool(self.rtx_ssrc))):
            self._score_changed(previous)

    @property
    def reported_us(self) -> int:
        """When the sender's last report of it came, 0 before the first."""
        return self.plane.sender_report_us

    def capture_timestamp(self, now_us: int, ntp: int) -> int | None:
        """What the sender captures now, as it would be timestamped on the line of the forwarded packets.

        None: the sender has told nothing of it lately.
        """
        plane = self.plane
        if not plane.sender_report_holds or now_us - plane.sender_report_us > _REPORT_LASTS_US:
            return None
        elapsed = self._capture_clock.elapsed(plane.sender_report_ntp, ntp)
        if elapsed is None:
            return None
        return (plane.sender_report_timestamp + (elapsed * self.encoding.codec.clock_rate >> 32)) & 0xFFFFFFFF

    def on_rtx_sender_report(self, report: reports.SenderReport, now_us: int) -> None:
        """The sender's report of the retransmissions."""
        self._last_rtx_sr.take(report.ntp, now_us)

    def on_delay_since_last_rr(self, last_rr: int, delay: int) -> None:
        """The echo of our receiver reference time (RFC 3611 section 4.5)."""
        rtt_ms = round_trip_ms(self._scheduler.ntp_now(), last_rr, delay)
        if rtt_ms is not None:
            self.rtt_ms = self.plane.rtt_ms = rtt_ms

    def _loss_counters(self) -> LossCounters:
        plane = self.plane
        if self._base_sequence is None:
            return LossCounters()
        return LossCounters(
            packets=plane.max_sequence - self._base_sequence + 1,
            received=plane.packets,
            repaired=plane.packets_repaired,
            retransmitted=plane.packets_retransmitted,
        )

    # ------------------------------------------------------------ activity

    def set_alive(self, alive: bool) -> None:
        """The sender stopped it, or sends it again."""
        self._silent = not alive
        self._scored = self._loss_counters()
        previous = self.score.value
        if self.score.reset(MAX_SCORE if alive else 0):
            self._score_changed(previous)

    def _score_changed(self, previous: int) -> None:
        if previous == 0:
            self.active_since_us = self._scheduler.now_us()
        self._producer.score_changed(came_or_ended=0 in (previous, self.score.value))

    # ------------------------------------------------------------ RTCP out

    def report_blocks(self, now_us: int) -> list[reports.ReportBlock]:
        """What a receiver report says of the stream and of its retransmissions."""
        worst = self._producer.worst_remote_fraction_lost() if self.encoding.codec.use_inband_fec else 0
        blocks = [_block(self.ssrc, self.plane.make_report(now_us, worst), self._last_sr, now_us)]
        rtx_report = self.plane.make_rtx_report(now_us)
        if rtx_report is not None and self.plane.rtx_packets:
            blocks.append(_block(self.rtx_ssrc, rtx_report, self._last_rtx_sr, now_us))
        return blocks

    def _send_nack(self, sequence_numbers: list[int]) -> None:
        self._producer.send_nack(Nack(0, self.ssrc, tuple(sequence_numbers)))

    def _is_key_frame_awaited(self) -> bool:
        return any(consumer.awaits_key_frame_of(self) for consumer in self._producer.consumers.values())

    def _send_key_frame_request(self) -> None:
        # Nobody here sends media, so the sender's SSRC should be 0, but GStreamer ignores such a request.
        if self.encoding.codec.use_pli:
            self.pli_count += 1
            self._producer.send_pli(Pli(self.ssrc, self.ssrc))
        elif self.encoding.codec.use_fir:
            self.fir_count += 1
            self._fir_sequence = (self._fir_sequence + 1) & 0xFF
            self._producer.send_fir(Fir(self.ssrc, self.ssrc, ((self.ssrc, self._fir_sequence),)))

    # ------------------------------------------------------------ shown

    def dump(self) -> RtpStreamDump:
        """As ``producer.dump`` shows it."""
        return stream_dump(
            self.encoding,
            encoding_index=self.encoding_index,
            ssrc=self.ssrc,
            rtx_ssrc=self._shown_rtx_ssrc,
            rid=self.encoding.rid,
            cname=self._producer.rtp_parameters.cname,
            score=self.score.value,
            layers=(self.encoding.spatial_layers, self.encoding.temporal_layers),
        )

    @property
    def _shown_rtx_ssrc(self) -> int:
        """The SSRC of retransmissions once one has come, else 0."""
        return self.rtx_ssrc if self.plane.rtx_packets else 0

    def score_entry(self) -> ProducerScore:
        """Its part of the producer's ``score`` event."""
        return ProducerScore(
            encoding_idx=self.encoding_index, ssrc=self.ssrc, rid=self.encoding.rid or None, score=self.score.value
        )

    def stats(self) -> RtpStreamStats:
        """As ``producer.getStats`` shows it, and ``consumer.getStats`` of a consumer it feeds."""
        now_us = self._scheduler.now_us()
        plane = self.plane
        spatial_layers, temporal_layers = self.encoding.spatial_layers, self.encoding.temporal_layers
        by_layer = None
        if spatial_layers > 1 or temporal_layers > 1:
            by_layer = {
                f"{spatial}.{temporal}": plane.bitrate(now_us, spatial, temporal)
                for spatial in range(spatial_layers)
                for temporal in range(temporal_layers)
            }
        return RtpStreamStats(
            type="inbound-rtp",
            timestamp=now_us // 1000,
            ssrc=self.ssrc,
            rtx_ssrc=self._shown_rtx_ssrc or None,
            rid=self.encoding.rid or None,
            kind=self.encoding.codec.kind,
            mime_type=self.encoding.codec.mime_type,
            packets_lost=max(0, plane.packets_lost),  # below 0 after repeated packets: for reports only (RFC 3550 A.3)
            fraction_lost=plane.fraction_lost,
            packets_discarded=plane.packets_discarded,
            packets_retransmitted=plane.packets_retransmitted,
            packets_repaired=plane.packets_repaired,
            nack_count=plane.nack_count,
            nack_packet_count=plane.nack_packet_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            score=self.score.value,
            packet_count=plane.packets + plane.packets_recovered,
            byte_count=plane.bytes + plane.bytes_recovered,
            bitrate=plane.bitrate(now_us),
            rtx_packets_discarded=plane.rtx_packets_discarded if self._shown_rtx_ssrc else None,
            round_trip_time=self.rtt_ms or None,
            jitter=plane.jitter,
            bitrate_by_layer=by_layer,
        )


def _block(ssrc: int, report: tuple[int, int, int, int], last_sr: EchoClock, now_us: int) -> reports.ReportBlock:
    fraction_lost, total_lost, highest_sequence, jitter = report
    return reports.ReportBlock(
        ssrc=ssrc,
        fraction_lost=fraction_lost,
        total_lost=total_lost,
        highest_sequence=highest_sequence,
        jitter=jitter,
        last_sr=last_sr.compact_ntp,
        delay_since_last_sr=last_sr.delay(now_us),
    )
