"""Which target layers a consumer has: as many as its receiver prefers, its producer sends and its transport can carry.

The rules are mediasoup's. Two questions are answered. ``wanted`` says what the consumer would take if the transport
gave it whatever it asks for; that is all there is where nobody estimates the bandwidth. Where somebody does, the
transport hands out its estimate layer by layer (``increase``, then ``take_provisional``), and what it could not pay for
is given up.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

_MIN_ACTIVE_US = 2_000_000  # a stream younger than this is not moved up to
_CAREFUL_US = 10_000_000  # after a step down for want of bandwidth nothing higher is tried for this long
_MIN_AGE_US = 8_000_000  # a consumer younger than this still finds its layers: its steps down mean nothing
# Loss-based control of an estimate that does not know of loss (draft-ietf-rmcat-gcc-02 section 6).
_LITTLE_LOSS, _MUCH_LOSS = 0.02, 0.1
_MORE = 1.08


class Layers(NamedTuple):
    """A spatial layer and the highest temporal layer of it, from 0; both -1 for nothing at all."""

    spatial: int
    temporal: int


NO_LAYERS = Layers(-1, -1)


class LayerSource(Protocol):
    """What a producer offers, by spatial layer."""

    @property
    def adds_up(self) -> bool:
        """Whether a spatial layer is sent together with those below it (False: instead of them)."""

    def is_alive(self, spatial: int) -> bool:
        """Whether packets of the layer come."""

    def is_offered(self, spatial: int) -> bool:
        """Whether bandwidth may be spent on it: bitrates are those of the last seconds, and it may have ended since."""

    def can_switch_to(self, spatial: int) -> bool:
        """Whether its timestamps can be brought in line with what was sent before."""

    def active_us(self, spatial: int, now_us: int) -> int:
        """For how long packets of it have come."""

    def temporal_layers(self, spatial: int) -> int:
        """How many temporal layers it has."""

    def bitrate_of(self, layers: Layers, now_us: int) -> int:
        """Bit/s of this one temporal layer alone, 0 when it is not received."""

    def bitrate_up_to(self, layers: Layers, now_us: int) -> int:
        """Bit/s of the layers with all they build on."""

    def highest_bitrate(self, now_us: int) -> int:
        """Bit/s of the most that could be sent."""

    def total_bitrate(self, now_us: int) -> int:
        """Bit/s of all layers together."""


class TargetLayerChoice:
    """The layers of one consumer.

    Attributes:
        preferred: What its receiver asked for.
        provisional: What the transport's distribution under way has granted so far.
    """

    __slots__ = ("_highest", "_source", "_stepped_down_us", "preferred", "provisional")

    def __init__(self, source: LayerSource, spatial_layers: int, temporal_layers: int) -> None:
        """Prefers the highest layers.

        Args:
            source: What the producer offers.
            spatial_layers: How many of them the receiver was promised, 1 or more; ``temporal_layers`` likewise.
            temporal_layers: See there.
        """
        self.preferred = Layers(spatial_layers - 1, temporal_layers - 1)
        self.provisional = NO_LAYERS
        self._source = source
        self._highest = self.preferred
        self._stepped_down_us: int | None = None

    def prefer(self, spatial: int, temporal: int | None) -> None:
        """Takes the receiver's wish: what is beyond the highest layer is the highest, likewise no temporal layer."""
        self.preferred = Layers(
            min(spatial, self._highest.spatial),
            self._highest.temporal if temporal is None else min(temporal, self._highest.temporal),
        )

    def wanted(self, current_spatial: int, now_us: int, *, managed: bool) -> Layers:
        """The best layers the producer sends now, up to the preferred ones.

        Args:
            current_spatial: What is being sent, -1 for nothing.
            now_us: Monotonic time.
            managed: Whether a bandwidth estimate decides in the end; then young streams are not moved up to.
        """
        source = self._source
        best = -1
        for spatial in range(self._highest.spatial + 1):
            if best > -1 and spatial > current_spatial and self._is_careful(now_us):
                continue
            if not source.is_alive(spatial):
                continue
            is_young = spatial != current_spatial and source.active_us(spatial, now_us) < _MIN_ACTIVE_US
            if managed and best > -1 and is_young:
                continue
            if not source.can_switch_to(spatial):
                continue
            best = spatial
            if spatial >= self.preferred.spatial:
                break
        if best == -1:
            return NO_LAYERS
        if best == self.preferred.spatial:
            return self.preferred
        return Layers(best, self._highest.temporal if best < self.preferred.spatial else 0)

    # ------------------------------------------------------------ by bandwidth

    def increase(self, budget_bps: int, loss: float | None, current_spatial: int, now_us: int) -> int:
        """Adds one layer to the provisional ones, if the budget allows.

        Args:
            budget_bps: What is left of the estimate.
            loss: What the receiver loses, 0 to 1, where the estimate does not know of it: little loss makes the budget
                larger, much makes it smaller.
            current_spatial: What is being sent, -1 for nothing.
            now_us: Monotonic time.

        Returns:
            Bit/s that the layer takes of the budget; 0 when there is none to add.
        """
        if self.provisional == self.preferred:
            return 0
        layers, required_bps = self._next_layers(current_spatial, now_us)
        virtual_bps = _virtual_budget(budget_bps, loss)
        if required_bps == 0 or required_bps > virtual_bps:
            return 0
        self.provisional = layers
        return min(required_bps, budget_bps)

    def take_provisional(self) -> Layers:
        """Ends the distribution: what was granted. The next one begins at nothing."""
        granted, self.provisional = self.provisional, NO_LAYERS
        return granted

    def settled_bps(self, target: Layers, current_spatial: int, now_us: int) -> int:
        """Whether a distribution would end with the present target, being all that is preferred and sent.

        Args:
            target: The present one.
            current_spatial: What is being sent, -1 for nothing.
            now_us: Monotonic time.

        Returns:
            Bit/s of the budget with which it would, or more; -1 when it might end with something else.
        """
        source, spatial = self._source, self.preferred.spatial
        if target != self.preferred or current_spatial != spatial:
            return -1
        if not source.is_offered(spatial) or not source.can_switch_to(spatial):
            return -1
        if self.preferred.temporal >= source.temporal_layers(spatial):
            return -1
        for temporal in range(self.preferred.temporal + 1):
            if source.bitrate_of(Layers(spatial, temporal), now_us) == 0:
                return -1
        # A distribution takes each layer at most once; one that replaces another, or is not measured yet, for 1 bit/s.
        return source.total_bitrate(now_us) + 2 * (spatial + 1)

    def note_target(self, target_spatial: int, current_spatial: int, age_us: int, now_us: int) -> None:
        """The transport set a target; when that is a step down for want of bandwidth, going up has to wait."""
        if age_us > _MIN_AGE_US and target_spatial < current_spatial <= self.preferred.spatial:
            self._stepped_down_us = now_us

    def forget_step_down(self) -> None:
        """The consumer was paused or its receiver is gone: what was learnt of the path is old."""
        self._stepped_down_us = None

    def _next_layers(self, current_spatial: int, now_us: int) -> tuple[Layers, int]:
        """What comes after the provisional layers, and its bit/s: 0 when nothing does."""
        source, given = self._source, self.provisional
        for spatial in range(max(given.spatial, 0), self._highest.spatial + 1):
            if given.spatial > -1 and spatial > current_spatial and self._is_careful(now_us):
                break
            if not source.is_offered(spatial) or self._is_too_young(spatial, current_spatial, now_us):
                continue
            if not source.can_switch_to(spatial):
                continue
            temporal = given.temporal + 1 if spatial == given.spatial else 0
            # An encoding may have more temporal layers than the receiver was promised.
            if temporal < min(source.temporal_layers(spatial), self._highest.temporal + 1):
                layers = Layers(spatial, temporal)
                required_bps = self._required(layers, now_us)
                if required_bps:
                    return layers, required_bps
            if spatial >= self.preferred.spatial:
                break
        return NO_LAYERS, 0

    def _required(self, layers: Layers, now_us: int) -> int:
        """Bit/s that are needed beyond those of the provisional layers."""
        source, given = self._source, self.provisional
        required_bps = source.bitrate_of(layers, now_us)
        replaces = not source.adds_up and layers.temporal == 0 and -1 < given.spatial < layers.spatial
        if required_bps and replaces:
            # Not 0 even when the higher layer has no more than the lower one: that would mean it is not there.
            required_bps = max(required_bps - source.bitrate_up_to(given, now_us), 1)
        return required_bps

    def _is_too_young(self, spatial: int, current_spatial: int, now_us: int) -> bool:
        """Whether to wait and see if it lasts; what is forwarded already is not given up for that."""
        given = self.provisional.spatial
        if (
            spatial == current_spatial
            or given in (-1, spatial)
            or self._source.active_us(spatial, now_us) >= _MIN_ACTIVE_US
        ):
            return False
        return self._source.active_us(given, now_us) >= _MIN_ACTIVE_US

    def _is_careful(self, now_us: int) -> bool:
        return self._stepped_down_us is not None and now_us - self._stepped_down_us < _CAREFUL_US


def _virtual_budget(budget_bps: int, loss: float | None) -> int:
    if loss is None:
        return budget_bps
    if loss < _LITTLE_LOSS:
        return int(_MORE * budget_bps)
    if loss > _MUCH_LOSS:
        return int((1 - loss / 2) * budget_bps)
    return budget_bps
