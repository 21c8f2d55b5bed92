# cython: language_level=3, annotation_typing=False
"""An SCTP association over DTLS or UDP: bytes and the time in, packets, events and the next timer out.

RFC 9260 with one path and no addresses, RFC 3758 (partial reliability), RFC 6525 (stream reset), RFC 8260
(interleaving), as RFC 8831 wants them for data channels. Both sides may begin at once.

What a peer can fill, and how far: undelivered data 1 MiB, overheads included, or twice the largest message, and five
eighths more in order, beyond which the association is aborted; it is handed out in slices of 64 messages; TSNs 8192
beyond the cumulative one; streams as many as were agreed on, made when used; streams that wait for their reset 4096 and
one request more; control chunks waiting to be sent 32; packets read 9216 bytes and 512 chunks long, in which each
control chunk counts once, RE-CONFIG twice.
"""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.errors import InvalidStateError, SendBufferFullError
from miso.worker.sctp import enums
from miso.worker.sctp.dispatch import Dispatch
from miso.worker.sctp.events import BufferedAmountChanged, Event, SctpState
from miso.worker.sctp.handshake.establishment import Establishment
from miso.worker.sctp.lifecycle import Lifecycle
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.sending.send_queue import Message
from miso.worker.sctp.settings import Settings
from miso.worker.sctp.termination import Termination
from miso.worker.sctp.timers import Timers

_MIN_MAX_MESSAGES = 1024  # may always wait to be sent
_MEAN_MESSAGE_SIZE = 64  # bytes; as many messages may wait as fill the send buffer when they are as large
_STREAMS_STEP = 32


