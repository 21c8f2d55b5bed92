"""What a simple or pipe consumer forwards, without layers to choose: one stream, or each of the producer's."""

from __future__ import annotations

import weakref

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtc.consumer.layer_interface import LayersConsumer, LayersDump
from miso.worker.rtc.consumer.layer_sources import SingleStream
from miso.worker.rtc.producer.producer_stream import ProducerStream
from miso.worker.rtp.layer_selectors import LayerSelector


class SimpleOrPipe:
    """There is nothing to choose: one stream, or each of the producer's (pipe), as it comes."""

    __slots__ = ("__weakref__", "_granted", "_is_pipe", "_owner", "_selectors", "_sources")

    preferred = None

    def __init__(
        self, owner: LayersConsumer, sources: list[SingleStream], selectors: list[LayerSelector], *, is_pipe: bool
    ) -> None:
        self._owner: LayersConsumer = weakref.proxy(owner)  # whom it goes with, without a search for cycles
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

    def apply(self, is_flooded: bool) -> None:
        """As ``LayerControl``."""
        self._granted = False

    def forwarded_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``: all of it."""
        return self.desired_bitrate(now_us)

    def settled_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``: there is nothing that could end otherwise."""
        return self.desired_bitrate(now_us)

    def desired_bitrate(self, now_us: int) -> int:
        """As ``LayerControl``."""
        return sum(source.highest_bitrate(now_us) for source in self._sources)

    def dump(self) -> LayersDump:
        """As ``LayerControl``."""
        return {}
