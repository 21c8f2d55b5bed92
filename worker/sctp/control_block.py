# cython: language_level=3, annotation_typing=False
"""The transmission control block (RFC 9260): what there is of an association once the peer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from miso.worker.sctp.handshake.cookie import Peer
from miso.worker.sctp.receiving.inbound import Inbound
from miso.worker.sctp.reconfiguration import Reconfiguration
from miso.worker.sctp.sending.bundler import ROOM, Bundler
from miso.worker.sctp.sending.outbound import ADVANCED, Outbound
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.timers import Timer, Timers

MAX_ERRORS = 10  # Association.Max.Retrans
SACK_DELAY_US = 200_000
MAX_PROBES = 2

# Plain integers: they are asked for with every packet.
_T3 = int(Timer.T3)
_SACK = int(Timer.SACK)
_RECONFIG = int(Timer.RECONFIG)
_REST = int(Timer.REST)
_PROBE = int(Timer.PROBE)


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
        self.outbound = Outbound(local_tsn, peer.a_rwnd, peer.interleaving)
        self.reconfiguration = Reconfiguration(
            self.inbound,
            self.outbound,
            local_tsn=local_tsn,
            peer_tsn=peer.initial_tsn,
            outbound_streams=peer.outbound_streams,
            max_inbound_streams=settings.inbound_streams,
            echoes_resets=settings.is_data_channel,
        )
        self.rto = RetransmissionTimeout()
        self._bundler = bundler
        self._timers = timers
        self._errors = 0

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
            self._timers.stop(_RECONFIG)

    def _on_acknowledged(self, done: int) -> None:
        outbound = self.outbound
        if outbound.rtt_us >= 0:
            self.rto.on_round_trip(outbound.rtt_us)
        if done or outbound.peer_is_full:
            self._errors = 0
        if done & ADVANCED or outbound.rescue:
            self._timers.stop(_T3)  # and started again for what is outstanding now
            self._timers.stop(_PROBE)

    # ------------------------------------------------------------------ timers

    def on_t3(self, now_us: int) -> None:
        """All that is in flight is lost."""
        self.rto.back_off()
        self.outbound.on_timeout(now_us)

    def on_probe_timer(self, now_us: int) -> None:
        """Sends what is not acknowledged once more, before the retransmission timeout does."""
        chunks = self.outbound.probe(ROOM, now_us, self.rto.srtt_us)
        if chunks:
            self._bundler.send_alone(b"".join(chunks))
            self._timers.start_not_before(_T3, now_us + self.rto.probe_us)

    def on_sack_timer(self, now_us: int) -> None:
        """A SACK was delayed for long enough."""
        self.inbound.sack_now = True

    def on_reconfig_timer(self, now_us: int) -> None:
        """A request is sent again, or given up."""
        request = self.reconfiguration.on_timeout()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(_RECONFIG, now_us + self.rto.timeout_us)

    # ------------------------------------------------------------------ what is sent

    def flush(self, now_us: int) -> None:
        """Sends all that may be sent now."""
        inbound = self.inbound
        outbound = self.outbound
        self._add_sack(inbound, now_us)
        request = self.reconfiguration.next_request()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(_RECONFIG, now_us + self.rto.timeout_us)
        if outbound.flight == 0 and outbound.queue.count and now_us - self._bundler.last_data_us > self.rto.timeout_us:
            outbound.congestion.on_idle()
        outbound.queue.is_cut = False  # lost chunks come first: as long as there are any, the queue is not looked at
        self._bundler.flush(outbound, now_us)
        if inbound.has_more() or outbound.queue.is_cut:
            self._timers.start(_REST, now_us)
        self._watch(outbound, now_us)

    def _add_sack(self, inbound: Inbound, now_us: int) -> None:
        """At once for every second packet, for gaps and repetitions, else within 200 ms (RFC 9260 section 6.2)."""
        if inbound.sack_now or inbound.unacknowledged >= 2:
            self._bundler.add_first(inbound.sack(ROOM))
            self._timers.stop(_SACK)
        elif inbound.unacknowledged and not self._timers.is_running(_SACK):
            self._timers.start(_SACK, now_us + SACK_DELAY_US)

    def _watch(self, outbound: Outbound, now_us: int) -> None:
        """Runs the timers of what is outstanding; up to two probes are sent before the retransmission timeout."""
        if not outbound.is_outstanding():
            self._timers.stop(_T3)
            self._timers.stop(_PROBE)
            return
        if not self._timers.is_running(_T3):
            self._timers.start(_T3, now_us + self.rto.timeout_us)
        if outbound.probes >= MAX_PROBES or self._timers.is_running(_PROBE):
            return
        if 0 < self.rto.probe_us < self.rto.timeout_us:
            self._timers.start(_PROBE, now_us + (self.rto.probe_us << outbound.probes))