class Association:
    """One association. Nothing is sent or delivered but through ``take_packets`` and ``take_events``."""

    def __init__(
        self,
        *,
        local_port: int,
        remote_port: int,
        max_message_size: int,
        send_buffer_size: int,
        outbound_streams: int,
        inbound_streams: int,
        is_data_channel: bool,
        random: Callable[[int], bytes],
        interleaving: bool = True,
    ) -> None:
        """Makes an association that waits for ``start`` or for the peer's INIT.

        Args:
            local_port: ours.
            remote_port: the peer's.
            max_message_size: a larger message that comes is thrown away, bytes.
            send_buffer_size: ``send`` refuses what would make ``buffered_amount`` larger than this, bytes.
            outbound_streams: how many we want to send on, 1 to 65535.
            inbound_streams: how many the peer may send on, 1 to 65535.
            is_data_channel: a stream the peer resets is reset the other way, too (RFC 8831 section 6.7).
            random: that many random bytes, fit for secrets.
            interleaving: whether I-DATA is offered; it is used when both sides do.
        """
        settings = Settings(
            local_port=local_port,
            remote_port=remote_port,
            max_message_size=max_message_size,
            outbound_streams=outbound_streams,
            inbound_streams=inbound_streams,
            is_data_channel=is_data_channel,
            random=random,
            interleaving=interleaving,
        )
        self._bundler = Bundler(local_port, remote_port)
        self._timers = Timers()
        self._lifecycle = Lifecycle(settings, self._bundler, self._timers)
        self._establishment = Establishment(settings, self._lifecycle, self._bundler, self._timers)
        self._termination = Termination(self._lifecycle, self._bundler, self._timers)
        self._dispatch = Dispatch(
            settings, self._lifecycle, self._establishment, self._termination, self._bundler, self._timers
        )
        self._send_buffer_size = send_buffer_size
        self._max_messages = max(_MIN_MAX_MESSAGES, send_buffer_size // _MEAN_MESSAGE_SIZE)
        self._reported_amount = 0  # what the user last heard of ``buffered_amount``

    @property
    def state(self) -> SctpState:
        """As the reference worker names it."""
        return self._lifecycle.state

    @property
    def discarded(self) -> int:
        """How many packets were not for this association: wrong ports, wrong verification tag, after its end."""
        return self._lifecycle.discarded

    @property
    def buffered_amount(self) -> int:
        """Bytes of messages that were given to ``send`` and are neither acknowledged nor given up."""
        block = self._lifecycle.block
        return 0 if block is None else block.buffered_amount()

    @property
    def outbound_streams(self) -> int:
        """How many streams may be sent on: what was wanted, later what was agreed on."""
        return self._lifecycle.outbound_streams()

    @property
    def next_timer_us(self) -> int | None:
        """When ``on_timer`` is due, None for never."""
        return self._timers.next_us

    def receive(self, packet: bytes, now_us: int) -> None:
        """Takes one SCTP packet.

        Raises:
            ParseError: it is not one, or a chunk of it is wrong; chunks before that one have been taken.
        """
        self._dispatch.receive(packet, now_us)

    def on_timer(self, now_us: int) -> None:
        """To be called at ``next_timer_us``; does what is due."""
        self._dispatch.on_timer(now_us)

    def take_packets(self) -> list[bytes]:
        """What to send, in this order."""
        return self._bundler.take_packets()

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events = self._lifecycle.take_events()
        amount = self.buffered_amount
        if amount != self._reported_amount:
            self._reported_amount = amount
            events.append(BufferedAmountChanged(amount))
        return events

    def start(self, now_us: int) -> None:
        """Sends the INIT; does nothing when the association began or ended."""
        if self.state is SctpState.NEW:
            self._establishment.start(now_us)

    def close(self, now_us: int) -> None:
        """Ends it at once, with an ABORT to the peer, as the reference worker does. May be called at any time."""
        self._termination.close()

    def shutdown(self, now_us: int) -> None:
        """Ends it when all that was given to ``send`` is acknowledged (RFC 9260 section 9.2)."""
        self._termination.shutdown()
        self._dispatch.flush(now_us)

    def send(
        self,
        stream_id: int,
        ppid: int,
        data: bytes,
        *,
        ordered: bool,
        max_retransmits: int | None = None,
        max_lifetime_ms: int | None = None,
        now_us: int,
    ) -> None:
        """Queues a message and sends what may be sent.

        Args:
            stream_id: 0 to ``outbound_streams`` - 1.
            ppid: payload protocol identifier, 0 to 2^32-1.
            data: one byte at least: SCTP has no empty messages (RFC 8831 section 6.6 has identifiers for them).
            ordered: whether the peer delivers it in the order of its stream.
            max_retransmits: how often each fragment may be sent again; None for always.
            max_lifetime_ms: when it is given up; None for never.
            now_us: the time.

        Raises:
            SendBufferFullError: it does not fit into the send buffer now, or too many messages wait.
            InvalidStateError: not connected, no such stream or ppid, no data, or more than the send buffer ever takes.
        """
        block = self._lifecycle.block
        if block is None or self._lifecycle.phase != enums.ESTABLISHED:
            raise InvalidStateError(f"SCTP association is {self.state}, expected connected")
        if not 0 <= stream_id < block.outbound_streams():
            raise InvalidStateError(f"SCTP stream is {stream_id}, expected less than {block.outbound_streams()}")
        if not 0 <= ppid < 1 << 32:
            raise InvalidStateError(f"SCTP payload protocol identifier is {ppid}, expected 0 to 4294967295")
        if not 0 < len(data) <= self._send_buffer_size:
            raise InvalidStateError(f"SCTP message has {len(data)} bytes, expected 1 to {self._send_buffer_size}")
        buffered = block.buffered_amount()
        if buffered + len(data) > self._send_buffer_size or block.queued_messages() >= self._max_messages:
            raise SendBufferFullError(
                f"SCTP send buffer has {buffered} of {self._send_buffer_size} bytes, no room for {len(data)}"
            )
        retransmits, expires_us = -1, 0
        if block.peer.partial_reliability:
            retransmits = -1 if max_retransmits is None else max_retransmits
            expires_us = 0 if max_lifetime_ms is None else now_us + 1000 * max_lifetime_ms
        block.send(Message(stream_id, ppid, data, not ordered, retransmits, expires_us))
        self._dispatch.flush(now_us)

    def reset_stream(self, stream_id: int, now_us: int, *, incoming: bool = False) -> None:
        """Asks for a stream to begin anew (RFC 6525); it can then be used by someone else.

        What is sent on an outgoing stream after this waits for the peer's answer. Does nothing when the association is
        not connected, has no such stream, or the peer does not know stream reset, as the reference worker.

        Args:
            stream_id: of a stream we send on, or of one the peer sends on.
            now_us: the time.
            incoming: which of them.
        """
        block = self._lifecycle.block
        if block is None or self._lifecycle.phase != enums.ESTABLISHED:
            return
        if block.reset_stream(stream_id, incoming):
            self._dispatch.flush(now_us)

    def need_stream(self, stream_id: int, now_us: int) -> None:
        """Asks the peer for more streams to send on, in steps of 32, when there is none of this id (0 to 65534)."""
        missing = stream_id + 1 - self.outbound_streams
        if missing <= 0:
            return
        steps = (missing + _STREAMS_STEP - 1) // _STREAMS_STEP
        self._lifecycle.want_outbound_streams(min(self.outbound_streams + steps * _STREAMS_STEP, enums.MAX_STREAMS))
        if self._lifecycle.phase == enums.ESTABLISHED:
            self._dispatch.flush(now_us)
