"""The SCTP association of a transport: whose messages which stream carries, its timers, its state for the controller.

The protocol itself is ``miso.worker.sctp.association``.
"""

from __future__ import annotations

import logging
import weakref
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from miso.worker.channel.bodies.router import CreateTransportRequest
from miso.worker.channel.bodies.transport import SctpListenerDump, SctpParametersDump
from miso.worker.channel.events import SctpStateChange
from miso.worker.errors import BodyError, CommandError, ParseError
from miso.worker.faults import AFTER_FAULT_US, attempt
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Context
from miso.worker.rtc.data.low_thresholds import LowThresholds
from miso.worker.rtc.data.sctp_stream import SctpStream
from miso.worker.rtc.log_rate_limit import LogRateLimit
from miso.worker.sctp.events import MessageReceived, SctpState, StateChanged

if TYPE_CHECKING:
    from miso.worker.sctp.association import Association

logger = logging.getLogger(__name__)

_PORT = 5000
_TOLD_AT_ONCE = 64  # data consumers
_COMMON_HEADER_SIZE = 12
_PPID_DCEP = 50  # WebRTC data channel establishment (RFC 8832 section 8.1): streams are told by signaling here


def is_sctp(data: bytes) -> bool:
    """Whether a datagram over UDP is SCTP: as in mediasoup, both ports are 5000, which nothing else begins with."""
    return len(data) >= _COMMON_HEADER_SIZE and data[:4] == _PORTS


_PORTS = _PORT.to_bytes(2, "big") * 2


class SctpPath(Protocol):
    """The transport whose association it is."""

    id: str

    def send_sctp(self, packet: bytes) -> None:
        """Sends a packet to the peer while it can be reached."""


class MessageReceiver(Protocol):
    """A data producer: takes the messages of a stream."""

    id: str

    def receive(self, ppid: int, message: bytes) -> None:
        """A message came in."""


class MessageSender(Protocol):
    """A data consumer: sends messages, and may want to know when little of them waits.

    Attributes:
        low_threshold: It is told when so many bytes or less wait.
    """

    low_threshold: int

    def tell_low(self, amount: int) -> None:
        """So many bytes wait."""


