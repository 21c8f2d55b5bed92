# cython: language_level=3, annotation_typing=False
"""The protocol machine of an association: what each chunk and each timer does (RFC 9260).

It is driven by ``Association``, which has the calls for the user and says what is bounded by what.
"""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.control_block import ControlBlock, Phase, Settings
from miso.worker.sctp.events import BufferedAmountChanged, Event, Restarted, SctpState, StateChanged
from miso.worker.sctp.handshake.cookie import Cookie, Peer
from miso.worker.sctp.handshake.handshake import CookieOutcome, Handshake, Tags, has_right_tag
from miso.worker.sctp.heartbeat import INTERVAL_US as HEARTBEAT_INTERVAL_US
from miso.worker.sctp.heartbeat import Heartbeat
from miso.worker.sctp.receiving.inbound import Inbound
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.timers import Timer, Timers
from miso.worker.sctp.wire.chunks import Init, chunk, error_chunk, parse_causes, parse_tsn, shutdown_chunk
from miso.worker.sctp.wire.constants import FLAG_TAG_REFLECTED, Cause, ChunkType
from miso.worker.sctp.wire.packet import Packet, parse_packet

MAX_INIT_TRANSMITS = 9  # Max.Init.Retransmits 8
MAX_RECEIVED_SIZE = 9216


