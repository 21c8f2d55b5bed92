"""One stream of a producer, without its packets: RTCP towards its sender, its score, what dumps and stats show of it.

Packets, loss detection and repair are the data plane's: ``miso.worker.dataplane.ReceiveStream``.
"""

from __future__ import annotations

import weakref
from typing import Protocol

from miso.worker.channel.bodies.rtp import RtpStreamDump, RtpStreamStats
from miso.worker.channel.events import ProducerScore
from miso.worker.dataplane import ReceiveStream, SenderReported
from miso.worker.faults import AFTER_FAULT_US
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler
from miso.worker.rtc.producer.key_frame_requests import KeyFrameRequests
from miso.worker.rtc.rtp_parameters import RtpEncoding
from miso.worker.rtc.streams.score import MAX_SCORE, LossCounters, inbound_sample
from miso.worker.rtc.streams.stream_dump import stream_dump
from miso.worker.rtcp.feedback import Fir, Nack, Pli
from miso.worker.rtcp.ntp import round_trip_ms
from miso.worker.rtcp.sender_clock import SenderClock
from miso.worker.rtp.stream_score import StreamScore

_REORDERING_US = 10_000  # a packet missing no longer than this may only have been overtaken: the plane waits as long
_NACK_INTERVAL_US = 40_000  # how often what is still missing is looked at
_SCORE_EVERY_US = 100_000  # reports that come faster make no new score, nor an event for each


class StreamProducer(Protocol):
    """What a stream asks of its producer."""

    @property
    def paused(self) -> bool:
        """Whether packets stop at the producer."""

    def is_key_frame_awaited(self, stream: ProducerStream) -> bool:
        """Whether a consumer forwards nothing, or not the wanted layer, until a key frame of the stream comes."""

    def score_changed(self, *, came_or_ended: bool) -> None:
        """The score of the stream is another one now; maybe it was 0, or is."""

    def layers_changed(self) -> None:
        """The stream got its first sender report."""

    def send_nack(self, packet: Nack) -> None:
        """Sends the stream's NACK."""

    def send_pli(self, packet: Pli) -> None:
        """Sends the stream's picture loss indication."""

    def send_fir(self, packet: Fir) -> None:
        """Sends the stream's full intra request."""


