"""What a consumer and its layers ask of each other, whatever its type."""

from __future__ import annotations

from typing import Protocol, TypedDict

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.producer.producer_stream import ProducerStream


class LayersDump(TypedDict, total=False):
    """The fields of ``ConsumerDump`` about layers; a consumer without layers has none."""

    preferred_spatial_layer: int
    target_spatial_layer: int
    current_spatial_layer: int
    preferred_temporal_layer: int
    target_temporal_layer: int
    current_temporal_layer: int


class LayersConsumer(Protocol):
    """What layers ask of their consumer."""

    @property
    def active(self) -> bool:
        """Whether packets may flow."""

    @property
    def managed_by_transport(self) -> bool:
        """Whether the transport estimates the bandwidth and shares it out."""

    def now_us(self) -> int:
        """Monotonic time."""

    def distribute_bitrate(self) -> None:
        """Has the transport share out its bandwidth anew."""

    def request_key_frame_of(self, encoding: int) -> None:
        """Asks the sender for a key frame of one of the consumable encodings."""

    def emit_layers(self, spatial: int, temporal: int) -> None:
        """Tells the controller what layers are forwarded; -1: none."""

    def encoding_switched(self) -> None:
        """Another encoding of the producer is forwarded now."""


class LayerControl(Protocol):
    """What a consumer asks of its layers."""

    @property
    def live(self) -> bool:
        """Whether the producer sends anything that could be forwarded."""

    @property
    def stream(self) -> ProducerStream | None:
        """The producer's stream that is being forwarded; None when there is none, or several (pipe)."""

    @property
    def preferred(self) -> ConsumerLayers | None:
        """What the receiver prefers; None without layers."""

    def prefer(self, body: ConsumerLayers) -> None:
        """Takes the receiver's wish."""

    def begin(self) -> None:
        """Packets may flow from now on."""

    def end(self) -> None:
        """Packets may flow no more."""

    def reconsider(self) -> None:
        """The producer's streams or layers are not what they were."""

    def forwards(self, index: int, encoding: int) -> bool:
        """Whether the consumer's stream ``index`` is made of the producer's encoding now."""

    def switched(self, spatial: int, temporal: int) -> None:
        """The plane forwards other layers now."""

    def request_key_frames(self) -> None:
        """Asks the sender for key frames of all that is or will be forwarded."""

    def request_repair(self, index: int) -> None:
        """Asks the sender for a key frame of what the consumer's stream ``index`` forwards: the picture is lost."""

    def awaits_key_frame_of(self, stream: ProducerStream) -> bool:
        """Whether nothing, or not the wanted layer, is forwarded until a key frame of the stream comes."""

    def increase(self, budget_bps: int, loss: float | None, now_us: int) -> int:
        """As ``Consumer.increase_layer``."""

    def apply(self, is_flooded: bool) -> None:
        """As ``Consumer.apply_layers``."""

    def forwarded_bitrate(self, now_us: int) -> int:
        """Bit/s of what it forwards, repairs left out."""

    def settled_bitrate(self, now_us: int) -> int:
        """As ``Consumer.settled_bitrate``."""

    def desired_bitrate(self, now_us: int) -> int:
        """Bit/s of all it would forward if it could."""

    def dump(self) -> LayersDump:
        """As ``consumer.dump`` shows them."""
