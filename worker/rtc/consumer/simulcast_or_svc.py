"""The layers of a simulcast or SVC consumer: makes what ``TargetLayerChoice`` decides happen.

Tells the plane's selector, asks the sender for key frames, tells the controller, and asks the transport for bandwidth
where the transport manages it.
"""

from __future__ import annotations

import weakref

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.layer_interface import LayersConsumer, LayersDump
from miso.worker.rtc.consumer.layer_sources import SimulcastStreams, SingleStream
from miso.worker.rtc.consumer.target_layers import NO_LAYERS, Layers, TargetLayerChoice
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtp.layer_selectors import SimulcastLayerSelector, SvcLayerSelector

_GIVE_UP_EVERY_US = 5_000_000  # at most: where the estimate leaps up and down nothing at all would be seen


class SimulcastOrSvc:
    """Simulcast or SVC: some of the layers that the producer sends."""

    __slots__ = (
        "__weakref__",
        "_began_us",
        "_choice",
        "_gave_up_us",
        "_owner",
        "_reported_spatial",
        "_selector",
        "_source",
    )

    def __init__(
        self,
        owner: LayersConsumer,
        source: SimulcastStreams | SingleStream,
        selector: SimulcastLayerSelector | SvcLayerSelector,
        choice: TargetLayerChoice,
        preferred: ConsumerLayers | None,
    ) -> None:
        self._owner: LayersConsumer = weakref.proxy(owner)  # whom it goes with, without a search for cycles
        self._source = source
        self._selector = selector
        self._choice = choice
        self._began_us = owner.now_us()
        self._reported_spatial = -1
        self._gave_up_us: int | None = None
        if preferred is not None:
            self._choice.prefer(preferred.spatial_layer, preferred.temporal_layer)

    @property
    def live(self) -> bool:
        """As ``LayerControl``."""
        return self._source.live

    @property
    def stream(self) -> ProducerStream | None:
        """As ``LayerControl``; the one stream of SVC even before anything is forwarded."""
        selector = self._selector
        return self._source.stream(self._reported_spatial if selector.gave_up else selector.current_spatial)

    @property
    def preferred(self) -> ConsumerLayers:
        """As ``LayerControl``."""
        layers = self._choice.preferred
        return ConsumerLayers(spatial_layer=layers.spatial, temporal_layer=layers.temporal)

    @property
    def _target(self) -> Layers:
        return Layers(self._selector.target_spatial, self._selector.target_temporal)

    @property
    def _spatial(self) -> int:
        """The layer that is forwarded, or is to be since the one before was given up."""
        selector = self._selector
        return selector.target_spatial if selector.gave_up else selector.current_spatial

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
        return self._choice.increase(budget_bps, loss, self._spatial, now_us)

    def apply(self, is_flooded: bool) -> None:
        """As ``LayerControl``."""
        granted = self._choice.take_provisional()
        selector, now_us = self._selector, self._owner.now_us()
        current, gave_up = selector.current_spatial, selector.gave_up
        if is_flooded and self._is_to_give_up(granted.spatial, now_us):
            self._gave_up_us = now_us
            selector.give_up()
        if granted == self._target:
            return
        self._set_target(granted)
        if granted == NO_LAYERS and (is_flooded or gave_up):
            selector.give_up()
        self._choice.note_target(granted.spatial, current, now_us - self._began_us, now_us)

    def _is_to_give_up(self, spatial: int, now_us: int) -> bool:
        """Whether nothing is to be sent until the key frame of a lower layer, which then has to come soon."""
        current, stream = self._selector.current_spatial, self._source.stream(spatial)
        if not -1 < spatial < current or not self._needs_key_frame(spatial, current):
            return False
        if self._gave_up_us is not None and now_us - self._gave_up_us < _GIVE_UP_EVERY_US:
            return False
        return stream is not None and stream.gives_key_frames

    def forwarded_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``."""
        source, selector = self._source, self._selector
        current = Layers(selector.current_spatial, selector.current_temporal)
        if current == NO_LAYERS:
            return 0
        if source.adds_up:
            return source.bitrate_up_to(current, now_us)
        temporal_layers = range(current.temporal + 1)
        return sum(source.bitrate_of(Layers(current.spatial, temporal), now_us) for temporal in temporal_layers)

    def settled_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``."""
        return self._choice.settled_bps(self._target, self._selector.current_spatial, now_us)

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
        wanted = self._choice.wanted(self._spatial, owner.now_us(), managed=managed)
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
