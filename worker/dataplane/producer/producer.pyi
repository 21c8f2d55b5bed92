"""Types of ``producer.pyx``: a producer in the data plane."""

from miso.worker.dataplane.consumer.consumer import ConsumerPlane
from miso.worker.dataplane.events import ProducerOwner
from miso.worker.dataplane.producer.receive_stream import ReceiveStream
from miso.worker.dataplane.transport.receiving_half import ReceivingHalf
from miso.worker.rtp.codecs.codec import Codec

MAX_STREAMS: int  # of one producer

class ProducerPlane:
    """A producer in the data plane: how packets are mapped to the router's codecs and extensions; whom they feed."""

    owner: ProducerOwner | None
    @property
    def closed(self) -> bool: ...
    def __init__(self, receiving: ReceivingHalf) -> None:
        """For ``TransportPlane.add_producer``."""
    paused: bool  # packets are counted, not forwarded
    trace_rtp: bool
    trace_keyframe: bool
    def map_payload_type(self, received: int, forwarded: int) -> None: ...
    def map_extension(self, uri_kind: str, received_id: int, forwarded_id: int) -> None:
        """As ``RtpMapping.map_extension``."""
    def add_stream(
        self,
        *,
        ssrc: int,
        mapped_ssrc: int,
        codec: Codec,
        payload_type: int,
        clock_rate: int,
        use_nack: bool,
        use_pli: bool,
        spatial_layers: int = 1,
        temporal_layers: int = 1,
        encoding_index: int | None = None,
    ) -> ReceiveStream:
        """Adds the stream of one SSRC.

        ``encoding_index`` is the stream index by which selectors know its packets: 0 the lowest encoding; the next free
        one when it is not given.

        Raises:
            ValueError: the transport has that SSRC, or the producer a stream of that index, already.
        """
    def add_consumer(self, consumer: ConsumerPlane) -> None: ...
    def remove_consumer(self, consumer: ConsumerPlane) -> None: ...
    def take_audio_levels(self) -> bytes:
        """The -dBov levels 0..127 of RFC 6464 since the last call, oldest first; of more than 256 the newest."""
    def remove_stream(self, stream: ReceiveStream) -> None:
        """For ``ReceiveStream.close``."""
    def close(self) -> None: ...
