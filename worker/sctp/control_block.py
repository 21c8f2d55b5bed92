# cython: language_level=3, annotation_typing=False
"""The transmission control block (RFC 9260): what there is of an association once the peer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from miso.worker.sctp import enums
from miso.worker.sctp.handshake.cookie import Peer
from miso.worker.sctp.receiving.inbound import Inbound
from miso.worker.sctp.reconfiguration import Reconfiguration
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.sending.outbound import Outbound
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.sending.send_queue import Message, SendQueue
from miso.worker.sctp.timers import Timers

MAX_ERRORS = 10  # Association.Max.Retrans
SACK_DELAY_US = 200_000


class Phase(IntEnum):
    """RFC 9260 section 4."""

    CLOSED = 0
    COOKIE_WAIT = 1
    COOKIE_ECHOED = 2
    ESTABLISHED = 3
    SHUTDOWN_PENDING = 4
    SHUTDOWN_SENT = 5
    SHUTDOWN_RECEIVED = 6
    SHUTDOWN_ACK_SENT = 7


@dataclass(frozen=True, slots=True)
class Settings:
    """What an association is made with; ``Association`` explains it."""

    local_port: int
    remote_port: int
    max_message_size: int
    outbound_streams: int
    inbound_streams: int
    is_data_channel: bool
    random: Callable[[int], bytes]
    interleaving: bool


class ControlBlock:
    """Both halves, the reconfiguration between them, and the timers that drive them.

    Attributes:
        peer: what the handshake settled.
        inbound: what the peer sends.
        outbound: what we send.
        reconfiguration: stream resets.
        rto: of the path.
    """

    def __init__(self, peer: Peer, local_tsn: int, settings: Settings, bundler: Bundler, timers: Timers) -> None:
        self.peer = peer
        self.inbound = Inbound(peer.initial_tsn, peer.inbound_streams, settings.max_message_size, peer.interleaving)
        self.rto = RetransmissionTimeout()
        self._queue = SendQueue(peer.interleaving, peer.a_rwnd)
        self.outbound = Outbound(self._queue, self.rto, local_tsn, peer.a_rwnd, peer.interleaving)
        self.reconfiguration = Reconfiguration(
            self.inbound,
            self.outbound,
            self._queue,
            local_tsn=local_tsn,
            peer_tsn=peer.initial_tsn,
            outbound_streams=peer.outbound_streams,
            max_inbound_streams=settings.inbound_streams,
            echoes_resets=settings.is_data_channel,
        )
        self._bundler = bundler
        self._timers = timers
        self._errors = 0

    # ------------------------------------------------------------------ what is to be sent

    def buffered_amount(self) -> int:
        """Bytes of messages not acknowledged and not given up."""
        return self.outbound.buffered_amount()

    def queued_messages(self) -> int:
        """How many messages have not left completely."""
        return self._queue.count

    def outbound_streams(self) -> int:
        """How many streams may be sent on."""
        return self.reconfiguration.outbound_streams

    def send(self, message: Message) -> None:
        """Queues a message; ``flush`` sends it."""
        self._queue.put(message)
        self.reconfiguration.on_message_sent(message.stream_id)

    # ------------------------------------------------------------------ whether the peer answers

    def on_round_trip(self, rtt_us: int) -> None:
        """A heartbeat, or a packet of the handshake, was answered."""
        self._errors = 0
        self.rto.on_round_trip(rtt_us)

    def count_error(self) -> bool:
        """Something was not answered. Whether that was one too many, and the peer is given up."""
        self._errors += 1
        return self._errors > MAX_ERRORS

    # ------------------------------------------------------------------ what comes

    def on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> None:
        """Takes the value of a SACK. Raises ParseError for one that is too short."""
        self._on_acknowledged(self.outbound.on_sack(packet, offset, end, now_us))

    def on_shutdown(self, tsn: int, now_us: int) -> None:
        """Takes the cumulative TSN of a SHUTDOWN."""
        self._on_acknowledged(self.outbound.on_shutdown(tsn, now_us))

    def on_reconfig(self, packet: bytes, offset: int, end: int) -> None:
        """Takes the value of a RE-CONFIG. Raises ParseError for a wrong one."""
        answer = self.reconfiguration.receive(packet, offset, end)
        if answer is not None:
            self._bundler.add(answer)
        if not self.reconfiguration.is_waiting():
            self._timers.stop(enums.TIMER_RECONFIG)

    def _on_acknowledged(self, done: int) -> None:
        outbound = self.outbound
        if done or outbound.peer_is_full:
            self._errors = 0
        if done & enums.ADVANCED or outbound.retransmit_now:
            self._timers.stop(enums.TIMER_T3)  # and started again for what is outstanding now
            self._timers.stop(enums.TIMER_PROBE)

    # ------------------------------------------------------------------ timers

    def on_t3(self, now_us: int) -> None:
        """All that is in flight is lost."""
        self.rto.back_off()
        self.outbound.on_timeout(now_us)

    def on_probe_timer(self, now_us: int) -> None:
        """Sends what is not acknowledged once more, before the retransmission timeout does."""
        chunks = self.outbound.probe(enums.ROOM, now_us)
        if chunks:
            self._bundler.send_alone(b"".join(chunks))
            self._timers.start_not_before(enums.TIMER_T3, now_us + self.rto.probe_us)

    def on_sack_timer(self, now_us: int) -> None:
        """A SACK was delayed for long enough."""
        self.inbound.sack_now = True

    def on_reconfig_timer(self, now_us: int) -> None:
        """A request is sent again, or given up."""
        request = self.reconfiguration.on_timeout()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(enums.TIMER_RECONFIG, now_us + self.rto.timeout_us)

    # ------------------------------------------------------------------ what is sent

    def flush(self, now_us: int) -> None:
        """Sends all that may be sent now."""
        inbound = self.inbound
        outbound = self.outbound
        self._add_sack(inbound, now_us)
        request = self.reconfiguration.next_request()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(enums.TIMER_RECONFIG, now_us + self.rto.timeout_us)
        self._bundler.flush(outbound, now_us)
        if inbound.has_more() or self._queue.is_cut:
            self._timers.start(enums.TIMER_REST, now_us)
        self._watch(outbound, now_us)

    def _add_sack(self, inbound: Inbound, now_us: int) -> None:
        """At once for every second packet, for gaps and repetitions, else within 200 ms (RFC 9260 section 6.2)."""
        if inbound.sack_now or inbound.unacknowledged >= enums.UNACKNOWLEDGED_PACKETS:
            self._bundler.add_first(inbound.sack(enums.ROOM))
            self._timers.stop(enums.TIMER_SACK)
        elif inbound.unacknowledged and not self._timers.is_running(enums.TIMER_SACK):
            self._timers.start(enums.TIMER_SACK, now_us + SACK_DELAY_US)

    def _watch(self, outbound: Outbound, now_us: int) -> None:
        """Runs the timers of what is outstanding: probes, and the retransmission timeout."""
        if not outbound.is_outstanding():
            self._timers.stop(enums.TIMER_T3)
            self._timers.stop(enums.TIMER_PROBE)
            return
        if not self._timers.is_running(enums.TIMER_T3):
            self._timers.start(enums.TIMER_T3, now_us + self.rto.timeout_us)
        if self._timers.is_running(enums.TIMER_PROBE):
            return
        delay_us = outbound.probe_delay_us()
        if delay_us:
            self._timers.start(enums.TIMER_PROBE, now_us + delay_us)
