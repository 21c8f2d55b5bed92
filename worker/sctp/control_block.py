# cython: language_level=3, annotation_typing=False
"""The transmission control block (RFC 9260): what there is of an association once the peer is known."""

from __future__ import annotations

from miso.worker.sctp import enums
from miso.worker.sctp.events import Event
from miso.worker.sctp.handshake.cookie import Peer
from miso.worker.sctp.receiving.data_receiver import DataReceiver
from miso.worker.sctp.reconfiguration import Reconfiguration
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.sending.data_sender import DataSender
from miso.worker.sctp.sending.retransmission_timeout import RetransmissionTimeout
from miso.worker.sctp.sending.send_queue import Message, SendQueue
from miso.worker.sctp.settings import Settings
from miso.worker.sctp.timers import Timers

_MAX_ERRORS = 10  # Association.Max.Retrans
_SACK_DELAY_US = 200_000


class ControlBlock:
    """Both halves, the reconfiguration between them, and the timers that drive them.

    Attributes:
        peer: what the handshake settled.
    """

    def __init__(self, peer: Peer, local_tsn: int, settings: Settings, bundler: Bundler, timers: Timers) -> None:
        self.peer = peer
        self._receiver = DataReceiver(
            peer.initial_tsn, peer.inbound_streams, settings.max_message_size, peer.interleaving
        )
        self._rto = RetransmissionTimeout()
        self._queue = SendQueue(peer.interleaving, peer.a_rwnd)
        self._sender = DataSender(self._queue, self._rto, local_tsn, peer.a_rwnd, peer.interleaving)
        self._reconfiguration = Reconfiguration(
            self._receiver,
            self._sender,
            self._queue,
            local_tsn=local_tsn,
            peer_tsn=peer.initial_tsn,
            outbound_streams=peer.outbound_streams,
            max_inbound_streams=settings.inbound_streams,
            echoes_resets=settings.is_data_channel,
        )
        self._bundler = bundler
        self._timers = timers
        self._errors = 0  # in a row that something was not answered

    # ------------------------------------------------------------------ what the user wants

    def buffered_amount(self) -> int:
        """Bytes of messages not acknowledged and not given up."""
        return self._sender.buffered_amount()

    def queued_messages(self) -> int:
        """How many messages have not left completely."""
        return self._queue.count

    def outbound_streams(self) -> int:
        """How many streams may be sent on."""
        return self._reconfiguration.outbound_streams

    def want_outbound_streams(self, count: int) -> None:
        """Asks for as many streams to send on, if the peer knows how to add some."""
        missing = count - self._reconfiguration.outbound_streams
        if missing > 0 and self.peer.reconfiguration:
            self._reconfiguration.add_outgoing_streams(missing)

    def reset_stream(self, stream_id: int, incoming: bool) -> bool:
        """Asks for a stream to begin anew; gives whether the peer knows what that is."""
        if self.peer.reconfiguration:
            if incoming:
                self._reconfiguration.reset_incoming(stream_id)
            else:
                self._reconfiguration.reset_outgoing(stream_id)
        return self.peer.reconfiguration

    def send(self, message: Message) -> None:
        """Queues a message; ``flush`` sends it."""
        self._queue.put(message)
        self._reconfiguration.on_message_sent(message.stream_id)

    # ------------------------------------------------------------------ whether the peer answers

    def on_round_trip(self, rtt_us: int) -> None:
        """A heartbeat, or a packet of the handshake, was answered."""
        self._errors = 0
        self._rto.on_round_trip(rtt_us)

    def timeout_us(self) -> int:
        """The path's retransmission timeout."""
        return self._rto.timeout_us

    def back_off(self) -> None:
        """Something was not answered in that time: it is twice as long now."""
        self._rto.back_off()

    def count_error(self) -> bool:
        """Something was not answered. Whether that was one too many, and the peer is given up."""
        self._errors += 1
        return self._errors > _MAX_ERRORS

    # ------------------------------------------------------------------ what comes

    def on_data(self, packet: bytes, offset: int, end: int, flags: int, is_interleaved: bool) -> int:
        """Takes the value of a DATA or I-DATA chunk; gives what ``DataReceiver.add`` gives. Raises ParseError."""
        return self._receiver.add(packet, offset, end, flags, is_interleaved)

    def on_packet_with_data(self) -> None:
        """All chunks of a packet were taken, and there was data among them: it is to be acknowledged."""
        self._receiver.unacknowledged += 1

    def on_forward_tsn(self, packet: bytes, offset: int, end: int, is_interleaved: bool) -> None:
        """Takes the value of a FORWARD-TSN or I-FORWARD-TSN. Raises ParseError for a wrong one."""
        self._receiver.forward(packet, offset, end, is_interleaved)

    def on_sack(self, packet: bytes, offset: int, end: int, now_us: int) -> None:
        """Takes the value of a SACK. Raises ParseError for one that is too short."""
        self._on_acknowledged(self._sender.on_sack(packet, offset, end, now_us))

    def on_shutdown(self, tsn: int, now_us: int) -> None:
        """Takes the cumulative TSN of a SHUTDOWN."""
        self._on_acknowledged(self._sender.on_shutdown(tsn, now_us))

    def on_reconfig(self, packet: bytes, offset: int, end: int) -> None:
        """Takes the value of a RE-CONFIG. Raises ParseError for a wrong one."""
        answer = self._reconfiguration.receive(packet, offset, end)
        if answer is not None:
            self._bundler.add(answer)
        if not self._reconfiguration.is_waiting():
            self._timers.stop(enums.TIMER_RECONFIG)

    def _on_acknowledged(self, done: int) -> None:
        sender = self._sender
        if done or sender.peer_is_full:
            self._errors = 0
        if done & enums.ADVANCED or sender.retransmit_now:
            self._timers.stop(enums.TIMER_T3)  # and started again for what is outstanding now
            self._timers.stop(enums.TIMER_PROBE)

    def cumulative_tsn(self) -> int:
        """All that the peer sent up to this TSN has come, 0 to 2^32-1."""
        return self._receiver.cumulative_tsn()

    def take_events(self) -> list[Event]:
        """What there is for the user: messages, of many that have their turn a slice, and what became of streams."""
        events: list[Event] = [*self._receiver.take_messages()]
        events += self._reconfiguration.take_events()
        return events

    def take_all_messages(self) -> list[Event]:
        """All that has its turn: what was acknowledged is not lost with the control block."""
        messages: list[Event] = list(self._receiver.take_messages())
        while self._receiver.has_more():
            messages.extend(self._receiver.take_messages())
        return messages

    def is_drained(self) -> bool:
        """Whether all that is sent is acknowledged, and all that came is handed out."""
        return self._sender.is_idle() and not self._receiver.has_more()

    # ------------------------------------------------------------------ timers

    def on_t3(self, now_us: int) -> None:
        """All that is in flight is lost."""
        self._rto.back_off()
        self._sender.on_timeout(now_us)

    def on_probe_timer(self, now_us: int) -> None:
        """Sends what is not acknowledged once more, before the retransmission timeout does."""
        chunks = self._sender.probe(enums.ROOM, now_us)
        if chunks:
            self._bundler.send_alone(b"".join(chunks))
            self._timers.start_not_before(enums.TIMER_T3, now_us + self._rto.probe_us)

    def on_sack_timer(self, now_us: int) -> None:
        """A SACK was delayed for long enough."""
        self._receiver.sack_now = True

    def on_reconfig_timer(self, now_us: int) -> None:
        """A request is sent again, or given up."""
        request = self._reconfiguration.on_timeout()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(enums.TIMER_RECONFIG, now_us + self._rto.timeout_us)

    # ------------------------------------------------------------------ what is sent

    def flush(self, now_us: int) -> None:
        """Sends all that may be sent now."""
        receiver = self._receiver
        sender = self._sender
        self._add_sack(receiver, now_us)
        request = self._reconfiguration.next_request()
        if request is not None:
            self._bundler.add(request)
            self._timers.start(enums.TIMER_RECONFIG, now_us + self._rto.timeout_us)
        self._bundler.flush(sender, now_us)
        if receiver.has_more() or self._queue.is_cut:
            self._timers.start(enums.TIMER_REST, now_us)
        self._watch(sender, now_us)

    def _add_sack(self, receiver: DataReceiver, now_us: int) -> None:
        """At once for every second packet, for gaps and repetitions, else within 200 ms (RFC 9260 section 6.2)."""
        if receiver.sack_now or receiver.unacknowledged >= enums.UNACKNOWLEDGED_PACKETS:
            self._bundler.add_first(receiver.sack(enums.ROOM))
            self._timers.stop(enums.TIMER_SACK)
        elif receiver.unacknowledged and not self._timers.is_running(enums.TIMER_SACK):
            self._timers.start(enums.TIMER_SACK, now_us + _SACK_DELAY_US)

    def _watch(self, sender: DataSender, now_us: int) -> None:
        """Runs the timers of what is outstanding: probes, and the retransmission timeout."""
        if not sender.is_outstanding():
            self._timers.stop(enums.TIMER_T3)
            self._timers.stop(enums.TIMER_PROBE)
            return
        if not self._timers.is_running(enums.TIMER_T3):
            self._timers.start(enums.TIMER_T3, now_us + self._rto.timeout_us)
        if self._timers.is_running(enums.TIMER_PROBE):
            return
        delay_us = sender.probe_delay_us()
        if delay_us:
            self._timers.start(enums.TIMER_PROBE, now_us + delay_us)