class ProducerStream:
    """What is received with one SSRC (and its RTX SSRC) of a producer.

    Attributes:
        plane: Its half in the data plane.
        encoding: What was negotiated of it.
        encoding_index: Of the encoding in the producer's RTP parameters.
        ssrc: By which it is received.
        mapped_ssrc: By which consumers know it.
        rtx_ssrc: By which its retransmissions are received, 0 while there are none.
        score: How it fares.
        active_since_us: When it began, or was last heard again after it had ended.
        rtt_ms: To the sender and back; 0 while unknown.
        pli_count: Key frames that were asked for by PLI; ``fir_count`` by FIR.
        got_key_frame: Whether a key frame has come.
        key_frames: When its sender is asked for one.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        owner: StreamProducer,
        plane: ReceiveStream,
        encoding: RtpEncoding,
        encoding_index: int,
        *,
        cname: str,
        clock: SenderClock,
        key_frame_delay_us: int,
        watched: bool,
    ) -> None:
        """Begins with the first packet.

        Args:
            scheduler: Time.
            owner: Its producer.
            plane: Its half in the data plane.
            encoding: What was negotiated of it.
            encoding_index: Of the encoding in the producer's RTP parameters.
            cname: Of its sender.
            clock: Of its sender.
            key_frame_delay_us: The least time between two key frame requests, 0 for none.
            watched: Whether ``set_alive`` will tell when it stops, and comes back.
        """
        self.plane = plane
        plane.owner = self
        self.encoding = encoding
        self.encoding_index = encoding_index
        self.ssrc = plane.ssrc
        self.mapped_ssrc = plane.mapped_ssrc
        self.rtx_ssrc = 0
        self.score = StreamScore()
        self.active_since_us = scheduler.now_us()
        self.rtt_ms = 0.0
        self.pli_count = 0
        self.fir_count = 0
        self.got_key_frame = False
        self.key_frames = KeyFrameRequests(scheduler, self, key_frame_delay_us)
        self._scheduler = scheduler
        self._owner: StreamProducer = weakref.proxy(owner)  # whom it goes with, without a search for cycles
        self._cname = cname
        self._fir_sequence = 0
        self._sender_clock = clock
        plane.set_sender_clock(clock)
        plane.tells_worst_loss = encoding.codec.use_inband_fec
        self._scored = LossCounters()  # as they were at the last sample of the score
        self._scored_us = -_SCORE_EVERY_US
        self._missing_look = Alarm(scheduler, self, ProducerStream._look_for_missing)
        self._gap_us = -_REORDERING_US  # when packets were last found missing
        self._watched = watched
        self._silent = False  # its sender has stopped it

    @property
    def live(self) -> bool:
        """Whether there is something to forward; a stream that nobody watches is alive whatever its score."""
        return self.score.value > 0 or not self._watched

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
        self._missing_look.stop()
        self.key_frames.close()
        self.plane.reset()

    def close(self) -> None:
        """Stops its timers and leaves the plane."""
        self._missing_look.stop()
        self.key_frames.close()
        self.plane.owner = None
        self.plane.close()

    # ------------------------------------------------------------ from the plane

    def on_nack_needed(self, now_us: int) -> None:
        """Waits a moment for packets that were only overtaken, and keeps an eye on what stays missing."""
        self._gap_us = now_us
        due_us = self._missing_look.due_us
        if due_us is None or due_us > now_us + _REORDERING_US:
            self._missing_look.set(_REORDERING_US)

    def on_key_frame_needed(self) -> None:
        """Repair has failed, or a key frame came that could not be used."""
        if not self._owner.paused:
            self.key_frames.force()

    def on_key_frame_received(self) -> None:
        """A request, if there was one, is answered."""
        self.got_key_frame = True
        self.key_frames.received()

    def _look_for_missing(self) -> None:
        now_us = self._scheduler.now_us()
        self._missing_look.set(AFTER_FAULT_US)  # should what follows meet a fault
        sequence_numbers = self.plane.poll_nack(now_us)
        if sequence_numbers:
            self._send_nack(sequence_numbers)
        if self.plane.take_key_frame_needed():
            self.on_key_frame_needed()
        self._missing_look.stop()
        if self.plane.missing > 0:
            overtaken_us = self._gap_us + _REORDERING_US - now_us  # what was found missing meanwhile may only be so
            self._missing_look.set(overtaken_us if overtaken_us > 0 else _NACK_INTERVAL_US)

    # ------------------------------------------------------------ RTCP in

    def on_sender_report(self, report: SenderReported, now_us: int) -> None:
        """The sender's report of the stream: the answer to it, and time for a new score."""
        self.plane.last_report.take(report.ntp, now_us)
        first = self.plane.sender_report_ntp == 0
        if report.ntp:  # RFC 3550 section 6.4.1: 0 without a wall clock
            self._sender_clock.take(report.ntp, self._scheduler.ntp_now())
            self.plane.sender_report(report.ntp, report.rtp_timestamp, now_us)
        if first:
            self._owner.layers_changed()
        if now_us - self._scored_us < _SCORE_EVERY_US:
            return
        self._scored_us = now_us
        now = self._loss_counters()
        before, self._scored = self._scored, now
        previous = self.score.value
        if not self._silent and self.score.add(inbound_sample(before, now, has_rtx=bool(self.rtx_ssrc))):
            self._score_changed(previous)

    def on_rtx_sender_report(self, report: SenderReported, now_us: int) -> None:
        """The sender's report of the retransmissions."""
        self.plane.last_rtx_report.take(report.ntp, now_us)

    def on_delay_since_last_rr(self, last_rr: int, delay: int) -> None:
        """The echo of our receiver reference time (RFC 3611 section 4.5)."""
        rtt_ms = round_trip_ms(self._scheduler.ntp_now(), last_rr, delay)
        if rtt_ms is not None:
            self.rtt_ms = self.plane.rtt_ms = rtt_ms

    def _loss_counters(self) -> LossCounters:
        plane = self.plane
        return LossCounters(
            expected=plane.stats.packets_expected(),
            received=plane.stats.packets,
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
        self._owner.score_changed(came_or_ended=0 in (previous, self.score.value))

    # ------------------------------------------------------------ requests to the sender

    def _send_nack(self, sequence_numbers: list[int]) -> None:
        self._owner.send_nack(Nack(0, self.ssrc, tuple(sequence_numbers)))

    def is_key_frame_awaited(self) -> bool:
        """Whether a consumer forwards nothing, or not the wanted layer, until a key frame comes."""
        return self._owner.is_key_frame_awaited(self)

    @property
    def gives_key_frames(self) -> bool:
        """Whether one that is wanted now is asked for now: the sender can be asked, and need not be left alone."""
        codec = self.encoding.codec
        return (codec.use_pli or codec.use_fir) and not self.key_frames.is_delayed

    def send_key_frame_request(self) -> None:
        """Sends a PLI or FIR, whichever the sender understands."""
        # Nobody here sends media, so the sender's SSRC should be 0, but GStreamer ignores such a request.
        if self.encoding.codec.use_pli:
            self.pli_count += 1
            self._owner.send_pli(Pli(self.ssrc, self.ssrc))
        elif self.encoding.codec.use_fir:
            self.fir_count += 1
            self._fir_sequence = (self._fir_sequence + 1) & 0xFF
            self._owner.send_fir(Fir(self.ssrc, self.ssrc, ((self.ssrc, self._fir_sequence),)))

    # ------------------------------------------------------------ shown

    def dump(self) -> RtpStreamDump:
        """As ``producer.dump`` shows it."""
        return stream_dump(
            self.encoding,
            encoding_index=self.encoding_index,
            ssrc=self.ssrc,
            rtx_ssrc=self._shown_rtx_ssrc,
            rid=self.encoding.rid,
            cname=self._cname,
            score=self.score.value,
            layers=(self.encoding.spatial_layers, self.encoding.temporal_layers),
        )

    @property
    def _shown_rtx_ssrc(self) -> int:
        """The SSRC of retransmissions once one has come, else 0."""
        rtx_stats = self.plane.rtx_stats
        return self.rtx_ssrc if rtx_stats is not None and rtx_stats.packets else 0

    def score_entry(self) -> ProducerScore:
        """Its part of the producer's ``score`` event."""
        return ProducerScore(
            encoding_idx=self.encoding_index, ssrc=self.ssrc, rid=self.encoding.rid or None, score=self.score.value
        )

    def stats(self) -> RtpStreamStats:
        """As ``producer.getStats`` shows it, and ``consumer.getStats`` of a consumer it feeds."""
        now_us = self._scheduler.now_us()
        plane, rtx_stats = self.plane, self.plane.rtx_stats
        spatial_layers, temporal_layers = self.encoding.spatial_layers, self.encoding.temporal_layers
        by_layer = None
        if spatial_layers > 1 or temporal_layers > 1:
            by_layer = {
                f"{spatial}.{temporal}": plane.rates.bitrate(now_us, spatial, temporal)
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
            packets_lost=max(
                0, plane.stats.packets_lost
            ),  # below 0 after repeated packets: for reports only (RFC 3550 A.3)
            fraction_lost=plane.stats.fraction_lost,
            packets_discarded=plane.stats.packets_discarded,
            packets_retransmitted=plane.packets_retransmitted,
            packets_repaired=plane.packets_repaired,
            nack_count=plane.nack_count,
            nack_packet_count=plane.nack_packet_count,
            pli_count=self.pli_count,
            fir_count=self.fir_count,
            score=self.score.value,
            packet_count=plane.stats.packets + plane.packets_recovered,
            byte_count=plane.stats.bytes + plane.bytes_recovered,
            bitrate=plane.rates.bitrate(now_us),
            rtx_packets_discarded=rtx_stats.packets_discarded if rtx_stats is not None and rtx_stats.packets else None,
            round_trip_time=self.rtt_ms or None,
            jitter=plane.stats.jitter(),
            bitrate_by_layer=by_layer,
        )
