# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The bitrate of a received stream, and of each of its layers."""

from __future__ import annotations

from miso.worker.rtp.rate import RateCalculator


class LayerRates:
    """Counts packets by spatial and temporal layer.

    Attributes:
        whole: of all of them; it is the only one when there is one layer.
    """

    def __init__(self, spatial_layers: int, temporal_layers: int) -> None:
        """How many layers there are, of each spatial one as many temporal ones."""
        self.whole = RateCalculator()
        self._spatial_layers = spatial_layers
        self._temporal_layers = temporal_layers
        self._count = spatial_layers * temporal_layers
        self._layers = [RateCalculator() for _ in range(self._count)] if self._count > 1 else []

    def update(self, spatial_layer: int, temporal_layer: int, size: int, now_us: int) -> None:
        """Counts a packet of ``size`` bytes; what is of an unknown layer (-1), or beyond, counts to the nearest one."""
        self.whole.update(size, now_us)
        if self._count > 1:
            spatial = min(max(spatial_layer, 0), self._spatial_layers - 1)
            temporal = min(max(temporal_layer, 0), self._temporal_layers - 1)
            rate = self._layers[spatial * self._temporal_layers + temporal]
            rate.update(size, now_us)

    def bitrate(self, now_us: int, spatial_layer: int = -1, temporal_layer: int = -1) -> int:
        """Bit/s of the last 2.5 s.

        Args:
            now_us: the present.
            spatial_layer: with this one and those below it; 0 when it is not received. -1: everything.
            temporal_layer: of the spatial layer, with those below it; -1: all.
        """
        if spatial_layer < 0 or not self._layers:
            return self.whole.bitrate(now_us)
        if spatial_layer >= self._spatial_layers or temporal_layer >= self._temporal_layers:
            return 0
        if temporal_layer >= 0 and self.layer_bitrate(now_us, spatial_layer, temporal_layer) == 0:
            return 0
        return sum(
            self.layer_bitrate(now_us, spatial, temporal)
            for spatial in range(spatial_layer + 1)
            for temporal in range(self._temporal_layers)
            if spatial < spatial_layer or temporal_layer < 0 or temporal <= temporal_layer
        )

    def layer_bitrate(self, now_us: int, spatial_layer: int, temporal_layer: int) -> int:
        """Bit/s of this temporal layer of this spatial layer alone; 0 for layers that were not announced."""
        if spatial_layer >= self._spatial_layers or temporal_layer >= self._temporal_layers:
            return 0
        if not self._layers:
            return self.whole.bitrate(now_us)
        return self._layers[spatial_layer * self._temporal_layers + temporal_layer].bitrate(now_us)

    def layer_packets(self, spatial_layer: int) -> int:
        """How many packets of a spatial layer came, of all its temporal layers."""
        if not self._layers:
            return self.whole.packets if spatial_layer == 0 else 0
        if spatial_layer >= self._spatial_layers:
            return 0
        first = spatial_layer * self._temporal_layers
        return sum(rate.packets for rate in self._layers[first : first + self._temporal_layers])
