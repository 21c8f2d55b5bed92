"""What all transports have in common: the commands on a transport, its producers and consumers, RTCP in and out.

A transport is this class plus a path. The four kinds derive from it once each and add how packets come and go:

* the constructor calls ``super().__init__`` first (it registers the id), then opens its sockets; when that fails it
  calls ``self.close()`` and raises again;
* datagrams go through ``self.plane`` (``accept_from``, ``set_destination``, ``set_srtp``), and who reads a socket calls
  ``deliver(socket.receive(now_us), now_us)``;
* ``on_connected()`` when RTP may flow both ways (ICE and DTLS are there, or the tuple is known),
  ``on_disconnected()`` when it may no more; both may be called at any time, repeated calls do nothing;
* ``close_path()`` gives the sockets back; the commands ``dump``, ``getStats`` and ``connect`` are the kind's own, which
  adds to ``base_dump()`` and ``base_stats()`` what only it has;
* ``on_dtls`` and ``on_sctp`` get what the plane hands up for them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_consumer import DataConsumerDump
from miso.worker.channel.bodies.data_producer import DataProducerDump
from miso.worker.channel.bodies.router import CreateTransportRequest
from miso.worker.channel.bodies.transport import (
    CloseConsumerRequest,
    CloseDataConsumerRequest,
    CloseDataProducerRequest,
    CloseProducerRequest,
    ConsumeDataRequest,
    ConsumeRequest,
    ConsumeResponse,
    EnableTraceEventRequest,
    ProduceDataRequest,
    ProduceRequest,
    ProduceResponse,
    SetBitrateRequest,
    TransportDump,
    TransportStats,
    TransportStatsType,
)
from miso.worker.channel.commands import handles
from miso.worker.dataplane import SenderMoved, TransportPlane, UnknownSsrc
from miso.worker.errors import BodyError, CommandError
from miso.worker.faults import attempt
from miso.worker.rtc.closing import close_each, close_each_in_steps, finish
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.data.data_consumer import DataConsumer
from miso.worker.rtc.data.data_producer import DataProducer
from miso.worker.rtc.data.sctp_association import SctpAssociation, is_sctp
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.streams.sender_clocks import SenderClocks
from miso.worker.rtc.trace import TRANSPORT_TRACES, Tracer
from miso.worker.rtc.transport.children import Children
from miso.worker.rtc.transport.incoming_bandwidth import IncomingBandwidth
from miso.worker.rtc.transport.new_streams import NewStreams
from miso.worker.rtc.transport.outgoing_bandwidth import DEFAULT_INITIAL_BITRATE_BPS, OutgoingBandwidth
from miso.worker.rtc.transport.rtcp_in import RtcpReceiver
from miso.worker.rtc.transport.rtcp_out import RtcpSender
from miso.worker.rtc.transport.rtp_listener import RtpListener
from miso.worker.rtc.transport.sent_streams import SentStreams
from miso.worker.rtc.transport.stats import transport_stats

logger = logging.getLogger(__name__)

_MAX_MESSAGE_SIZE = 262_144  # bytes; what is shown where there is no SCTP


class Transport:
    """Base of the four kinds of transport.

    Attributes:
        id: As the controller named it.
        context: What every object of the worker is given.
        plane: Its half in the data plane.
        connected: Whether media may flow.
        closed: Whether it closes, or has.
        leaving: Whether its router closes: whatever its peer sends, media flows no more.
        producers: By id, like ``consumers``, ``data_producers`` and ``data_consumers``.
        outgoing: What its receiver may get, and which consumer gets how much of it.
        rtcp: What its peer's RTCP tells control.
        sctp: Its association, None without.
        max_message_size: Of data channel or direct messages in bytes.
    """

    is_direct = False

    def __init__(
        self,
        context: Context,
        tables: RouterTables,
        transport_id: str,
        options: CreateTransportRequest | None,
        *,
        encrypted: bool,
        max_message_size: int = _MAX_MESSAGE_SIZE,
    ) -> None:
        """Registers the id and prepares for producers and consumers.

        Args:
            context: What every object of the worker is given.
            tables: Of the router it belongs to.
            transport_id: New in the worker.
            options: What the create commands share; None for a direct transport.
            encrypted: True drops RTP and RTCP until ``plane.set_srtp``.
            max_message_size: Of a direct transport, in bytes.

        Raises:
            CommandError: The id is taken.
            BodyError: SCTP is enabled without its parameters.
        """
        self.id = transport_id
        self.context = context
        self.connected = False
        self.closed = False
        self.leaving = False
        self._closing: Iterator[None] | None = None
        self._tables = tables
        self.sctp = SctpAssociation(context, self, options) if options is not None and options.enable_sctp else None
        self.max_message_size = self.sctp.max_message_size if self.sctp is not None else max_message_size
        registry = context.registry
        self.producers = Children(registry, transport_id, tables.producers, "Producer")
        self.consumers = Children(registry, transport_id, tables.consumers, "Consumer")
        self.data_producers = Children(registry, transport_id, tables.data_producers, "DataProducer")
        self.data_consumers = Children(registry, transport_id, tables.data_consumers, "DataConsumer")
        self._tracer = Tracer(context, transport_id, TRANSPORT_TRACES)
        registry.add(self, transport_id, tables.router_id)
        self.plane = TransportPlane(context.plane, encrypted)
        self.plane.owner = self
        self._listener = RtpListener(self.plane)
        self._sender_clocks = SenderClocks()
        self._sent_streams = SentStreams()
        self._new_streams = NewStreams(transport_id, self.plane, self._listener)
        self._incoming = IncomingBandwidth(context, self)
        initial_bps = options.initial_available_outgoing_bitrate if options is not None else DEFAULT_INITIAL_BITRATE_BPS
        self.outgoing = OutgoingBandwidth(context, transport_id, self.plane, self.consumers, self._tracer, initial_bps)
        self._rtcp_out = RtcpSender(context, transport_id, self.plane, is_direct=self.is_direct)
        self.rtcp = RtcpReceiver(transport_id, self._listener, self._rtcp_out.reference_time, self.outgoing)
        tables.transports[transport_id] = self

    # ------------------------------------------------------------ for the kinds

    def close_path(self) -> None:
        """Gives back sockets and timers of the path; called once, after producers and consumers are gone."""

    def on_dtls(self, data: bytes, now_us: int) -> None:
        """A DTLS datagram from an accepted address; only a WebRTC transport has use for it."""

    def on_sender_moved(self, event: SenderMoved, now_us: int) -> None:
        """The peer sends from another accepted address; only a WebRTC transport has several."""

    def on_sctp(self, data: bytes, now_us: int) -> None:
        """A datagram that is neither STUN, DTLS, RTP nor RTCP, or data that came over DTLS."""
        if self.sctp is not None and self.connected and is_sctp(data):
            self.sctp.receive(data, now_us)

    def send_sctp(self, packet: bytes) -> None:
        """Sends an SCTP packet of the association while connected: over UDP, where the kind knows no better."""
        if self.connected:
            self.plane.send(packet)

    def on_connected(self) -> None:
        """RTP may flow from now on."""
        if self.connected or self.closed or self.leaving:
            return
        self.connected = True
        self.plane.connected = True
        for consumer in self.consumers.values():
            attempt(consumer, consumer.transport_connected)
        if self.sctp is not None:
            attempt(self, self.sctp.start)
        attempt(self, self.outgoing.on_connected)
        self._update_timers()

    def on_disconnected(self) -> None:
        """RTP may flow no more, until ``on_connected``."""
        if not self.connected:
            return
        self.connected = False
        self.plane.connected = False
        for consumer in self.consumers.values():
            attempt(consumer, consumer.transport_disconnected)
        attempt(self, self.outgoing.on_disconnected)
        self._update_timers()

    def receive_direct(self, packet: bytes) -> None:
        """An RTP packet of the application; only a direct transport takes it."""

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a compound RTCP packet while connected."""
        if self.connected:
            self.plane.send_rtcp(packet)

    def count_received(self, size: int) -> None:
        """So many bytes came from the application."""
        self.plane.count_received(size, self.context.scheduler.now_us())

    def count_sent(self, size: int) -> None:
        """So many bytes went to the application."""
        self.plane.count_sent(size, self.context.scheduler.now_us())

    def base_dump(self) -> TransportDump:
        """What ``transport.dump`` shows of every kind."""
        sctp = self.sctp
        return TransportDump(
            id=self.id,
            direct=self.is_direct,
            producer_ids=list(self.producers),
            consumer_ids=list(self.consumers),
            map_ssrc_consumer_id=self._sent_streams.consumer_ids(),
            map_rtx_ssrc_consumer_id=self._sent_streams.rtx_consumer_ids(),
            data_producer_ids=list(self.data_producers),
            data_consumer_ids=list(self.data_consumers),
            recv_rtp_header_extensions=self._listener.extensions,
            rtp_listener=self._listener.dump(),
            max_message_size=self.max_message_size,
            trace_event_types=self._tracer.names,
            sctp_parameters=sctp.parameters() if sctp is not None else None,
            sctp_state=sctp.state.value if sctp is not None else None,
            sctp_listener=sctp.listener() if sctp is not None else None,
        )

    def base_stats(self, kind: TransportStatsType) -> TransportStats:
        """What ``transport.getStats`` shows of every kind."""
        now_us = self.context.scheduler.now_us()
        return transport_stats(kind, self.id, self.plane, self._incoming, self.outgoing, self.sctp, now_us)

    # ------------------------------------------------------------ from the plane

    def on_rtcp_delivered(self, packet: bytes) -> None:
        """RTCP of ours for the application; only a direct transport asks for this."""

    def on_rtcp_arrived(self) -> None:
        """RTCP came in, for the first time; only a plain transport asks for this."""

    def on_traffic_limited(self) -> None:
        """Control packets of its peer were dropped, being too many; comes once a second at most."""
        dropped = self.plane.allowance
        logger.warning(
            "too many control packets transport=%s dropped so far: stun=%d rtcp=%d dtls=%d repairs=%d",
            self.id,
            dropped.stun,
            dropped.rtcp,
            dropped.dtls,
            dropped.repairs,
        )
        self.context.on_traffic_limited()

    def on_unknown_ssrc(self, event: UnknownSsrc, now_us: int) -> None:
        """A packet that is of no stream yet."""
        self._new_streams.on_unknown_ssrc(event, now_us)

    # ------------------------------------------------------------ commands: media

    @handles(commands.TRANSPORT_PRODUCE)
    def produce(self, body: ProduceRequest) -> ProduceResponse:
        """Makes a producer.

        Raises:
            CommandError: The id is taken, or an SSRC, MID or RID of it is another producer's.
            BodyError: The RTP parameters do not fit together.
        """
        self.producers.check_new(body.producer_id)
        producer = Producer(self.context, self, self.plane, self._sender_clocks, body)
        try:
            self._listener.add(producer)
            self.producers.add(producer)
        except BaseException:
            self._listener.remove(producer)
            producer.input.close()
            raise
        self._listener.learn_extensions(producer.rtp_parameters.transport_extensions)
        self._incoming.consider(producer.rtp_parameters)
        self._rtcp_out.add_producer(producer)
        self._update_timers()
        return ProduceResponse(type=producer.type)

    @handles(commands.TRANSPORT_CONSUME)
    def consume(self, body: ConsumeRequest) -> ConsumeResponse:
        """Makes a consumer of a producer of this router.

        Raises:
            CommandError: The id is taken, there is no such producer, or an SSRC is another's under the same SRTP key.
            BodyError: The RTP parameters do not fit together, or not the type.
        """
        self.consumers.check_new(body.consumer_id)
        producer = self._tables.producer(body.producer_id)
        consumer = Consumer(self.context, self, producer, body)
        try:
            self.consumers.add(consumer)
        except CommandError:
            consumer.leave_plane()
            raise
        self._sent_streams.add(consumer)
        self._rtcp_out.add_consumer(consumer)
        self.outgoing.consider(consumer)
        response = consumer.attach()
        if self.connected:
            consumer.transport_connected()
        self._update_timers()
        return response

    @handles(commands.PRODUCER_CLOSE)
    def close_producer(self, body: CloseProducerRequest) -> Iterator[None]:
        """Closes a producer, and with it its consumers on whatever transport."""
        return self.producers.find(body.producer_id).closing()

    @handles(commands.CONSUMER_CLOSE)
    def close_consumer(self, body: CloseConsumerRequest) -> None:
        """Closes a consumer."""
        self.consumers.find(body.consumer_id).close()

    def producer_of(self, ssrc: int) -> Producer | None:
        """Whose stream the SSRC is, or the repair of a stream."""
        return self._listener.producer_of(ssrc)

    def forget_producer(self, producer: Producer) -> None:
        """The producer has closed."""
        self._listener.remove(producer)
        self.producers.forget(producer)
        self._rtcp_out.remove_producer(producer)
        self._update_timers()

    def forget_consumer(self, consumer: Consumer) -> None:
        """The consumer has closed."""
        self.consumers.forget(consumer)
        self._sent_streams.remove(consumer)
        self._rtcp_out.remove_consumer(consumer)
        self.outgoing.forget(consumer)
        if not self.closed:
            self.outgoing.distribute_soon(force=True)
        if not self.consumers:
            self._update_timers()

    # ------------------------------------------------------------ commands: bitrates, trace

    @handles(commands.TRANSPORT_SET_MAX_INCOMING_BITRATE)
    def set_max_incoming_bitrate(self, body: SetBitrateRequest) -> None:
        """Tells the sender by REMB not to send more; 0 lifts the limit."""
        self._incoming.set_max(body.bitrate)

    @handles(commands.TRANSPORT_SET_MAX_OUTGOING_BITRATE)
    def set_max_outgoing_bitrate(self, body: SetBitrateRequest) -> None:
        """Limits the outgoing estimate from above; see ``OutgoingBandwidth.set_max``."""
        self.outgoing.set_max(body.bitrate)

    @handles(commands.TRANSPORT_SET_MIN_OUTGOING_BITRATE)
    def set_min_outgoing_bitrate(self, body: SetBitrateRequest) -> None:
        """Limits the outgoing estimate from below; see ``OutgoingBandwidth.set_min``."""
        self.outgoing.set_min(body.bitrate)

    def distribute_bitrate(self, *, force: bool = False) -> None:
        """A consumer wants more or less than before; ``force``: less for good."""
        self.outgoing.distribute_soon(force=force)

    @handles(commands.TRANSPORT_ENABLE_TRACE_EVENT)
    def enable_trace_event(self, body: EnableTraceEventRequest) -> None:
        """Which of ``probation`` and ``bwe`` to trace."""
        self._tracer.enable(body.types)
        self.outgoing.update_traces()

    # ------------------------------------------------------------ commands: data

    @handles(commands.TRANSPORT_PRODUCE_DATA)
    def produce_data(self, body: ProduceDataRequest) -> DataProducerDump:
        """Makes a data producer.

        Raises:
            CommandError: The id or the stream is taken, or there is no SCTP here.
            BodyError: The type is not one of this transport.
        """
        self._check_data(body.type)
        self.data_producers.check_new(body.data_producer_id)
        data_producer = DataProducer(self.context, self, body)
        self.data_producers.add(data_producer)
        if self.sctp is not None and data_producer.stream is not None:
            try:
                self.sctp.add_producer(data_producer, data_producer.stream)
            except CommandError:
                self.data_producers.forget(data_producer)
                raise
        return data_producer.dump()

    @handles(commands.TRANSPORT_CONSUME_DATA)
    def consume_data(self, body: ConsumeDataRequest) -> DataConsumerDump:
        """Makes a data consumer of a data producer of this router.

        Raises:
            CommandError: The id is taken, there is no such data producer, or no SCTP here.
            BodyError: The type is not one of this transport.
        """
        self._check_data(body.type)
        self.data_consumers.check_new(body.data_consumer_id)
        data_producer = self._tables.data_producer(body.data_producer_id)
        data_consumer = DataConsumer(self.context, self, data_producer, body)
        self.data_consumers.add(data_consumer)
        data_producer.add_consumer(data_consumer.id, data_consumer)
        if self.sctp is not None and data_consumer.stream is not None:
            self.sctp.add_consumer(data_consumer, data_consumer.stream)
        return data_consumer.dump()

    @handles(commands.DATA_PRODUCER_CLOSE)
    def close_data_producer(self, body: CloseDataProducerRequest) -> Iterator[None]:
        """Closes a data producer, and with it its data consumers on whatever transport."""
        return self.data_producers.find(body.data_producer_id).closing()

    @handles(commands.DATA_CONSUMER_CLOSE)
    def close_data_consumer(self, body: CloseDataConsumerRequest) -> None:
        """Closes a data consumer."""
        self.data_consumers.find(body.data_consumer_id).close()

    def forget_data_producer(self, data_producer: DataProducer) -> None:
        """The data producer has closed."""
        if self.sctp is not None and data_producer.stream is not None:
            self.sctp.remove_producer(data_producer.stream)
        self.data_producers.forget(data_producer)

    def forget_data_consumer(self, data_consumer: DataConsumer) -> None:
        """The data consumer has closed."""
        if self.sctp is not None and data_consumer.stream is not None:
            self.sctp.remove_consumer(data_consumer, data_consumer.stream)
        self.data_consumers.forget(data_consumer)

    # ------------------------------------------------------------ close

    def fall_silent(self) -> None:
        """Its router is about to close: the peer gets and is heard no more, whoever of the router goes first."""
        if self.sctp is not None:
            attempt(self, self.sctp.close)
        self.leaving = True
        self.connected = False
        self.plane.connected = False
        attempt(self, self.outgoing.on_disconnected)
        attempt(self, self._update_timers)

    def closing(self) -> Iterator[None]:
        """Closes all it carries, then itself, in steps; at each call those that are left."""
        if self._closing is None:
            self._closing = self._close()
        return self._closing

    def close(self) -> None:
        """All steps of ``closing``; idempotent."""
        finish(self.closing())

    def _close(self) -> Iterator[None]:
        self.closed = True
        if self.sctp is not None:
            attempt(self, self.sctp.close)
        yield from close_each_in_steps(self.producers.values())
        yield from close_each(self.consumers.values())
        yield from close_each_in_steps(self.data_producers.values())
        yield from close_each(self.data_consumers.values())
        for close in (
            self.on_disconnected,
            self._incoming.close,
            self.outgoing.close,
            self._rtcp_out.close,
            self.close_path,
        ):
            attempt(self, close)
        self.plane.owner = None
        attempt(self, self.plane.close)
        del self._tables.transports[self.id]
        self.context.registry.remove(self.id, self._tables.router_id)

    # ------------------------------------------------------------ own

    def _check_data(self, data_type: str) -> None:
        if self.sctp is None and not self.is_direct:
            raise CommandError("SCTP not enabled and not a direct Transport")
        if data_type == "direct" and not self.is_direct:
            raise BodyError("cannot use type 'direct', not a direct Transport")
        if data_type == "sctp" and self.sctp is None:
            raise BodyError("cannot use type 'sctp', SCTP not enabled in this Transport")

    def _update_timers(self) -> None:
        """Only a transport that is connected and carries media wakes the worker."""
        self._rtcp_out.set_active(self.connected and bool(self.producers or self.consumers))
        self._incoming.set_active(self.connected and bool(self.producers))
