"""Where a consumer's layers come from: streams of their own (simulcast), or parts of one stream (SVC)."""

from __future__ import annotations

from miso.worker.rtc.consumer.target_layers import Layers
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtp.layer_selectors import SimulcastLayerSelector

# What the lowest layer of a stream counts as before its first packet is through the plane: not nothing.
_UNMEASURED_BPS = 1


class SimulcastStreams:
    """Each spatial layer is an encoding of the producer, with an SSRC of its own."""

    __slots__ = ("_layers", "_producer", "_selector")

    adds_up = False

    def __init__(self, producer: Producer, selector: SimulcastLayerSelector, layers: int) -> None:
        self._producer = producer
        self._selector = selector
        self._layers = layers

    @property
    def live(self) -> bool:
        """Whether anything comes that could be forwarded."""
        return any(stream.live for stream in map(self.stream, range(self._layers)) if stream is not None)

    def stream(self, spatial: int) -> ProducerStream | None:
        """The stream of a spatial layer, once packets of it came."""
        return self._producer.stream_by_encoding(spatial)

    def encoding_of(self, spatial: int) -> int:
        """The place among the consumable encodings, -1 of no layer."""
        return spatial

    def is_alive(self, spatial: int) -> bool:
        """As ``LayerSource``."""
        stream = self.stream(spatial)
        return stream is not None and stream.score.value > 0

    def is_offered(self, spatial: int) -> bool:
        """As ``LayerSource``: a lone encoding may be, however badly it fares."""
        stream = self.stream(spatial)
        return stream is not None and stream.live

    def can_switch_to(self, spatial: int) -> bool:
        """As ``LayerSource``: by sender reports of both streams, unless the first one has ended anyway."""
        reference = self._selector.reference_stream  # whose timestamps the receiver knows
        if reference in (-1, spatial) or not self.is_alive(reference):
            return True
        return self._has_report(spatial) and self._has_report(reference)

    def active_us(self, spatial: int, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(spatial)
        return now_us - stream.active_since_us if stream is not None else 0

    def temporal_layers(self, spatial: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(spatial)
        return stream.encoding.temporal_layers if stream is not None else 0

    def bitrate_of(self, layers: Layers, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(layers.spatial)
        return _bitrate(stream, Layers(0, layers.temporal), now_us) if stream is not None else 0

    def bitrate_up_to(self, layers: Layers, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(layers.spatial)
        return stream.plane.rates.bitrate(now_us, 0, layers.temporal) if stream is not None else 0

    def highest_bitrate(self, now_us: int) -> int:
        """As ``LayerSource``: not always the highest encoding's, which begins slowly."""
        streams = [stream for stream in map(self.stream, range(self._layers)) if stream is not None]
        return max((stream.plane.rates.bitrate(now_us) for stream in streams), default=0)

    def total_bitrate(self, now_us: int) -> int:
        """As ``LayerSource``."""
        streams = [stream for stream in map(self.stream, range(self._layers)) if stream is not None]
        return sum(stream.plane.rates.bitrate(now_us) for stream in streams)

    def _has_report(self, spatial: int) -> bool:
        stream = self.stream(spatial)
        return stream is not None and stream.plane.sender_report_ntp != 0


class SingleStream:
    """All there is is one stream, with its layers (SVC) or without any.

    Attributes:
        mapped_ssrc: Of the stream inside the router.
        adds_up: The receiver needs the lower spatial layers too, unless only key frames build on them (K-SVC).
    """

    __slots__ = ("_producer", "adds_up", "mapped_ssrc")

    def __init__(self, producer: Producer, mapped_ssrc: int, *, ksvc: bool = False) -> None:
        self.adds_up = not ksvc
        self._producer = producer
        self.mapped_ssrc = mapped_ssrc

    @property
    def live(self) -> bool:
        """Whether anything comes that could be forwarded."""
        stream = self.stream(0)
        return stream is not None and stream.live

    def stream(self, spatial: int) -> ProducerStream | None:
        """The stream, once packets of it came, whatever the layer."""
        return self._producer.stream_by_mapped_ssrc(self.mapped_ssrc)

    def encoding_of(self, spatial: int) -> int:
        """The place among the consumable encodings."""
        return 0

    def is_alive(self, spatial: int) -> bool:
        """As ``LayerSource``."""
        stream = self.stream(spatial)
        return stream is not None and stream.score.value > 0 and self._producer.is_layer_alive(stream, spatial)

    def is_offered(self, spatial: int) -> bool:
        """As ``LayerSource``."""
        return self.is_alive(spatial)

    def can_switch_to(self, spatial: int) -> bool:
        """As ``LayerSource``."""
        return True

    def active_us(self, spatial: int, now_us: int) -> int:
        """As ``LayerSource``: mediasoup does not ask how old a layer of a stream is."""
        return now_us

    def temporal_layers(self, spatial: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(spatial)
        return stream.encoding.temporal_layers if stream is not None else 0

    def bitrate_of(self, layers: Layers, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(layers.spatial)
        return _bitrate(stream, layers, now_us) if stream is not None else 0

    def bitrate_up_to(self, layers: Layers, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(layers.spatial)
        return stream.plane.rates.bitrate(now_us, layers.spatial, layers.temporal) if stream is not None else 0

    def highest_bitrate(self, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(0)
        if stream is None:
            return 0
        if self.adds_up:
            return stream.plane.rates.bitrate(now_us)
        temporal_layers = range(stream.encoding.temporal_layers)
        return max(
            sum(stream.plane.rates.layer_bitrate(now_us, spatial, temporal) for temporal in temporal_layers)
            for spatial in range(stream.encoding.spatial_layers)
        )

    def total_bitrate(self, now_us: int) -> int:
        """As ``LayerSource``."""
        stream = self.stream(0)
        return stream.plane.rates.bitrate(now_us) if stream is not None else 0


def _bitrate(stream: ProducerStream, layers: Layers, now_us: int) -> int:
    if stream.plane.stats.packets == 0:
        return _UNMEASURED_BPS if layers == (0, 0) else 0
    return stream.plane.rates.layer_bitrate(now_us, layers.spatial, layers.temporal)
