# cython: language_level=3, annotation_typing=False
"""Hands each chunk that comes, and each timer that is due, to the part of the association that it concerns."""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.control_block import ControlBlock
from miso.worker.sctp.events import SctpState
from miso.worker.sctp.handshake.establishment import HANDLERS as ESTABLISHMENT_HANDLERS
from miso.worker.sctp.handshake.establishment import Establishment
from miso.worker.sctp.handshake.handshake import has_right_tag
from miso.worker.sctp.heartbeat import INTERVAL_US as HEARTBEAT_INTERVAL_US
from miso.worker.sctp.heartbeat import Heartbeat
from miso.worker.sctp.lifecycle import Lifecycle
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.settings import Settings
from miso.worker.sctp.termination import HANDLERS as TERMINATION_HANDLERS
from miso.worker.sctp.termination import Termination
from miso.worker.sctp.timers import Timer, Timers
from miso.worker.sctp.wire.chunks import chunk, error_chunk
from miso.worker.sctp.wire.constants import FLAG_TAG_REFLECTED, Cause, ChunkType
from miso.worker.sctp.wire.packet import Packet, parse_packet

_MAX_RECEIVED_SIZE = 9216
_SECOND_RECONFIG = 256  # a bit behind those of the chunk types

# The highest bits of a type that is not known (RFC 9260 section 3.2)
_READ_ON = 0x80
_REPORT = 0x40


