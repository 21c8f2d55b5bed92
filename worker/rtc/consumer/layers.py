"""The layers of a consumer at work: one layer (simple), or those chosen for it (simulcast, SVC).

Makes what ``LayerChoice`` decides happen: tells the plane's selector, asks the sender for key frames, tells the
controller, and asks the transport for bandwidth where the transport manages it.
"""

from __future__ import annotations

from typing import Protocol, TypedDict

from miso.worker.channel.bodies.transport import ConsumeRequest, ConsumerLayers
from miso.worker.rtc.consumer.layer_choice import NO_LAYERS, LayerChoice, Layers
from miso.worker.rtc.consumer.layer_sources import SimulcastStreams, SingleStream
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.producer.stream import ProducerStream
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtp.layers import (
    LayerSelector,
    SimpleLayerSelector,
    SimulcastLayerSelector,
    StreamSelector,
    SvcLayerSelector,
)


class LayersDump(TypedDict, total=False):
    """The fields of ``ConsumerDump`` about layers; a consumer without layers has none."""

    preferred_spatial_layer: int
    target_spatial_layer: int
    current_spatial_layer: int
    preferred_temporal_layer: int
    target_temporal_layer: int
    current_temporal_layer: int


class LayersOwner(Protocol):
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

    def apply(self) -> None:
        """As ``Consumer.apply_layers``."""

    def desired_bitrate(self, now_us: int) -> int:
        """Bit/s of all it would forward if it could."""

    def dump(self) -> LayersDump:
        """As ``consumer.dump`` shows them."""


class WholeStreams:
    """There is nothing to choose: one stream, or each of the producer's (pipe), as it comes."""

    preferred = None

    def __init__(
        self, owner: LayersOwner, sources: list[SingleStream], selectors: list[LayerSelector], *, is_pipe: bool
    ) -> None:
        self._owner = owner
        self._sources = sources
        self._selectors = selectors
        self._is_pipe = is_pipe
        self._granted = False  # in the distribution under way

    @property
    def live(self) -> bool:
        """As ``LayerControl``."""
        return any(source.live for source in self._sources)

    @property
    def stream(self) -> ProducerStream | None:
        """As ``LayerControl``."""
        return None if self._is_pipe else self._sources[0].stream(0)

    def prefer(self, body: ConsumerLayers) -> None:
        """Has no layers to choose from; like mediasoup, does not mind."""

    def begin(self) -> None:
        """As ``LayerControl``."""
        self.request_key_frames()

    def end(self) -> None:
        """As ``LayerControl``."""

    def reconsider(self) -> None:
        """As ``LayerControl``."""

    def forwards(self, index: int, encoding: int) -> bool:
        """As ``LayerControl``."""
        return not self._is_pipe or index == encoding

    def switched(self, spatial: int, temporal: int) -> None:
        """As ``LayerControl``; it does not happen."""

    def request_key_frames(self) -> None:
        """As ``LayerControl``."""
        for index in range(len(self._sources)):
            self._owner.request_key_frame_of(index)

    def request_repair(self, index: int) -> None:
        """As ``LayerControl``."""
        if self._owner.active:
            self._owner.request_key_frame_of(index)

    def awaits_key_frame_of(self, stream: ProducerStream) -> bool:
        """As ``LayerControl``."""
        return any(
            selector.waiting_for_key_frame and source.stream(0) is stream
            for source, selector in zip(self._sources, self._selectors, strict=True)
        )

    def increase(self, budget_bps: int, loss: float | None, now_us: int) -> int:
        """Takes its bitrate once in each distribution: it forwards all in any case, but others should know."""
        if self._granted:
            return 0
        self._granted = True
        return min(self.desired_bitrate(now_us), budget_bps)

    def apply(self) -> None:
        """As ``LayerControl``."""
        self._granted = False

    def desired_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``."""
        return sum(source.highest_bitrate(now_us) for source in self._sources)

    def dump(self) -> LayersDump:
        """As ``LayerControl``."""
        return {}


class ChosenLayers:
    """Simulcast or SVC: some of the layers that the producer sends."""

    def __init__(
        self,
        owner: LayersOwner,
        source: SimulcastStreams | SingleStream,
        selector: SimulcastLayerSelector | SvcLayerSelector,
        choice: LayerChoice,
        preferred: ConsumerLayers | None,
    ) -> None:
        self._owner = owner
        self._source = source
        self._selector = selector
        self._choice = choice
        self._began_us = owner.now_us()
        self._reported_spatial = -1
        if preferred is not None:
            self._choice.prefer(preferred.spatial_layer, preferred.temporal_layer)

    @property
    def live(self) -> bool:
        """As ``LayerControl``."""
        return self._source.live

    @property
    def stream(self) -> ProducerStream | None:
        """As ``LayerControl``; the one stream of SVC even before anything is forwarded."""
        return self._source.stream(self._selector.current_spatial)

    @property
    def preferred(self) -> ConsumerLayers:
        """As ``LayerControl``."""
        layers = self._choice.preferred
        return ConsumerLayers(spatial_layer=layers.spatial, temporal_layer=layers.temporal)

    @property
    def _target(self) -> Layers:
        return Layers(self._selector.target_spatial, self._selector.target_temporal)

    def prefer(self, body: ConsumerLayers) -> None:
        """As ``LayerControl``."""
        before = self._choice.preferred
        self._choice.prefer(body.spatial_layer, body.temporal_layer)
        if self._choice.preferred != before and self._owner.active:
            self._choose(force=True)

    def begin(self) -> None:
        """As ``LayerControl``."""
        self._choose()

    def end(self) -> None:
        """As ``LayerControl``."""
        self._choice.forget_step_down()
        self._set_target(NO_LAYERS)

    def reconsider(self) -> None:
        """As ``LayerControl``."""
        if self._owner.active:
            self._choose()
        elif self._target != NO_LAYERS:
            self._set_target(NO_LAYERS)

    def forwards(self, index: int, encoding: int) -> bool:
        """As ``LayerControl``."""
        return self._source.encoding_of(self._selector.current_spatial) == encoding

    def switched(self, spatial: int, temporal: int) -> None:
        """As ``LayerControl``; what was lost of the layer before says nothing about the new one."""
        if self._target == NO_LAYERS:
            return
        self._owner.emit_layers(spatial, temporal)
        if self._source.encoding_of(spatial) != self._source.encoding_of(self._reported_spatial):
            self._owner.encoding_switched()
        self._reported_spatial = spatial

    def request_key_frames(self) -> None:
        """As ``LayerControl``."""
        wanted = {self._selector.target_spatial, self._selector.current_spatial} - {-1}
        for encoding in {self._source.encoding_of(spatial) for spatial in wanted}:
            self._owner.request_key_frame_of(encoding)

    def request_repair(self, index: int) -> None:
        """As ``LayerControl``."""
        if self._owner.active and self._selector.current_spatial >= 0:
            self._request_key_frame(self._selector.current_spatial)

    def awaits_key_frame_of(self, stream: ProducerStream) -> bool:
        """As ``LayerControl``."""
        return self._selector.key_frame_wanted_of == stream.encoding_index

    def increase(self, budget_bps: int, loss: float | None, now_us: int) -> int:
        """As ``LayerControl``."""
        return self._choice.increase(budget_bps, loss, self._selector.current_spatial, now_us)

    def apply(self) -> None:
        """As ``LayerControl``."""
        granted = self._choice.take_provisional()
        if granted == self._target:
            return
        self._set_target(granted)
        now_us = self._owner.now_us()
        self._choice.note_target(granted.spatial, self._selector.current_spatial, now_us - self._began_us, now_us)

    def desired_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``."""
        return self._source.highest_bitrate(now_us)

    def dump(self) -> LayersDump:
        """As ``LayerControl``."""
        selector, preferred = self._selector, self._choice.preferred
        return {
            "preferred_spatial_layer": preferred.spatial,
            "target_spatial_layer": selector.target_spatial,
            "current_spatial_layer": selector.current_spatial,
            "preferred_temporal_layer": preferred.temporal,
            "target_temporal_layer": selector.target_temporal,
            "current_temporal_layer": selector.current_temporal,
        }

    def _choose(self, *, force: bool = False) -> None:
        """Sets the target, or has the transport do so.

        The transport manages the temporal layers by itself, so it is asked only when another spatial layer is wanted
        or with ``force``.
        """
        owner, target = self._owner, self._target
        managed = owner.managed_by_transport
        wanted = self._choice.wanted(self._selector.current_spatial, owner.now_us(), managed=managed)
        if wanted == target:
            return
        if not managed:
            self._set_target(wanted)
        elif wanted.spatial != target.spatial or force:
            owner.distribute_bitrate()

    def _set_target(self, layers: Layers) -> None:
        selector = self._selector
        selector.set_target(layers.spatial, layers.temporal)
        if layers == NO_LAYERS:
            self._reported_spatial = -1
            self._owner.emit_layers(-1, -1)
            return
        if self._needs_key_frame(layers.spatial, selector.current_spatial):
            self._request_key_frame(layers.spatial)

    def _needs_key_frame(self, target: int, current: int) -> bool:
        """Whether the plane can go to a spatial layer at a key frame only; full SVC needs none to go down."""
        return target > current if self._source.adds_up else target != current

    def _request_key_frame(self, spatial: int) -> None:
        self._owner.request_key_frame_of(self._source.encoding_of(spatial))


