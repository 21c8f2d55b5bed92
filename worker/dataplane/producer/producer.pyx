# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A producer in the data plane: packets are mapped to the router's numbers, kept, and handed to consumers."""

from libc.string cimport memset

from miso.worker.dataplane.consumer.consumer cimport FETCH_CONSUMER, NO_STREAMS, ConsumerPlane, fetch_ahead
from miso.worker.dataplane.plane cimport Plane
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.packet_trace cimport describe_packet
from miso.worker.dataplane.producer.receive_stream cimport ReceiveStream
from miso.worker.dataplane.producer.rtp_mapping cimport NOT_MAPPED, RtpMapping
from miso.worker.dataplane.transport.receiving_half cimport ReceivingHalf
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport VP8
from miso.worker.rtp.packet cimport RtpHeader

from miso.worker.dataplane.events import PacketTraced, VideoOrientationChanged
from miso.worker.errors import InvalidStateError

MAX_STREAMS = 1024  # of one producer
cdef int ROTATIONS[4]
ROTATIONS[:] = [0, 90, 180, 270]


cdef class ProducerPlane:
    """A producer in the data plane."""

    def __init__(self, ReceivingHalf receiving not None):
        self._plane = receiving.plane
        self._receiving = receiving
        self._mapping = RtpMapping()
        self._consumers = []
        self._streams = []
        self._stores = []
        self._orientation = -1
        receiving.attach(self)

    # ------------------------------------------------------------ tables

    def map_payload_type(self, int received, int forwarded):
        """Packets of the received payload type are forwarded with the other; 0 to 127."""
        self._mapping.map_payload_type(received, forwarded)

    def map_extension(self, str uri_kind not None, int received_id, int forwarded_id):
        """As ``RtpMapping.map_extension``."""
        self._mapping.map_extension(uri_kind, received_id, forwarded_id)

    def add_stream(
        self,
        *,
        unsigned int ssrc,
        unsigned int mapped_ssrc,
        codec,
        int payload_type,
        unsigned int clock_rate,
        bint use_nack,
        bint use_pli,
        int spatial_layers=1,
        int temporal_layers=1,
        encoding_index=None,
    ):
        """Adds the stream of one SSRC.

        ``encoding_index`` is the stream index by which selectors know its packets: 0 the lowest encoding; the next free
        one when it is not given.

        Raises:
            ValueError: the transport has that SSRC, or the producer a stream of that index, already.
        """
        cdef ReceiveStream stream
        cdef int index = len(self._streams) if encoding_index is None else encoding_index
        if self.closed:
            raise InvalidStateError("the producer is closed")
        if not 0 <= index < MAX_STREAMS:
            raise ValueError(f"encoding index is {index}, expected 0 to {MAX_STREAMS - 1}")
        if index < len(self._streams) and self._streams[index] is not None:
            raise ValueError(f"there is a stream of encoding {index} already")
        stream = ReceiveStream(
            self,
            self._receiving,
            self._mapping,
            index,
            ssrc,
            mapped_ssrc,
            codec,
            payload_type,
            clock_rate,
            use_nack,
            use_pli,
            spatial_layers,
            temporal_layers,
        )
        self._receiving.add_stream(ssrc, stream)
        while len(self._streams) <= index:
            self._streams.append(None)
            self._stores.append(PacketStore())
        self._streams[index] = stream
        return stream

    def remove_stream(self, ReceiveStream stream not None):
        """Called by ``ReceiveStream.close``."""
        if self._streams[stream.index] is stream:
            self._streams[stream.index] = None
            (<PacketStore>self._stores[stream.index]).clear()

    def add_consumer(self, ConsumerPlane consumer not None):
        """The consumer is fed from now on. Raises InvalidStateError when it is fed already, or either is closed."""
        if self.closed or consumer.closed or consumer.source is not None:
            raise InvalidStateError("the producer or consumer is closed, or the consumer has a producer")
        consumer.source = self
        consumer.stores = self._stores
        consumer.streams = self._streams
        self._store_users += consumer.needs_store
        self._consumers.append(consumer)

    def remove_consumer(self, ConsumerPlane consumer not None):
        """The consumer is not fed any more; no effect when it is not."""
        cdef Py_ssize_t index
        if consumer.source is not self:
            return
        consumer.source = None
        consumer.stores = consumer.streams = NO_STREAMS
        for index in range(len(self._consumers)):  # ``list.remove`` asks each whether it is equal, which takes longer
            if self._consumers[index] is consumer:
                del self._consumers[index]
                break
        self._store_users -= consumer.needs_store

    def take_audio_levels(self):
        """The -dBov levels 0..127 of RFC 6464 since the last call, oldest first; of more than 256 the newest."""
        cdef unsigned int count = min(self._level_count, LEVELS)
        cdef unsigned int first = self._level_count - count
        cdef bytes levels = bytes([self._levels[(first + index) & (LEVELS - 1)] for index in range(count)])
        self._level_count = 0
        return levels

    def close(self):
        """Closes its streams, lets its consumers go. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for consumer in list(self._consumers):
            self.remove_consumer(consumer)
        for stream in list(self._streams):
            if stream is not None:
                stream.close()
        self._packet_count = 0
        self._receiving.detach(self)

    cdef int worst_loss(self) noexcept:
        """The worst loss that any receiver reports, 0 to 255: a sender with in-band FEC should know it."""
        cdef ConsumerPlane consumer
        cdef int worst = 0
        for consumer in self._consumers:
            if consumer.active:
                worst = max(worst, consumer.feedback.fraction_lost)
        return worst

    # ------------------------------------------------------------ packets

    cdef void take(
        self, ReceiveStream stream, RtpHeader header, unsigned char *data, PayloadDescriptor payload, bint recovered
    ) noexcept:
        """A packet that a stream of ours found new and valid."""
        cdef Plane plane = self._plane
        cdef Packet *packet
        cdef int payload_type = self._mapping.payload_types[header.payload_type]
        if self.closed:
            plane.count.malformed += 1
            return
        if self._packet_count == MAX_BATCH:
            forward_batch(plane)
        packet = &self._packets[self._packet_count]
        memset(packet, 0, sizeof(Packet))
        stream.fill(packet, header)
        packet.payload_type = payload_type & 127
        packet.recovered = recovered
        packet.payload = <void *>payload
        if payload_type == NOT_MAPPED:  # nobody takes it, but its number must not be missed
            plane.count.malformed += 1
        else:
            self._map(packet, stream, header, data)
        if self._packet_count == 0:
            plane.dirty.append(self)
        self._packet_count += 1

    cdef void _map(self, Packet *packet, ReceiveStream stream, RtpHeader header, unsigned char *data) noexcept:
        """Makes the packet what is forwarded, traces and keeps it."""
        cdef Plane plane = self._plane
        cdef PayloadDescriptor payload = <PayloadDescriptor>packet.payload
        cdef int size = header.payload_offset + header.payload_size
        if self.trace_rtp or (self.trace_keyframe and payload.is_key_frame):
            extensions = self._receiving.describe_extensions(header, data)  # before they are written over
        self._mapping.apply(packet, header, data, stream.codec == VP8)
        self._look_at_extensions()
        if self.trace_rtp or (self.trace_keyframe and payload.is_key_frame):
            info = describe_packet(packet, header.ssrc, header.sequence_number, header.timestamp, size)
            info.update(extensions)
            plane.events.append(PacketTraced(self, payload.is_key_frame, packet.recovered, info))
        if self._store_users > 0:
            packet.stored = (<PacketStore>self._stores[stream.index]).put(packet, plane.now_us)

    cdef void _look_at_extensions(self) noexcept:
        cdef int orientation = self._mapping.orientation
        if self._mapping.audio_level >= 0:
            self._levels[self._level_count & (LEVELS - 1)] = self._mapping.audio_level
            self._level_count += 1
        if orientation >= 0 and orientation != self._orientation:
            self._orientation = orientation
            self._plane.events.append(
                VideoOrientationChanged(self, bool(orientation & 8), bool(orientation & 4), ROTATIONS[orientation & 3])
            )

    cdef void forward(self) noexcept:
        cdef ConsumerPlane consumer
        cdef list consumers = self._consumers
        cdef Py_ssize_t index
        cdef int count = self._packet_count
        if count > 0:
            for index in range(-FETCH_CONSUMER, len(consumers)):
                fetch_ahead(consumers, index)
                if index >= 0:
                    consumer = consumers[index]
                    consumer.forward(self._packets, count)
        self._packet_count = 0


cdef void forward_batch(Plane plane) noexcept:
    """What the receive batch brought goes to the consumers, producer by producer."""
    cdef ProducerPlane producer
    if plane.dirty:
        for producer in plane.dirty:
            producer.forward()
        plane.dirty.clear()
        plane.batch.flush()
    plane.payload_count = 0
