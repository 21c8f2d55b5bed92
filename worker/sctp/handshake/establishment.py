# cython: language_level=3, annotation_typing=False
"""The establishment of an association, chunk by chunk (RFC 9260 section 5)."""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.sctp import enums
from miso.worker.sctp.events import Restarted, SctpState
from miso.worker.sctp.handshake.cookie import Cookie
from miso.worker.sctp.handshake.handshake import CookieOutcome, Handshake, Tags
from miso.worker.sctp.lifecycle import Lifecycle
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.settings import Settings
from miso.worker.sctp.timers import Timers
from miso.worker.sctp.wire.chunks import Init, chunk, error_chunk, parse_causes
from miso.worker.sctp.wire.constants import Cause, ChunkType
from miso.worker.sctp.wire.packet import verification_tag

_MAX_TRANSMITS = 9  # Max.Init.Retransmits 8
_MAX_AGE_US = 0xFFFFFFFF  # of a stale cookie, as it can be told


class Establishment:
    """What is sent and awaited until both sides know each other, and what a peer that begins anew may ask."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, bundler: Bundler, timers: Timers) -> None:
        self._lifecycle = lifecycle
        self._bundler = bundler
        self._timers = timers
        self._handshake = Handshake(
            settings.outbound_streams, settings.inbound_streams, settings.random, settings.interleaving
        )
        self._rto = RetransmissionTimeout()
        self._cookie = b""  # the peer's, to be echoed
        self._transmits = 0  # of what is awaited to be answered now
        self._sent_us = 0  # when that was sent last

    def tags(self) -> Tags:
        """What the association goes by now."""
        local = 0 if self._lifecycle.phase == enums.CLOSED else self._handshake.tag
        block = self._lifecycle.block
        return Tags(local, 0 if block is None else block.peer.tag)

    def start(self, now_us: int) -> None:
        """Sends the first INIT."""
        self._lifecycle.change_state(SctpState.CONNECTING)
        self._lifecycle.phase = enums.COOKIE_WAIT
        self._send_init(now_us)

    # ------------------------------------------------------------------ what comes

    def on_init(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """Answers with a cookie, whatever there is (section 5.2.2)."""
        init = Init.parse(packet, offset, end)
        phase = self._lifecycle.phase
        if phase == enums.SHUTDOWN_ACK_SENT:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
            return False
        tags = None if phase < enums.ESTABLISHED else self.tags()
        self._bundler.send_alone(self._handshake.init_ack(init, tags, now_us), init.tag)
        return False

    def on_init_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """Echoes the cookie."""
        if self._lifecycle.phase != enums.COOKIE_WAIT:
            return False
        init_ack = Init.parse(packet, offset, end)
        self._cookie = self._handshake.cookie_of(init_ack)
        self._lifecycle.connect(self._handshake.settle(init_ack), self._handshake.initial_tsn)
        self._measure_round_trip(now_us)
        self._lifecycle.phase = enums.COOKIE_ECHOED
        self._transmits = 0
        self._send_cookie(now_us)
        return False

    def on_cookie_echo(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """Does what the cookie that comes back leads to (section 5.2.4)."""
        lifecycle = self._lifecycle
        outcome, cookie = self._handshake.judge(packet[offset:end], verification_tag(packet), self.tags(), now_us)
        if outcome is CookieOutcome.DISCARD:
            lifecycle.discarded += 1
            return False
        if outcome is CookieOutcome.STALE:
            age_us = min(now_us - cookie.created_us, _MAX_AGE_US)
            self._bundler.send_alone(error_chunk(Cause.STALE_COOKIE, age_us.to_bytes(4, "big")), cookie.peer.tag)
            return False
        if outcome is CookieOutcome.RESTART:
            return self._restart(cookie, now_us)
        if outcome is CookieOutcome.ESTABLISH:
            if lifecycle.phase >= enums.ESTABLISHED:
                lifecycle.discarded += 1
                return False
            lifecycle.connect(cookie.peer, self._handshake.initial_tsn)
        if lifecycle.phase < enums.ESTABLISHED:
            self._establish(now_us)
        self._bundler.add(chunk(ChunkType.COOKIE_ACK))
        return True

    def on_cookie_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """The peer took its cookie."""
        if self._lifecycle.phase == enums.COOKIE_ECHOED:
            self._measure_round_trip(now_us)
            self._establish(now_us)
        return True

    def on_error(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """Begins again when the cookie came back too late."""
        causes = parse_causes(packet, offset, end)
        is_stale = any(cause.type == Cause.STALE_COOKIE for cause in causes)
        if is_stale and self._lifecycle.phase == enums.COOKIE_ECHOED:
            self._lifecycle.phase = enums.COOKIE_WAIT
            self._lifecycle.block = None
            self._send_init(now_us)
        return True

    def on_t1(self, now_us: int) -> None:
        """T1-init or T1-cookie expired: there was no answer."""
        if self._transmits >= _MAX_TRANSMITS:
            self._lifecycle.end(SctpState.FAILED, "no answer")
            return
        self._rto.back_off()
        if self._lifecycle.phase == enums.COOKIE_WAIT:
            self._send_init(now_us)
        elif self._lifecycle.phase == enums.COOKIE_ECHOED:
            self._send_cookie(now_us)

    # ------------------------------------------------------------------ what follows

    def _measure_round_trip(self, now_us: int) -> None:
        """What was sent once was answered (section 6.3.1, C5)."""
        if self._transmits == 1 and self._lifecycle.block is not None:
            self._lifecycle.block.on_round_trip(now_us - self._sent_us)

    def _establish(self, now_us: int) -> None:
        self._cookie = b""
        self._lifecycle.establish(now_us)

    def _restart(self, cookie: Cookie, now_us: int) -> bool:
        """The peer lost its state and begins again; it may not while it owes the last word of a shutdown."""
        if self._lifecycle.phase == enums.SHUTDOWN_ACK_SENT:
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
            self._bundler.add(error_chunk(Cause.COOKIE_WHILE_SHUTTING_DOWN))
            return False
        self._lifecycle.hand_out_all()
        self._handshake.adopt(cookie)
        self._lifecycle.connect(cookie.peer, self._handshake.initial_tsn)
        self._bundler.clear()
        self._lifecycle.tell(Restarted())
        self._establish(now_us)
        self._bundler.add(chunk(ChunkType.COOKIE_ACK))
        return True

    def _send_init(self, now_us: int) -> None:
        self._bundler.send_alone(self._handshake.init(), 0)
        self._await_answer(now_us)

    def _send_cookie(self, now_us: int) -> None:
        self._bundler.send_alone(chunk(ChunkType.COOKIE_ECHO, 0, self._cookie))
        self._await_answer(now_us)

    def _await_answer(self, now_us: int) -> None:
        self._transmits += 1
        self._sent_us = now_us
        self._timers.start(enums.TIMER_T1, now_us + self._rto.timeout_us)


# What a chunk does; False ends the packet.
HANDLERS: dict[int, Callable[[Establishment, bytes, int, int, int], bool]] = {
    ChunkType.INIT: Establishment.on_init,
    ChunkType.INIT_ACK: Establishment.on_init_ack,
    ChunkType.COOKIE_ECHO: Establishment.on_cookie_echo,
    ChunkType.COOKIE_ACK: Establishment.on_cookie_ack,
    ChunkType.ERROR: Establishment.on_error,
}
