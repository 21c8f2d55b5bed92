"""What all transports have in common: the commands on a transport, its producers and consumers, RTCP in and out.

A transport is this class plus a path. The four kinds derive from it once each and add how packets come and go:

* the constructor calls ``super().__init__`` first (it registers the id), then opens its sockets; when that fails it
  calls ``self.close()`` and raises again;
* datagrams go through ``self.plane`` (``accept_from``, ``set_destination``, ``set_srtp``), and who reads a socket calls
  ``deliver(socket.receive(now_us), now_us)``;
* ``on_connected()`` when RTP may flow both ways (ICE and DTLS are there, or the tuple is known),
  ``on_disconnected()`` when it may no more; both may be called at any time, repeated calls do nothing;
* ``close_path()`` gives the sockets back; the commands ``dump``, ``getStats`` and ``connect`` are the kind's own,
  made of ``dump_fields()`` and ``stats_fields()``: ``PlainTransportDump(**self.dump_fields(), rtcp_mux=…)``;
* ``on_dtls`` and ``on_sctp`` get what the plane hands up for them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_consumer import DataConsumerDump
from miso.worker.channel.bodies.data_producer import DataProducerDump
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
)
from miso.worker.channel.commands import handles
from miso.worker.dataplane import SenderMoved, TransportPlane, UnknownSsrc
from miso.worker.errors import BodyError, CommandError
from miso.worker.faults import attempt
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.data.data_consumer import DataConsumer
from miso.worker.rtc.data.data_producer import DataProducer
from miso.worker.rtc.data.sctp_association import SctpAssociation, is_sctp
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.router_tables import RouterTables, find
from miso.worker.rtc.streams.sender_clock import SenderClocks
from miso.worker.rtc.trace import TRANSPORT_TRACES, Tracer
from miso.worker.rtc.transport.incoming_bandwidth import IncomingBandwidth
from miso.worker.rtc.transport.outgoing_bandwidth import DEFAULT_INITIAL_BITRATE_BPS, OutgoingBandwidth
from miso.worker.rtc.transport.rtcp_in import RtcpReceiver
from miso.worker.rtc.transport.rtcp_out import RtcpSender
from miso.worker.rtc.transport.rtp_listener import RtpListener
from miso.worker.rtc.transport.shapes import DumpFields, StatsFields

if TYPE_CHECKING:
    from miso.worker.channel.bodies.router import CreateTransportRequest
    from miso.worker.rtc.consumer.stream import ConsumerStream
    from miso.worker.rtc.context import Context

logger = logging.getLogger(__name__)

_MAX_MESSAGE_SIZE = 262_144  # bytes; what is shown where there is no SCTP


class Transport:
    """Base of the four kinds of transport.

    Attributes:
        id: As the controller named it.
        plane: Its half in the data plane.
        connected: Whether media may flow.
        closed: Whether ``close`` was called.
        producers: By id, like ``consumers``, ``data_producers`` and ``data_consumers``.
        sent_by_ssrc: The consumers' streams by SSRC; ``sent_by_rtx_ssrc`` by that of their repairs.
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
        self.tables = tables
        self.connected = False
        self.closed = False
        self.sctp = SctpAssociation(self, options) if options is not None and options.enable_sctp else None
        self.max_message_size = self.sctp.max_message_size if self.sctp is not None else max_message_size
        self.producers: dict[str, Producer] = {}
        self.consumers: dict[str, Consumer] = {}
        self.sent_by_ssrc: dict[int, ConsumerStream] = {}
        self.sent_by_rtx_ssrc: dict[int, ConsumerStream] = {}
        self.data_producers: dict[str, DataProducer] = {}
        self.data_consumers: dict[str, DataConsumer] = {}
        self._tracer = Tracer(context, transport_id, TRANSPORT_TRACES)
        context.registry.add(self, transport_id, tables.router_id)
        self.plane = TransportPlane(context.plane, encrypted)
        self.plane.owner = self
        self.listener = RtpListener(self.plane)
        self.sender_clocks = SenderClocks()
        self.incoming = IncomingBandwidth(self)
        initial_bps = options.initial_available_outgoing_bitrate if options is not None else DEFAULT_INITIAL_BITRATE_BPS
        self.outgoing = OutgoingBandwidth(self, self._tracer, initial_bps)
        self._rtcp_in = RtcpReceiver(self)
        self._rtcp_out = RtcpSender(self)
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
        if self.connected or self.closed:
            return
        self.connected = True
        self.plane.connected = True
        for consumer in self.consumers.values():
            attempt(consumer, consumer.transport_connected)
        if self.sctp is not None:
            self.sctp.start()
        self.outgoing.on_connected()
        self._update_timers()

    def on_disconnected(self) -> None:
        """RTP may flow no more, until ``on_connected``."""
        if not self.connected:
            return
        self.connected = False
        self.plane.connected = False
        for consumer in self.consumers.values():
            attempt(consumer, consumer.transport_disconnected)
        self.outgoing.on_disconnected()
        self._update_timers()

    def receive_direct(self, packet: bytes) -> None:
        """An RTP packet of the application; only a direct transport takes it."""

    def send_rtcp(self, packet: bytes) -> None:
        """Sends a compound RTCP packet while connected."""
        if self.connected:
            self.plane.send_rtcp(packet)

    def dump_fields(self) -> DumpFields:
        """What ``transport.dump`` shows of every kind."""
        sctp = self.sctp
        return {
            "id": self.id,
            "direct": self.is_direct,
            "producer_ids": list(self.producers),
            "consumer_ids": list(self.consumers),
            "map_ssrc_consumer_id": {str(ssrc): one.consumer_id for ssrc, one in self.sent_by_ssrc.items()},
            "map_rtx_ssrc_consumer_id": {str(ssrc): one.consumer_id for ssrc, one in self.sent_by_rtx_ssrc.items()},
            "data_producer_ids": list(self.data_producers),
            "data_consumer_ids": list(self.data_consumers),
            "recv_rtp_header_extensions": self.listener.extensions,
            "rtp_listener": self.listener.dump(),
            "max_message_size": self.max_message_size,
            "trace_event_types": self._tracer.names,
            "sctp_parameters": sctp.parameters() if sctp is not None else None,
            "sctp_state": sctp.state.value if sctp is not None else None,
            "sctp_listener": sctp.listener() if sctp is not None else None,
        }

    def stats_fields(self) -> StatsFields:
        """What ``transport.getStats`` shows of every kind."""
        now_us = self.context.scheduler.now_us()
        plane = self.plane
        return {
            "transport_id": self.id,
            "timestamp": now_us // 1000,
            "bytes_received": plane.bytes_received,
            "recv_bitrate": plane.bitrate("received", now_us),
            "bytes_sent": plane.bytes_sent,
            "send_bitrate": plane.bitrate("sent", now_us),
            "rtp_bytes_received": plane.rtp_bytes_received,
            "rtp_recv_bitrate": plane.bitrate("rtp_received", now_us),
            "rtp_bytes_sent": plane.rtp_bytes_sent,
            "rtp_send_bitrate": plane.bitrate("rtp_sent", now_us),
            "rtx_bytes_received": plane.rtx_bytes_received,
            "rtx_recv_bitrate": plane.bitrate("rtx_received", now_us),
            "rtx_bytes_sent": plane.rtx_bytes_sent,
            "rtx_send_bitrate": plane.bitrate("rtx_sent", now_us),
            "probation_bytes_sent": plane.probation_bytes_sent,
            "probation_send_bitrate": plane.bitrate("probation_sent", now_us),
            "sctp_state": self.sctp.state.value if self.sctp is not None else None,
            "available_incoming_bitrate": self.incoming.available_bps or None,
            "max_incoming_bitrate": self.incoming.max_bps or None,
            "rtp_packet_loss_received": self.incoming.fraction_lost,
            "available_outgoing_bitrate": self.outgoing.available_bps if self.outgoing.kind else None,
            "rtp_packet_loss_sent": self.outgoing.fraction_lost if self.outgoing.kind else None,
        }

    # ------------------------------------------------------------ from the plane

    def on_rtcp(self, data: bytes, now_us: int) -> None:
        """A compound RTCP packet came in."""
        self._rtcp_in.receive(data, now_us)

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

    def on_unknown_ssrc(self, event: UnknownSsrc, now_us: int) -> None:
        """A packet that is of no stream yet, or of another than its SSRC: it finds its producer's, or is ignored."""
        listener = self.listener
        listener.recall(event)
        producer = listener.find(event)
        holder = listener.producer_of(event.ssrc)
        if holder is not None and holder.has_ssrc(event.ssrc):
            if producer is holder:
                holder.tolerate_mid(event.ssrc, event.mid)
                self._receive_again((event.packet, *event.later), now_us)
                return
            logger.debug("ssrc moved transport=%s ssrc=%d from=%s mid=%s", self.id, event.ssrc, holder.id, event.mid)
            for ssrc in holder.release_ssrc(event.ssrc):
                listener.unlearn(ssrc)
        if producer is None or not producer.accept_ssrc(event):
            logger.debug("ssrc ignored transport=%s ssrc=%d payload_type=%d", self.id, event.ssrc, event.payload_type)
            self.plane.ignore_ssrc(event.ssrc)
        else:
            listener.learn(event.ssrc, producer)
            self._receive_again((event.packet,), now_us)
            producer.stream_started(event.ssrc)
        self._receive_again(event.later, now_us)

    def _receive_again(self, packets: Iterable[bytes], now_us: int) -> None:
        for packet in packets:
            deliver(self.plane.receive(packet, now_us), now_us)

    # ------------------------------------------------------------ commands: media

    @handles(commands.TRANSPORT_PRODUCE)
    def produce(self, body: ProduceRequest) -> ProduceResponse:
        """Makes a producer.

        Raises:
            CommandError: The id is taken, or an SSRC, MID or RID of it is another producer's.
            BodyError: The RTP parameters do not fit together.
        """
        if body.producer_id in self.tables.producers:
            raise CommandError("a Producer with same producerId already exists")
        producer = Producer(self.context, self, self.plane, self.sender_clocks, body)
        try:
            self.listener.add(producer)
            self.context.registry.add(producer, producer.id, self.id)
        except BaseException:
            self.listener.remove(producer)
            producer.input.close()
            raise
        self.producers[producer.id] = self.tables.producers[producer.id] = producer
        self.listener.learn_extensions(producer.rtp_parameters.transport_extensions)
        self.incoming.consider(producer.rtp_parameters)
        self._update_timers()
        return ProduceResponse(type=producer.type)

    @handles(commands.TRANSPORT_CONSUME)
    def consume(self, body: ConsumeRequest) -> ConsumeResponse:
        """Makes a consumer of a producer of this router.

        Raises:
            CommandError: The id is taken, or there is no such producer.
            BodyError: The RTP parameters do not fit together, or not the type.
        """
        if body.consumer_id in self.tables.consumers:
            raise CommandError("a Consumer with same consumerId already exists")
        producer = self.tables.producer(body.producer_id)
        consumer = Consumer(self.context, self, producer, body)
        try:
            self.context.registry.add(consumer, consumer.id, self.id)
        except CommandError:
            consumer.leave_plane()
            raise
        self.consumers[consumer.id] = self.tables.consumers[consumer.id] = consumer
        for stream in consumer.streams:
            self.sent_by_ssrc[stream.ssrc] = stream
            if stream.rtx_ssrc:
                self.sent_by_rtx_ssrc[stream.rtx_ssrc] = stream
        self.outgoing.consider(consumer)
        response = consumer.attach()
        if self.connected:
            consumer.transport_connected()
        self._update_timers()
        return response

    @handles(commands.PRODUCER_CLOSE)
    def close_producer(self, body: CloseProducerRequest) -> None:
        """Closes a producer, and with it its consumers on whatever transport."""
        find(self.producers, body.producer_id, "Producer not found").close()

    @handles(commands.CONSUMER_CLOSE)
    def close_consumer(self, body: CloseConsumerRequest) -> None:
        """Closes a consumer."""
        find(self.consumers, body.consumer_id, "Consumer not found").close()

    def producer_of(self, ssrc: int) -> Producer | None:
        """Whose stream the SSRC is, or the repair of a stream."""
        return self.listener.producer_of(ssrc)

    def forget_producer(self, producer: Producer) -> None:
        """The producer has closed."""
        self.listener.remove(producer)
        del self.producers[producer.id]
        del self.tables.producers[producer.id]
        self.context.registry.remove(producer.id, self.id)
        self._update_timers()

    def forget_consumer(self, consumer: Consumer) -> None:
        """The consumer has closed."""
        del self.consumers[consumer.id]
        del self.tables.consumers[consumer.id]
        for stream in consumer.streams:
            for by_ssrc, ssrc in ((self.sent_by_ssrc, stream.ssrc), (self.sent_by_rtx_ssrc, stream.rtx_ssrc)):
                if by_ssrc.get(ssrc) is stream:
                    del by_ssrc[ssrc]
        self.context.registry.remove(consumer.id, self.id)
        if not self.closed:
            self.outgoing.distribute(force=True)
        self._update_timers()

    # ------------------------------------------------------------ commands: bitrates, trace

    @handles(commands.TRANSPORT_SET_MAX_INCOMING_BITRATE)
    def set_max_incoming_bitrate(self, body: SetBitrateRequest) -> None:
        """Tells the sender by REMB not to send more; 0 lifts the limit."""
        self.incoming.set_max(body.bitrate)

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
        self.outgoing.distribute(force=force)

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
        if body.data_producer_id in self.tables.data_producers:
            raise CommandError("a DataProducer with same dataProducerId already exists")
        data_producer = DataProducer(self.context, self, body)
        self.context.registry.add(data_producer, data_producer.id, self.id)
        if self.sctp is not None and data_producer.stream is not None:
            try:
                self.sctp.add_producer(data_producer, data_producer.stream)
            except CommandError:
                self.context.registry.remove(data_producer.id, self.id)
                raise
        self.data_producers[data_producer.id] = self.tables.data_producers[data_producer.id] = data_producer
        return data_producer.dump()

    @handles(commands.TRANSPORT_CONSUME_DATA)
    def consume_data(self, body: ConsumeDataRequest) -> DataConsumerDump:
        """Makes a data consumer of a data producer of this router.

        Raises:
            CommandError: The id is taken, there is no such data producer, or no SCTP here.
            BodyError: The type is not one of this transport.
        """
        self._check_data(body.type)
        if body.data_consumer_id in self.tables.data_consumers:
            raise CommandError("a DataConsumer with same dataConsumerId already exists")
        data_consumer = DataConsumer(self.context, self, self.tables.data_producer(body.data_producer_id), body)
        self.context.registry.add(data_consumer, data_consumer.id, self.id)
        self.data_consumers[data_consumer.id] = self.tables.data_consumers[data_consumer.id] = data_consumer
        data_consumer.data_producer.data_consumers[data_consumer.id] = data_consumer
        if self.sctp is not None and data_consumer.stream is not None:
            self.sctp.add_consumer(data_consumer, data_consumer.stream)
        return data_consumer.dump()

    @handles(commands.DATA_PRODUCER_CLOSE)
    def close_data_producer(self, body: CloseDataProducerRequest) -> None:
        """Closes a data producer, and with it its data consumers on whatever transport."""
        find(self.data_producers, body.data_producer_id, "DataProducer not found").close()

    @handles(commands.DATA_CONSUMER_CLOSE)
    def close_data_consumer(self, body: CloseDataConsumerRequest) -> None:
        """Closes a data consumer."""
        find(self.data_consumers, body.data_consumer_id, "DataConsumer not found").close()

    def forget_data_producer(self, data_producer: DataProducer) -> None:
        """The data producer has closed."""
        if self.sctp is not None and data_producer.stream is not None:
            self.sctp.remove_producer(data_producer.stream)
        del self.data_producers[data_producer.id]
        del self.tables.data_producers[data_producer.id]
        self.context.registry.remove(data_producer.id, self.id)

    def forget_data_consumer(self, data_consumer: DataConsumer) -> None:
        """The data consumer has closed."""
        if self.sctp is not None and data_consumer.stream is not None:
            self.sctp.remove_consumer(data_consumer, data_consumer.stream)
        del self.data_consumers[data_consumer.id]
        del self.tables.data_consumers[data_consumer.id]
        self.context.registry.remove(data_consumer.id, self.id)

    # ------------------------------------------------------------ close

    def close(self) -> None:
        """Closes all it carries, then itself; idempotent."""
        if self.closed:
            return
        self.closed = True
        if self.sctp is not None:
            self.sctp.close()
        for producer in list(self.producers.values()):
            attempt(producer, producer.close)
        for consumer in list(self.consumers.values()):
            attempt(consumer, consumer.close)
        for data_producer in list(self.data_producers.values()):
            attempt(data_producer, data_producer.close)
        for data_consumer in list(self.data_consumers.values()):
            attempt(data_consumer, data_consumer.close)
        self.on_disconnected()
        self.incoming.close()
        self.outgoing.close()
        self._rtcp_out.close()
        self.close_path()
        self.plane.owner = None
        self.plane.close()
        del self.tables.transports[self.id]
        self.context.registry.remove(self.id, self.tables.router_id)

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
        self.incoming.set_active(self.connected and bool(self.producers))