class SctpAssociation:
    """Carries the messages of a transport's data producers and data consumers.

    Attributes:
        id: Of the transport.
        max_message_size: That either end may send, in bytes.
    """

    def __init__(self, context: Context, path: SctpPath, options: CreateTransportRequest) -> None:
        """Prepares it; ``start`` then speaks to the peer.

        Args:
            context: What every object of the worker is given.
            path: The transport.
            options: With which the transport was made.

        Raises:
            BodyError: Numbers of streams or the message size are missing.
        """
        if options.num_sctp_streams is None:
            raise BodyError("wrong numSctpStreams (not an object)")
        if options.max_sctp_message_size is None:
            raise BodyError("wrong maxSctpMessageSize (not a number)")
        if not options.num_sctp_streams.os or not options.num_sctp_streams.mis:
            raise BodyError("wrong numSctpStreams.OS and/or numSctpStreams.MIS (not a positive number)")
        self.max_message_size = options.max_sctp_message_size
        self.id = path.id
        self._context = context
        self._path: SctpPath = weakref.proxy(path)  # whom it goes with, without a search for cycles
        self._options = options
        self._streams = options.num_sctp_streams
        self._producers: dict[int, MessageReceiver] = {}  # by stream id
        self._highest_stream = -1  # that a data consumer has used
        self._buffered_amount = 0  # at which the thresholds were looked at last
        self._thresholds: LowThresholds[MessageSender] = LowThresholds()
        self._to_tell: dict[MessageSender, int] = {}  # that so little waits
        self._timer = Alarm(context.scheduler, self, SctpAssociation._on_timer)
        self._running = False  # an event of the association leads to calls into it
        self._closed = False
        self._log_limit = LogRateLimit()
        self._association = self._make_association()

    # ------------------------------------------------------------ shown

    @property
    def state(self) -> SctpState:
        """new, connecting, connected, failed or closed."""
        return self._association.state

    @property
    def buffered_amount(self) -> int:
        """Bytes of messages that the peer has not acknowledged yet."""
        return self._association.buffered_amount

    def parameters(self) -> SctpParametersDump:
        """What the peer should know, and how much waits."""
        return SctpParametersDump(
            port=_PORT,
            os=self._association.outbound_streams,
            mis=self._streams.mis,
            max_message_size=self.max_message_size,
            send_buffer_size=self._options.sctp_send_buffer_size,
            sctp_buffered_amount=self.buffered_amount,
            is_data_channel=self._options.is_data_channel,
        )

    def listener(self) -> SctpListenerDump:
        """Which data producer each stream belongs to."""
        return SctpListenerDump(
            stream_id_table={str(stream_id): producer.id for stream_id, producer in self._producers.items()}
        )

    # ------------------------------------------------------------ from the transport

    def start(self) -> None:
        """The peer can be reached. No effect but for the first time."""
        self._association.start(self._now_us())
        self._run()

    def begin_anew(self) -> None:
        """For another peer, whom ``start`` will speak to: the one until now is told, and what waited is lost."""
        self._association.close(self._now_us())
        for packet in self._association.take_packets():
            self._path.send_sctp(packet)
        self._timer.stop()
        self._association = self._make_association()
        if self._highest_stream >= 0:
            self._association.need_stream(self._highest_stream, self._now_us())
        self._context.notifier.notify(self.id, "sctpstatechange", SctpStateChange(sctp_state=self.state.value))
        self._run()

    def receive(self, packet: bytes, now_us: int) -> None:
        """Takes a packet of the peer; one that is no SCTP is counted, and reported once a second."""
        try:
            self._association.receive(packet, now_us)
        except ParseError as error:
            self._complain("bad packet", error)
        self._run()

    def close(self) -> None:
        """Ends it; the peer is told, the controller is not, who asked for it."""
        self._closed = True
        self._association.close(self._now_us())
        for packet in self._association.take_packets():
            self._path.send_sctp(packet)
        self._timer.stop()

    # ------------------------------------------------------------ from data producers and data consumers

    def add_producer(self, producer: MessageReceiver, stream: SctpStream) -> None:
        """Messages of this stream are the producer's from now on. Raises ``CommandError`` when they are another's."""
        if stream.id in self._producers:
            raise CommandError(f"streamId already exists in SCTP listener [streamId:{stream.id}]")
        self._producers[stream.id] = producer

    def remove_producer(self, stream: SctpStream) -> None:
        """Nobody takes the stream's messages any more: the peer should close it (RFC 8831 section 6.7)."""
        del self._producers[stream.id]
        # A data channel is closed by the end that still can send on it; the other one follows.
        self._association.reset_stream(stream.id, self._now_us(), incoming=not self._options.is_data_channel)
        self._run()

    def add_consumer(self, consumer: MessageSender, stream: SctpStream) -> None:
        """It sends messages on this stream: asks for more streams when there are not enough."""
        self._thresholds.add(consumer, consumer.low_threshold)
        self._highest_stream = max(self._highest_stream, stream.id)
        self._association.need_stream(stream.id, self._now_us())
        self._run()

    def change_threshold(self, consumer: MessageSender, before: int) -> bool:
        """It has another ``low_threshold``. Gives whether so little waits now; if not, it is told later."""
        self._thresholds.remove(consumer, before)
        self._thresholds.add(consumer, consumer.low_threshold)
        self._to_tell.pop(consumer, None)
        return self._buffered_amount <= consumer.low_threshold

    def remove_consumer(self, consumer: MessageSender, stream: SctpStream) -> None:
        """Nothing is sent on its stream any more: the next one to use it begins anew (RFC 6525)."""
        self._thresholds.remove(consumer, consumer.low_threshold)
        self._to_tell.pop(consumer, None)
        self._association.reset_stream(stream.id, self._now_us())
        self._run()

    def send(self, stream: SctpStream, ppid: int, message: bytes) -> None:
        """Queues a message.

        Raises:
            SendBufferFullError: So much is waiting that it does not fit.
            InvalidStateError: Not connected, there is no such stream, or the message is empty (SCTP has none).
        """
        try:
            self._association.send(
                stream.id,
                ppid,
                message,
                ordered=stream.ordered,
                max_retransmits=stream.max_retransmits,
                max_lifetime_ms=stream.max_packet_life_time or None,
                now_us=self._now_us(),
            )
        finally:
            self._run()

    # ------------------------------------------------------------ own

    def _make_association(self) -> Association:
        from miso.worker.sctp.association import Association  # takes 3 MB

        return Association(
            local_port=_PORT,
            remote_port=_PORT,
            max_message_size=self.max_message_size,
            send_buffer_size=self._options.sctp_send_buffer_size,
            outbound_streams=self._streams.os,
            inbound_streams=self._streams.mis,
            is_data_channel=self._options.is_data_channel,
            random=self._context.random,
        )

    def _now_us(self) -> int:
        return self._context.scheduler.now_us()

    def _run(self) -> None:
        """Does what the association wants until it wants nothing more, and watches what it wants later."""
        if self._running or self._closed:
            return
        self._work()
        self._watch()

    def _work(self) -> None:
        self._running = True
        try:
            while True:
                events, packets = self._association.take_events(), self._association.take_packets()
                if not events and not packets:
                    break
                for packet in packets:
                    attempt(self, self._path.send_sctp, packet)
                for event in events:
                    if isinstance(event, MessageReceived):
                        attempt(self, self._on_message, event)
                    elif isinstance(event, StateChanged):
                        attempt(self, self._on_state, event)
                self._tell_buffered_amount()
        finally:
            self._running = False
        self._tell_buffered_amount()

    def _on_message(self, event: MessageReceived) -> None:
        producer = self._producers.get(event.stream_id)
        if event.ppid == _PPID_DCEP or producer is None:
            self._complain("message ignored", f"stream {event.stream_id}, PPID {event.ppid}")
            return
        producer.receive(event.ppid, event.data)

    def _on_state(self, event: StateChanged) -> None:
        if event.reason:
            logger.warning("SCTP transport=%s state=%s: %s", self.id, event.state, event.reason)
        else:
            logger.debug("SCTP transport=%s state=%s", self.id, event.state)
        self._context.notifier.notify(self.id, "sctpstatechange", SctpStateChange(sctp_state=event.state.value))

    def _complain(self, what: str, why: object) -> None:
        if self._log_limit.is_due(self._now_us()):
            logger.warning("SCTP %s (%d so far) transport=%s: %s", what, self._log_limit.count, self.id, why)

    def _tell_buffered_amount(self) -> None:
        """Tells those whose thresholds were crossed; many of them in slices, so that one packet costs little."""
        before, self._buffered_amount = self._buffered_amount, self.buffered_amount
        for consumer in self._thresholds.crossed(before, self._buffered_amount):
            self._to_tell[consumer] = self._buffered_amount
        if not self._to_tell:
            return
        for consumer in list(islice(self._to_tell, _TOLD_AT_ONCE)):
            attempt(consumer, consumer.tell_low, self._to_tell.pop(consumer))

    def _watch(self) -> None:
        """Keeps one timer; what moves the deadline back leaves it alone."""
        now_us = self._now_us()
        due_us = now_us if self._to_tell else self._association.next_timer_us
        if self._closed or due_us is None or (self._timer.due_us is not None and self._timer.due_us <= due_us):
            return
        self._timer.set(max(due_us - now_us, 0))

    def _on_timer(self) -> None:
        self._timer.set(AFTER_FAULT_US)  # should what follows meet a fault
        now_us = self._now_us()
        due_us = self._association.next_timer_us
        if due_us is not None and due_us <= now_us:
            self._association.on_timer(now_us)
        self._work()
        self._timer.stop()
        self._watch()
