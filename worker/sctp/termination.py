# cython: language_level=3, annotation_typing=False
"""The end of an association, chunk by chunk: ABORT, and the shutdown (RFC 9260 section 9)."""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.control_block import ControlBlock
from miso.worker.sctp.events import SctpState
from miso.worker.sctp.lifecycle import Lifecycle
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.timers import Timers
from miso.worker.sctp.wire.chunks import chunk, parse_causes, parse_tsn, shutdown_chunk
from miso.worker.sctp.wire.constants import Cause, ChunkType


class Termination:
    """What is sent and awaited until both sides know that it is over."""

    def __init__(self, lifecycle: Lifecycle, bundler: Bundler, timers: Timers) -> None:
        self._lifecycle = lifecycle
        self._bundler = bundler
        self._timers = timers

    def close(self) -> None:
        """Ends it at once."""
        if self._lifecycle.block is not None and self._lifecycle.phase != enums.CLOSED:
            self._lifecycle.abort(Cause.USER_INITIATED_ABORT)
        else:
            self._lifecycle.end(SctpState.CLOSED)

    def shutdown(self) -> None:
        """Ends it when all that is to be sent is acknowledged; ``proceed`` sees when."""
        if self._lifecycle.phase == enums.ESTABLISHED:
            self._lifecycle.phase = enums.SHUTDOWN_PENDING
        else:
            self.close()

    def proceed(self, block: ControlBlock, now_us: int) -> None:
        """Takes the next step of a shutdown when all is acknowledged and handed out."""
        if not block.is_drained():
            return
        if self._lifecycle.phase == enums.SHUTDOWN_PENDING:
            self._lifecycle.phase = enums.SHUTDOWN_SENT
            self._send_shutdown(block, now_us)
        elif self._lifecycle.phase == enums.SHUTDOWN_RECEIVED:
            self._send_shutdown_ack(block, now_us)

    # ------------------------------------------------------------------ what comes

    def on_abort(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """The peer ended it."""
        state = SctpState.FAILED if self._lifecycle.phase < enums.ESTABLISHED else SctpState.CLOSED
        self._lifecycle.end(state, _why_aborted(packet, offset, end))
        return False

    def on_shutdown(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """The peer has nothing to send any more."""
        lifecycle = self._lifecycle
        tsn = parse_tsn(packet, offset, end)
        block = lifecycle.established()
        if block is None:
            return True
        block.on_shutdown(tsn, now_us)
        if lifecycle.phase in (enums.ESTABLISHED, enums.SHUTDOWN_PENDING):
            lifecycle.phase = enums.SHUTDOWN_RECEIVED
        elif lifecycle.phase == enums.SHUTDOWN_SENT:
            self._send_shutdown_ack(block, now_us)
        lifecycle.change_state(SctpState.CLOSED)
        return True

    def on_shutdown_ack(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """The peer has got all."""
        if self._lifecycle.phase in (enums.SHUTDOWN_SENT, enums.SHUTDOWN_ACK_SENT):
            self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_COMPLETE))
            self._lifecycle.end(SctpState.CLOSED)
        return False

    def on_shutdown_complete(self, packet: bytes, offset: int, end: int, now_us: int) -> bool:
        """Both have got all."""
        if self._lifecycle.phase == enums.SHUTDOWN_ACK_SENT:
            self._lifecycle.end(SctpState.CLOSED)
        return False

    def on_t2(self, now_us: int) -> None:
        """T2-shutdown expired: there was no answer."""
        block = self._lifecycle.block
        if block is None or self._lifecycle.is_given_up(block):
            return
        block.back_off()
        if self._lifecycle.phase == enums.SHUTDOWN_SENT:
            self._send_shutdown(block, now_us)
        elif self._lifecycle.phase == enums.SHUTDOWN_ACK_SENT:
            self._send_shutdown_ack(block, now_us)

    # ------------------------------------------------------------------ what is sent

    def _send_shutdown(self, block: ControlBlock, now_us: int) -> None:
        self._bundler.send_alone(shutdown_chunk(block.cumulative_tsn()))
        self._timers.start(enums.TIMER_T2, now_us + block.timeout_us())

    def _send_shutdown_ack(self, block: ControlBlock, now_us: int) -> None:
        self._lifecycle.phase = enums.SHUTDOWN_ACK_SENT
        self._bundler.send_alone(chunk(ChunkType.SHUTDOWN_ACK))
        self._timers.start(enums.TIMER_T2, now_us + block.timeout_us())


def _why_aborted(packet: bytes, offset: int, end: int) -> str:
    try:
        causes = parse_causes(packet, offset, end)
    except ParseError:
        return "the peer aborted"
    return f"the peer aborted: {', '.join(f'cause {cause.type}' for cause in causes) or 'no cause'}"


# What a chunk does; False ends the packet.
HANDLERS: dict[int, Callable[[Termination, bytes, int, int, int], bool]] = {
    ChunkType.ABORT: Termination.on_abort,
    ChunkType.SHUTDOWN: Termination.on_shutdown,
    ChunkType.SHUTDOWN_ACK: Termination.on_shutdown_ack,
    ChunkType.SHUTDOWN_COMPLETE: Termination.on_shutdown_complete,
}