def make_layers(
    owner: LayersOwner, producer: Producer, parameters: RtpParameters, body: ConsumeRequest
) -> tuple[LayerControl, list[LayerSelector]]:
    """What the consumer's type needs, and the plane's selector for each stream that it sends."""
    sources = [SingleStream(producer, encoding.ssrc or 0) for encoding in body.consumable_rtp_encodings]
    encodings = parameters.encodings
    codec = encodings[0].codec
    numbers = encodings[0].spatial_layers, encodings[0].temporal_layers
    if body.type == "simulcast":
        simulcast = SimulcastLayerSelector(codec.plane_codec, *numbers)
        streams = SimulcastStreams(producer, simulcast, numbers[0])
        choice = LayerChoice(streams, *numbers)
        return ChosenLayers(owner, streams, simulcast, choice, body.preferred_layers), [simulcast]
    if body.type == "svc":
        svc = SvcLayerSelector(codec.plane_codec, *numbers, encodings[0].ksvc)
        stream = SingleStream(producer, sources[0].mapped_ssrc, ksvc=encodings[0].ksvc)
        choice = LayerChoice(stream, *numbers)
        return ChosenLayers(owner, stream, svc, choice, body.preferred_layers), [svc]
    is_pipe = body.type == "pipe"
    selectors: list[LayerSelector]
    if is_pipe:
        selectors = [StreamSelector(index, encoding.codec.has_key_frames) for index, encoding in enumerate(encodings)]
    else:
        selectors = [SimpleLayerSelector(codec.has_key_frames, body.ignore_dtx)]
    return WholeStreams(owner, sources, selectors, is_pipe=is_pipe), selectors