class Dispatch:
    """Reads packets; after each, and after each timer, what may be sent is sent."""

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        establishment: Establishment,
        termination: Termination,
        bundler: Bundler,
        timers: Timers,
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._establishment = establishment
        self._termination = termination
        self._bundler = bundler
        self._timers = timers
        self._heartbeat = Heartbeat(settings.random)

    def receive(self, packet: bytes, now_us: int) -> None:
        """Takes one SCTP packet.

        Raises:
            ParseError: it is not one, or a chunk of it is wrong; chunks before that one have been taken.
        """
        if len(packet) > _MAX_RECEIVED_SIZE:
            raise ParseError(f"SCTP packet has {len(packet)} bytes, expected at most {_MAX_RECEIVED_SIZE}")
        parsed = parse_packet(packet)
        if not self._is_for_us(parsed):
            self._discard(parsed)
            return
        try:
            self._take_chunks(packet, parsed.chunks, now_us)
        finally:
            self.flush(now_us)

    def on_timer(self, now_us: int) -> None:
        """Does what is due."""
        for timer in self._timers.take_expired(now_us):
            self._on_timer(timer, now_us)
        self.flush(now_us)

    def flush(self, now_us: int) -> None:
        """Sends all that may be sent now, and hands out what came."""
        block = self._lifecycle.established()
        if block is None:
            return
        self._lifecycle.hand_out(block)
        block.flush(now_us)
        if self._lifecycle.phase > enums.ESTABLISHED:
            self._termination.proceed(block, now_us)

    # ------------------------------------------------------------------ packets

    def _is_for_us(self, packet: Packet) -> bool:
        if self._lifecycle.has_ended():
            return False
        settings = self._settings
        if packet.source_port != settings.remote_port or packet.destination_port != settings.local_port:
            return False
        return has_right_tag(packet, self._establishment.tags())

    def _discard(self, packet: Packet) -> None:
        """A peer that did not hear of the end asks until it is answered (RFC 9260 section 8.4, 5)."""
        self._lifecycle.discarded += 1
        if self._lifecycle.state is SctpState.CLOSED and packet.chunks[0][0] == ChunkType.SHUTDOWN_ACK:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_COMPLETE, FLAG_TAG_REFLECTED), packet.tag)

    def _take_chunks(self, packet: bytes, chunks: list[tuple[int, int, int, int]], now_us: int) -> None:
        """Of control chunks the first of each type counts, so that a packet costs little.

        Of RE-CONFIG two do: an answer and a request of the peer's own come in a chunk each.
        """
        seen = 0  # a bit for each type: an integer of Python, one of C has not that many
        has_data = False
        for type_, flags, offset, end in chunks:
            if type_ == enums.DATA or type_ == enums.I_DATA:
                has_data = True
                if not self._on_data(packet, offset, end, flags, type_ == enums.I_DATA):
                    return
                continue
            is_second = type_ == ChunkType.RE_CONFIG and seen >> type_ & 1
            bit = _SECOND_RECONFIG if is_second else type_
            if seen >> bit & 1:
                continue
            seen |= 1 << bit
            if type_ not in _KNOWN:
                if not self._on_unknown_chunk(type_, packet[offset - enums.CHUNK_HEADER_SIZE : end]):
                    break
            elif not self._on_control_chunk(type_, packet, offset, end, now_us):
                return
        block = self._lifecycle.block
        if has_data and block is not None:
            block.on_packet_with_data()

    # ------------------------------------------------------------------ chunks; what they give is whether to read on

    def _on_control_chunk(self, type_: int, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        handler = _HANDLERS.get(type_)
        if handler is not None:
            return handler(self, packet, offset, end, now_us)
        if type_ in ESTABLISHMENT_HANDLERS:
            return ESTABLISHMENT_HANDLERS[type_](self._establishment, packet, offset, end, now_us)
        return TERMINATION_HANDLERS[type_](self._termination, packet, offset, end, now_us)

    def _on_data(self, packet: bytes, offset: int, end: int, flags: int, is_interleaved: bool) -> bool:
        """Before the association is established nobody takes messages, and they would pile up (RFC 9260 section 6)."""
        block = self._lifecycle.established()
        if block is None:
            return True
        outcome = block.on_data(packet, offset, end, flags, is_interleaved)
        if outcome == enums.NO_USER_DATA:
            tsn = packet[offset : offset + 4]
            self._lifecycle.abort(Cause.NO_USER_DATA, "the peer sent a chunk without data", tsn)
            return False
        if outcome == enums.OUT_OF_RESOURCE:
            reason = "parts of messages fill the receive buffer, none can be finished"
            self._lifecycle.abort(Cause.OUT_OF_RESOURCE, reason)
            return False
        if outcome == enums.INVALID_STREAM:
            stream_id = packet[offset + 4 : offset + 6]
            self._bundler.add(error_chunk(Cause.INVALID_STREAM, stream_id + bytes(2)))
        return True

    def _on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        block = self._lifecycle.established()
        if block is not None:
            block.on_sack(packet, offset, end, now_us)
        return True

    def _on_forward_tsn(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        block = self._lifecycle.established()
        if block is not None:
            type_ = packet[offset - enums.CHUNK_HEADER_SIZE]
            block.on_forward_tsn(packet, offset, end, type_ == enums.I_FORWARD_TSN)
        return True

    def _on_reconfig(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        block = self._lifecycle.established()
        if block is not None:
            block.on_reconfig(packet, offset, end)
        return True

    def _on_heartbeat(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        if self._lifecycle.phase >= enums.ESTABLISHED and end - offset + enums.CHUNK_HEADER_SIZE <= enums.ROOM:
            self._bundler.add(chunk(ChunkType.HEARTBEAT_ACK, 0, packet[offset:end]))
        return True

    def _on_heartbeat_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        rtt_us = self._heartbeat.on_ack(packet, offset, end, now_us)
        block = self._lifecycle.block
        if block is not None and rtt_us >= 0:
            block.on_round_trip(rtt_us)
        return True

    def _on_unknown_chunk(self, type_: int, whole: bytes) -> bool:
        if type_ & _REPORT:
            self._bundler.add(error_chunk(Cause.UNRECOGNIZED_CHUNK, whole))
        return bool(type_ & _READ_ON)

    # ------------------------------------------------------------------ timers

    def _on_timer(self, timer: int, now_us: int) -> None:
        """For ``TIMER_REST`` there is nothing to do but to flush."""
        block = self._lifecycle.block
        if timer == enums.TIMER_T1:
            self._establishment.on_t1(now_us)
        elif timer == enums.TIMER_T2:
            self._termination.on_t2(now_us)
        elif block is not None and timer == enums.TIMER_T3:
            self._on_t3(block, now_us)
        elif block is not None and timer == enums.TIMER_HEARTBEAT:
            self._on_heartbeat_timer(block, now_us)
        elif block is not None and timer in _BLOCK_ON_TIMER:
            _BLOCK_ON_TIMER[timer](block, now_us)

    def _on_t3(self, block: ControlBlock, now_us: int) -> None:
        if not self._lifecycle.is_given_up(block):
            block.on_t3(now_us)

    def _on_heartbeat_timer(self, block: ControlBlock, now_us: int) -> None:
        if self._heartbeat.is_waiting and self._lifecycle.is_given_up(block):
            return
        self._timers.start(enums.TIMER_HEARTBEAT, now_us + HEARTBEAT_INTERVAL_US + block.timeout_us())
        self._bundler.add(self._heartbeat.send(now_us))


_HANDLERS: dict[int, Callable[[Dispatch, bytes, int, int, int], bool]] = {
    ChunkType.SACK: Dispatch._on_sack,
    ChunkType.HEARTBEAT: Dispatch._on_heartbeat,
    ChunkType.HEARTBEAT_ACK: Dispatch._on_heartbeat_ack,
    ChunkType.RE_CONFIG: Dispatch._on_reconfig,
    ChunkType.FORWARD_TSN: Dispatch._on_forward_tsn,
    ChunkType.I_FORWARD_TSN: Dispatch._on_forward_tsn,
}

_KNOWN = frozenset((*_HANDLERS, *ESTABLISHMENT_HANDLERS, *TERMINATION_HANDLERS))

_BLOCK_ON_TIMER: dict[int, Callable[[ControlBlock, int], None]] = {
    Timer.PROBE: ControlBlock.on_probe_timer,
    Timer.SACK: ControlBlock.on_sack_timer,
    Timer.RECONFIG: ControlBlock.on_reconfig_timer,
}