class Machine:
    """One association's state, without the calls of its user.

    Attributes:
        state: as the reference worker names it.
        discarded: packets that were not for this association: wrong ports, wrong verification tag, after its end.
    """

    def __init__(self, settings: Settings) -> None:
        self.state = SctpState.NEW
        self.discarded = 0
        self._settings = settings
        self._handshake = Handshake(
            settings.outbound_streams, settings.inbound_streams, settings.random, settings.interleaving
        )
        self._heartbeat = Heartbeat(settings.random)
        self._bundler = Bundler(settings.local_port, settings.remote_port)
        self._rto = RetransmissionTimeout()
        self._timers = Timers()
        self._phase = Phase.CLOSED
        self._block: ControlBlock | None = None
        self._cookie = b""
        self._transmits = 0
        self._sent_us = 0
        self._packet_tag = 0
        self._reported_amount = 0
        self._wanted_streams = 0
        self._events: list[Event] = []

    @property
    def buffered_amount(self) -> int:
        """Bytes of messages that were given to ``send`` and are neither acknowledged nor given up."""
        return self._block.outbound.buffered_amount() if self._block else 0

    @property
    def outbound_streams(self) -> int:
        """How many streams may be sent on: what was wanted, later what was agreed on."""
        return self._block.reconfiguration.outbound_streams if self._block else self._settings.outbound_streams

    @property
    def next_timer_us(self) -> int | None:
        """When ``on_timer`` is due, None for never."""
        return self._timers.next_us

    def take_packets(self) -> list[bytes]:
        """What to send, in this order."""
        return self._bundler.take_packets()

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events = self._events
        self._events = []
        amount = self.buffered_amount
        if amount != self._reported_amount:
            self._reported_amount = amount
            events.append(BufferedAmountChanged(amount))
        return events

    # ------------------------------------------------------------------ what comes

    def receive(self, packet: bytes, now_us: int) -> None:
        """Takes one SCTP packet.

        Raises:
            ParseError: it is not one, or a chunk of it is wrong; chunks before that one have been taken.
        """
        if len(packet) > MAX_RECEIVED_SIZE:
            raise ParseError(f"SCTP packet has {len(packet)} bytes, expected at most {MAX_RECEIVED_SIZE}")
        parsed = parse_packet(packet)
        if not self._is_for_us(parsed):
            self._discard(parsed)
            return
        self._packet_tag = parsed.tag
        try:
            self._take_chunks(packet, parsed.chunks, now_us)
        finally:
            self._flush(now_us)

    def on_timer(self, now_us: int) -> None:
        """To be called at ``next_timer_us``; does what is due."""
        for timer in self._timers.take_expired(now_us):
            if timer is not Timer.REST:  # which is for _flush alone
                _ON_TIMER[timer](self, now_us)
        self._flush(now_us)

    def _is_for_us(self, packet: Packet) -> bool:
        if self._phase is Phase.CLOSED and self.state in (SctpState.FAILED, SctpState.CLOSED):
            return False
        settings = self._settings
        if packet.source_port != settings.remote_port or packet.destination_port != settings.local_port:
            return False
        return has_right_tag(packet, self._tags())

    def _discard(self, packet: Packet) -> None:
        """A peer that did not hear of the end asks until it is answered (RFC 9260 section 8.4, 5)."""
        self.discarded += 1
        if self.state is SctpState.CLOSED and packet.chunks[0][0] == ChunkType.SHUTDOWN_ACK:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_COMPLETE, FLAG_TAG_REFLECTED), packet.tag)

    def _take_chunks(self, packet: bytes, chunks: list[tuple[int, int, int, int]], now_us: int) -> None:
        seen = 0  # a bit for each type: Python's integers, a C integer does not have that many
        has_data = False
        for type_, flags, offset, end in chunks:
            if type_ == enums.DATA or type_ == enums.I_DATA:
                has_data = True
                if not self._on_data(packet, offset, end, flags, type_ == enums.I_DATA):
                    return
                continue
            is_second = type_ == ChunkType.RE_CONFIG and seen >> type_ & 1
            bit = 256 if is_second else type_  # an answer and a request of the peer's own come in a chunk each
            if seen >> bit & 1:
                continue
            seen |= 1 << bit
            handler = _HANDLERS.get(type_)
            if handler is None:
                if not self._on_unknown_chunk(type_, packet[offset - 4 : end]):
                    break
            elif not handler(self, packet, offset, end, now_us):
                return
        if has_data and self._block is not None:
            self._block.inbound.unacknowledged += 1

    def _on_data(self, packet: bytes, offset: int, end: int, flags: int, is_interleaved: bool) -> bool:
        block = self._block
        if block is None or self._phase < Phase.ESTABLISHED:
            return True  # RFC 9260 section 6; before COOKIE ACK nobody takes the messages, and they would pile up
        outcome = block.inbound.add(packet, offset, end, flags, is_interleaved)
        if outcome == enums.NO_USER_DATA:
            self._abort(Cause.NO_USER_DATA, "the peer sent a chunk without data", packet[offset : offset + 4])
            return False
        if outcome == enums.OUT_OF_RESOURCE:
            self._abort(Cause.OUT_OF_RESOURCE, "parts of messages fill the receive buffer, none can be finished")
            return False
        if outcome == enums.INVALID_STREAM:
            self._bundler.add(error_chunk(Cause.INVALID_STREAM, packet[offset + 4 : offset + 6] + bytes(2)))
        return True

    def _on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._block is not None and self._phase >= Phase.ESTABLISHED:
            self._block.on_sack(packet, offset, end, now_us)
        return True

    def _on_forward_tsn(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._block is not None and self._phase >= Phase.ESTABLISHED:
            self._block.inbound.forward(packet, offset, end, packet[offset - 4] == ChunkType.I_FORWARD_TSN)
        return True

    def _on_reconfig(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._block is not None and self._phase >= Phase.ESTABLISHED:
            self._block.on_reconfig(packet, offset, end)
        return True

    def _on_heartbeat(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._phase >= Phase.ESTABLISHED and end - offset + 4 <= enums.ROOM:
            self._bundler.add(chunk(ChunkType.HEARTBEAT_ACK, 0, packet[offset:end]))
        return True

    def _on_heartbeat_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        rtt_us = self._heartbeat.on_ack(packet, offset, end, now_us)
        if self._block is not None and rtt_us >= 0:
            self._block.on_round_trip(rtt_us)
        return True

    def _on_unknown_chunk(self, type_: int, whole: bytes) -> bool:
        """The type's highest bits say what to do (RFC 9260 section 3.2); gives whether the packet is read on."""
        if type_ & 0x40:
            self._bundler.add(error_chunk(Cause.UNRECOGNIZED_CHUNK, whole))
        return bool(type_ & 0x80)

    # ------------------------------------------------------------------ beginning

    def _on_init(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        init = Init.parse(packet, offset, end)
        if self._phase is Phase.SHUTDOWN_ACK_SENT:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
            return False
        tags = None if self._phase < Phase.ESTABLISHED else self._tags()
        self._bundler.send_alone(self._handshake.init_ack(init, tags, now_us), init.tag)
        return False

    def _on_init_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._phase is not Phase.COOKIE_WAIT:
            return False
        init_ack = Init.parse(packet, offset, end)
        self._cookie = self._handshake.cookie_of(init_ack)
        self._connect(self._handshake.settle(init_ack))
        self._measure_round_trip(now_us)
        self._phase = Phase.COOKIE_ECHOED
        self._transmits = 0
        self._send_cookie(now_us)
        return False

    def _on_cookie_echo(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        outcome, cookie = self._handshake.judge(packet[offset:end], self._packet_tag, self._tags(), now_us)
        if outcome is CookieOutcome.DISCARD:
            self.discarded += 1
            return False
        if outcome is CookieOutcome.STALE:
            age_us = min(now_us - cookie.created_us, 0xFFFFFFFF)
            self._bundler.send_alone(error_chunk(Cause.STALE_COOKIE, age_us.to_bytes(4, "big")), cookie.peer.tag)
            return False
        if outcome is CookieOutcome.RESTART:
            return self._restart(cookie, now_us)
        if outcome is CookieOutcome.ESTABLISH:
            if self._phase >= Phase.ESTABLISHED:
                self.discarded += 1
                return False
            self._connect(cookie.peer)
        if self._phase < Phase.ESTABLISHED:
            self._establish(now_us)
        self._bundler.add(chunk(ChunkType.COOKIE_ACK))
        return True

    def _on_cookie_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._phase is Phase.COOKIE_ECHOED:
            self._measure_round_trip(now_us)
            self._establish(now_us)
        return True

    def _on_error(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        causes = parse_causes(packet, offset, end)
        if self._phase is Phase.COOKIE_ECHOED and any(cause.type == Cause.STALE_COOKIE for cause in causes):
            self._phase = Phase.COOKIE_WAIT
            self._block = None
            self._send_init(now_us)
        return True

    def _measure_round_trip(self, now_us: int) -> None:
        """What was sent once was answered (RFC 9260 section 6.3.1, C5)."""
        if self._transmits == 1 and self._block is not None:
            self._block.on_round_trip(now_us - self._sent_us)

    def _tags(self) -> Tags:
        local = 0 if self._phase is Phase.CLOSED else self._handshake.tag
        return Tags(local, self._block.peer.tag if self._block else 0)

    def _establish(self, now_us: int) -> None:
        self._phase = Phase.ESTABLISHED
        self._cookie = b""
        self._timers.stop_all()
        self._timers.start(Timer.HEARTBEAT, now_us + HEARTBEAT_INTERVAL_US)
        self._ask_for_streams()
        self._change_state(SctpState.CONNECTED)

    def _restart(self, cookie: Cookie, now_us: int) -> bool:
        if self._phase is Phase.SHUTDOWN_ACK_SENT:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
            self._bundler.add(error_chunk(Cause.COOKIE_WHILE_SHUTTING_DOWN))
            return False
        if self._block is not None:
            self._hand_out_all(self._block.inbound)
        self._handshake.adopt(cookie)
        self._connect(cookie.peer)
        self._bundler.clear()
        self._events.append(Restarted())
        self._establish(now_us)
        self._bundler.add(chunk(ChunkType.COOKIE_ACK))
        return True

    def _connect(self, peer: Peer) -> None:
        self._bundler.peer_tag = peer.tag
        self._block = ControlBlock(peer, self._handshake.initial_tsn, self._settings, self._bundler, self._timers)

    # ------------------------------------------------------------------ ending

    def _on_abort(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        state = SctpState.FAILED if self._phase < Phase.ESTABLISHED else SctpState.CLOSED
        self._end(state, _why_aborted(packet, offset, end))
        return False

    def _on_shutdown(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        block = self._block
        tsn = parse_tsn(packet, offset, end)
        if block is None or self._phase < Phase.ESTABLISHED:
            return True
        block.on_shutdown(tsn, now_us)
        if self._phase in (Phase.ESTABLISHED, Phase.SHUTDOWN_PENDING):
            self._phase = Phase.SHUTDOWN_RECEIVED
        elif self._phase is Phase.SHUTDOWN_SENT:
            self._send_shutdown_ack(block, now_us)
        self._change_state(SctpState.CLOSED)
        return True

    def _on_shutdown_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._phase in (Phase.SHUTDOWN_SENT, Phase.SHUTDOWN_ACK_SENT):
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_COMPLETE))
            self._end(SctpState.CLOSED)
        return False

    def _on_shutdown_complete(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._phase is Phase.SHUTDOWN_ACK_SENT:
            self._end(SctpState.CLOSED)
        return False

    def _continue_shutdown(self, block: ControlBlock, now_us: int) -> None:
        if not block.outbound.is_idle() or block.inbound.has_more():
            return
        if self._phase is Phase.SHUTDOWN_PENDING:
            self._phase = Phase.SHUTDOWN_SENT
            self._transmits = 0
            self._send_shutdown(block, now_us)
        elif self._phase is Phase.SHUTDOWN_RECEIVED:
            self._transmits = 0
            self._send_shutdown_ack(block, now_us)

    def _abort(self, cause: Cause, reason: str = "", information: bytes = b"") -> None:
        self._bundler.send_alone(error_chunk(cause, information, abort=True))
        self._end(SctpState.CLOSED, reason)

    def _end(self, state: SctpState, reason: str = "") -> None:
        """Nothing is sent any more but what stands in the list of packets; what was queued is forgotten."""
        if self._block is not None:
            self._hand_out_all(self._block.inbound)
        self._phase = Phase.CLOSED
        self._block = None
        self._cookie = b""
        self._bundler.clear()
        self._timers.stop_all()
        self._change_state(state, reason)

    def _hand_out_all(self, inbound: Inbound) -> None:
        """What has its turn, and was acknowledged, is not lost with the control block."""
        self._events.extend(inbound.take_messages())
        while inbound.has_more():
            self._events.extend(inbound.take_messages())

    def _change_state(self, state: SctpState, reason: str = "") -> None:
        """An end is the end, but a peer that has begun to shut down may begin anew instead."""
        has_ended = self._phase is Phase.CLOSED and self.state in (SctpState.FAILED, SctpState.CLOSED)
        if self.state is not state and not has_ended:
            self.state = state
            self._events.append(StateChanged(state, reason))

    # ------------------------------------------------------------------ timers

    def _on_t1(self, now_us: int) -> None:
        if self._transmits >= MAX_INIT_TRANSMITS:
            self._end(SctpState.FAILED, "no answer")
            return
        self._rto.back_off()
        if self._phase is Phase.COOKIE_WAIT:
            self._send_init(now_us)
        elif self._phase is Phase.COOKIE_ECHOED:
            self._send_cookie(now_us)

    def _on_t2(self, now_us: int) -> None:
        block = self._block
        if block is None or self._is_given_up(block):
            return
        block.rto.back_off()
        if self._phase is Phase.SHUTDOWN_SENT:
            self._send_shutdown(block, now_us)
        elif self._phase is Phase.SHUTDOWN_ACK_SENT:
            self._send_shutdown_ack(block, now_us)

    def _on_t3(self, now_us: int) -> None:
        if self._block is not None and not self._is_given_up(self._block):
            self._block.on_t3(now_us)

    def _on_probe_timer(self, now_us: int) -> None:
        if self._block is not None:
            self._block.on_probe_timer(now_us)

    def _on_sack_timer(self, now_us: int) -> None:
        if self._block is not None:
            self._block.on_sack_timer(now_us)

    def _on_heartbeat_timer(self, now_us: int) -> None:
        block = self._block
        if block is None or (self._heartbeat.is_waiting and self._is_given_up(block)):
            return
        self._timers.start(Timer.HEARTBEAT, now_us + HEARTBEAT_INTERVAL_US + block.rto.timeout_us)
        self._bundler.add(self._heartbeat.send(now_us))

    def _on_reconfig_timer(self, now_us: int) -> None:
        if self._block is not None:
            self._block.on_reconfig_timer(now_us)

    def _is_given_up(self, block: ControlBlock) -> bool:
        """Something was not answered: whether that was one too many, and the association has ended."""
        is_gone = block.count_error()
        if is_gone:
            self._abort(Cause.PROTOCOL_VIOLATION, "no answer", b"no answer")
        return is_gone

    # ------------------------------------------------------------------ what is sent

    def _send_init(self, now_us: int) -> None:
        self._transmits += 1
        self._sent_us = now_us
        self._bundler.send_alone(self._handshake.init(), 0)
        self._timers.start(Timer.T1, now_us + self._rto.timeout_us)

    def _send_cookie(self, now_us: int) -> None:
        self._transmits += 1
        self._sent_us = now_us
        self._bundler.send_alone(chunk(ChunkType.COOKIE_ECHO, 0, self._cookie))
        self._timers.start(Timer.T1, now_us + self._rto.timeout_us)

    def _send_shutdown(self, block: ControlBlock, now_us: int) -> None:
        self._bundler.send_alone(shutdown_chunk(block.inbound.cumulative_tsn()))
        self._timers.start(Timer.T2, now_us + block.rto.timeout_us)

    def _send_shutdown_ack(self, block: ControlBlock, now_us: int) -> None:
        self._phase = Phase.SHUTDOWN_ACK_SENT
        self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
        self._timers.start(Timer.T2, now_us + block.rto.timeout_us)

    def _ask_for_streams(self) -> None:
        block = self._block
        if block is not None and block.peer.reconfiguration:
            missing = self._wanted_streams - block.reconfiguration.outbound_streams
            if missing > 0:
                block.reconfiguration.add_outgoing_streams(missing)

    def _flush(self, now_us: int) -> None:
        """Sends all that may be sent now, and hands out what came."""
        block = self._block
        if block is None or self._phase < Phase.ESTABLISHED:
            return
        self._events.extend(block.inbound.take_messages())
        self._events.extend(block.reconfiguration.take_events())
        block.flush(now_us)
        if self._phase > Phase.ESTABLISHED:
            self._continue_shutdown(block, now_us)


def _why_aborted(packet: bytes, offset: int, end: int) -> str:
    try:
        causes = parse_causes(packet, offset, end)
    except ParseError:
        return "the peer aborted"
    return f"the peer aborted: {', '.join(f'cause {cause.type}' for cause in causes) or 'no cause'}"


_Handler = Callable[[Machine, bytes, int, int, int], bool]

# What a chunk does; False ends the packet.
_HANDLERS: dict[int, _Handler] = {
    ChunkType.INIT: Machine._on_init,
    ChunkType.INIT_ACK: Machine._on_init_ack,
    ChunkType.SACK: Machine._on_sack,
    ChunkType.HEARTBEAT: Machine._on_heartbeat,
    ChunkType.HEARTBEAT_ACK: Machine._on_heartbeat_ack,
    ChunkType.ABORT: Machine._on_abort,
    ChunkType.SHUTDOWN: Machine._on_shutdown,
    ChunkType.SHUTDOWN_ACK: Machine._on_shutdown_ack,
    ChunkType.ERROR: Machine._on_error,
    ChunkType.COOKIE_ECHO: Machine._on_cookie_echo,
    ChunkType.COOKIE_ACK: Machine._on_cookie_ack,
    ChunkType.SHUTDOWN_COMPLETE: Machine._on_shutdown_complete,
    ChunkType.RE_CONFIG: Machine._on_reconfig,
    ChunkType.FORWARD_TSN: Machine._on_forward_tsn,
    ChunkType.I_FORWARD_TSN: Machine._on_forward_tsn,
}

_ON_TIMER: dict[Timer, Callable[[Machine, int], None]] = {
    Timer.T1: Machine._on_t1,
    Timer.T2: Machine._on_t2,
    Timer.T3: Machine._on_t3,
    Timer.SACK: Machine._on_sack_timer,
    Timer.HEARTBEAT: Machine._on_heartbeat_timer,
    Timer.RECONFIG: Machine._on_reconfig_timer,
    Timer.PROBE: Machine._on_probe_timer,
}
