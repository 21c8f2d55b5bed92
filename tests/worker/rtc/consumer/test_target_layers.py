"""Which layers a consumer wants, and what it takes of the bandwidth its transport offers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.rtc.consumer.target_layers import NO_LAYERS, Layers, TargetLayerChoice

NOW_US = 100_000_000
KBPS = 1000
# spatial layer → bit/s of its temporal layers
BITRATES = [
    [60 * KBPS, 30 * KBPS, 30 * KBPS],
    [200 * KBPS, 100 * KBPS, 100 * KBPS],
    [800 * KBPS, 400 * KBPS, 300 * KBPS],
]


@dataclass
class Sender:
    """What is sent, by spatial layer."""

    bitrates: list[list[int]] = field(default_factory=lambda: [list(layer) for layer in BITRATES])
    adds_up: bool = False
    dead: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    unsynchronised: set[int] = field(default_factory=set)
    ages_us: list[int] = field(default_factory=lambda: [60_000_000] * 3)

    def is_alive(self, spatial: int) -> bool:
        return spatial not in self.dead

    def is_offered(self, spatial: int) -> bool:
        return spatial not in self.ended

    def can_switch_to(self, spatial: int) -> bool:
        return spatial not in self.unsynchronised

    def active_us(self, spatial: int, now_us: int) -> int:
        return self.ages_us[spatial]

    def temporal_layers(self, spatial: int) -> int:
        return len(self.bitrates[spatial])

    def bitrate_of(self, layers: Layers, now_us: int) -> int:
        return 0 if layers.spatial in self.dead else self.bitrates[layers.spatial][layers.temporal]

    def bitrate_up_to(self, layers: Layers, now_us: int) -> int:
        return sum(self.bitrates[layers.spatial][: layers.temporal + 1])

    def highest_bitrate(self, now_us: int) -> int:
        return max(sum(layer) for layer in self.bitrates)

    def total_bitrate(self, now_us: int) -> int:
        return sum(sum(layer) for layer in self.bitrates)


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def choice(sender: Sender) -> TargetLayerChoice:
    return TargetLayerChoice(sender, 3, 3)


def distribute(
    choice: TargetLayerChoice, budget_bps: int, *, current: int = -1, loss: float | None = None, now_us: int = NOW_US
) -> tuple[Layers, int]:
    """What a consumer ends up with that is alone, and what is left."""
    while used := choice.increase(budget_bps, loss, current, now_us):
        budget_bps -= used
    return choice.take_provisional(), budget_bps


def wanted(choice: TargetLayerChoice, current: int = -1, *, managed: bool = False, now_us: int = NOW_US) -> Layers:
    return choice.wanted(current, now_us, managed=managed)


class TestPreferring:
    def test_the_highest_layers_without_a_wish(self, choice: TargetLayerChoice) -> None:
        assert choice.preferred == (2, 2)

    @pytest.mark.parametrize(
        ("wish", "preferred"), [((1, 0), (1, 0)), ((1, None), (1, 2)), ((9, 1), (2, 1)), ((0, 100_000), (0, 2))]
    )
    def test_what_there_is_not_becomes_the_highest(
        self, choice: TargetLayerChoice, wish: tuple[int, int | None], preferred: tuple[int, int]
    ) -> None:
        choice.prefer(*wish)
        assert choice.preferred == preferred


class TestWanting:
    def test_preferred_layers_when_they_are_sent(self, choice: TargetLayerChoice) -> None:
        choice.prefer(1, 1)
        assert wanted(choice) == (1, 1)

    def test_all_of_the_next_lower_layer_when_the_preferred_has_stopped(
        self, choice: TargetLayerChoice, sender: Sender
    ) -> None:
        choice.prefer(2, 0)
        sender.dead = {2}
        assert wanted(choice) == (1, 2)

    def test_the_least_of_a_higher_layer_when_nothing_else_is_sent(
        self, choice: TargetLayerChoice, sender: Sender
    ) -> None:
        choice.prefer(0, 2)
        sender.dead = {0, 1}
        assert wanted(choice) == (2, 0)

    def test_nothing_when_nothing_is_sent(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.dead = {0, 1, 2}
        assert wanted(choice) == NO_LAYERS

    def test_no_layer_whose_timestamps_cannot_be_mapped(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.unsynchronised = {1, 2}
        assert wanted(choice) == (0, 2)

    def test_a_young_stream_waits_only_where_bandwidth_is_managed(
        self, choice: TargetLayerChoice, sender: Sender
    ) -> None:
        sender.ages_us[2] = 1_900_000
        assert wanted(choice, managed=True) == (1, 2)
        assert wanted(choice, managed=False) == (2, 2)

    def test_a_young_stream_is_better_than_none(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.dead = {0, 1}
        sender.ages_us[2] = 0
        assert wanted(choice, managed=True) == (2, 2)


class TestTakingBandwidth:
    @pytest.mark.parametrize(
        ("budget_bps", "layers"),
        [
            (59, NO_LAYERS),
            (60, (0, 0)),
            (90, (0, 1)),
            (200, (1, 0)),
            (399, (1, 1)),
            (400, (1, 2)),
            (799, (1, 2)),
            (800, (2, 0)),
            (10_000, (2, 2)),
        ],
    )
    def test_simulcast_pays_for_the_layer_it_sends(
        self, choice: TargetLayerChoice, budget_bps: int, layers: tuple[int, int]
    ) -> None:
        granted, left_bps = distribute(choice, budget_bps * KBPS)
        assert granted == layers
        sent_bps = sum(BITRATES[granted.spatial][: granted.temporal + 1]) if granted != NO_LAYERS else 0
        assert left_bps == budget_bps * KBPS - sent_bps

    @pytest.mark.parametrize(("budget_bps", "layers"), [(120, (0, 2)), (319, (0, 2)), (320, (1, 0)), (2020, (2, 2))])
    def test_svc_pays_for_the_lower_layers_too(
        self, sender: Sender, choice: TargetLayerChoice, budget_bps: int, layers: tuple[int, int]
    ) -> None:
        sender.adds_up = True
        assert distribute(choice, budget_bps * KBPS)[0] == layers

    def test_stops_at_the_preferred_layers(self, choice: TargetLayerChoice) -> None:
        choice.prefer(1, 1)
        assert distribute(choice, 10_000 * KBPS)[0] == (1, 1)

    @pytest.mark.parametrize("budget_kbps", [100, 150, 300, 400, 5000])
    def test_never_a_temporal_layer_beyond_those_promised(self, sender: Sender, budget_kbps: int) -> None:
        choice = TargetLayerChoice(sender, 3, 1)  # the first encoding is said to have one, the others have more
        assert distribute(choice, budget_kbps * KBPS)[0].temporal == 0

    def test_skips_a_layer_that_is_not_received(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.dead = {1}
        assert distribute(choice, 10_000 * KBPS)[0] == (2, 2)

    def test_leaves_a_layer_that_ended_though_its_bitrate_lingers(
        self, choice: TargetLayerChoice, sender: Sender
    ) -> None:
        sender.ended = {2}
        assert distribute(choice, 10_000 * KBPS)[0] == (1, 2)

    def test_a_higher_layer_that_costs_less_is_taken(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.bitrates[2] = [50 * KBPS, 1, 1]
        assert distribute(choice, 450 * KBPS)[0] == (2, 2)

    def test_moves_up_to_a_young_stream_only_from_a_young_one(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.ages_us[2] = 1_000_000
        assert distribute(choice, 10_000 * KBPS)[0] == (1, 2)
        sender.ages_us[:] = [1_000_000] * 3
        assert distribute(choice, 10_000 * KBPS)[0] == (2, 2)

    def test_keeps_a_young_stream_that_is_forwarded_already(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.ages_us = [2_000_000, 1_900_000, 1_500_000]
        assert distribute(choice, 10_000 * KBPS)[0] == (0, 2)
        assert distribute(choice, 10_000 * KBPS, current=2)[0] == (2, 2)
        assert wanted(choice, managed=True) == (0, 2)
        assert wanted(choice, current=2, managed=True) == (2, 2)

    @pytest.mark.parametrize(("loss", "layers"), [(None, NO_LAYERS), (0.0, (0, 0)), (0.05, NO_LAYERS)])
    def test_little_loss_stretches_the_budget(
        self, choice: TargetLayerChoice, loss: float | None, layers: tuple[int, int]
    ) -> None:
        granted, left_bps = distribute(choice, 58 * KBPS, loss=loss)
        assert granted == layers
        assert left_bps >= 0

    def test_much_loss_shrinks_the_budget(self, choice: TargetLayerChoice) -> None:
        assert distribute(choice, 79 * KBPS, loss=0.5)[0] == NO_LAYERS
        assert distribute(choice, 80 * KBPS, loss=0.5)[0] == (0, 0)


class TestAfterAStepDown:
    def test_nothing_higher_for_ten_seconds(self, choice: TargetLayerChoice) -> None:
        choice.note_target(0, 2, 9_000_000, NOW_US)
        assert distribute(choice, 10_000 * KBPS, current=0, now_us=NOW_US + 9_999_999)[0] == (0, 2)
        assert wanted(choice, 0, managed=True, now_us=NOW_US + 9_999_999) == (0, 2)
        assert distribute(choice, 10_000 * KBPS, current=0, now_us=NOW_US + 10_000_000)[0] == (2, 2)
        assert wanted(choice, 0, managed=True, now_us=NOW_US + 10_000_000) == (2, 2)

    def test_a_consumer_that_has_just_begun_is_not_held_back(self, choice: TargetLayerChoice) -> None:
        choice.note_target(0, 2, 8_000_000, NOW_US)
        assert distribute(choice, 10_000 * KBPS, current=0)[0] == (2, 2)

    def test_going_down_by_wish_does_not_hold_it_back(self, choice: TargetLayerChoice) -> None:
        choice.prefer(0, 0)
        choice.note_target(0, 2, 9_000_000, NOW_US)
        choice.prefer(2, 2)
        assert distribute(choice, 10_000 * KBPS, current=0)[0] == (2, 2)

    def test_a_pause_makes_it_forget(self, choice: TargetLayerChoice) -> None:
        choice.note_target(0, 2, 9_000_000, NOW_US)
        choice.forget_step_down()
        assert distribute(choice, 10_000 * KBPS, current=0)[0] == (2, 2)


LAYER = st.lists(st.sampled_from([0, 1, 50_000, 300_000, 900_000]), min_size=3, max_size=3)
SPATIAL = st.sets(st.integers(0, 2))
SENDERS = st.builds(
    Sender,
    bitrates=st.lists(LAYER, min_size=3, max_size=3),
    adds_up=st.booleans(),
    dead=SPATIAL,
    ended=SPATIAL,
    unsynchronised=SPATIAL,
    ages_us=st.lists(st.sampled_from([0, 60_000_000]), min_size=3, max_size=3),
)


@given(SENDERS, st.integers(0, 2), st.integers(0, 2), st.integers(-1, 2), st.booleans())
def test_what_is_settled_would_be_the_end_of_a_distribution(
    sender: Sender, spatial: int, temporal: int, current: int, careful: bool
) -> None:
    choice = TargetLayerChoice(sender, 3, 3)
    choice.prefer(spatial, temporal)
    if careful:
        choice.note_target(0, 2, 60_000_000, NOW_US - 1)
    settled_bps = choice.settled_bps(choice.preferred, current, NOW_US)
    if settled_bps >= 0:
        assert distribute(choice, settled_bps, current=current)[0] == choice.preferred


class TestBeingSettled:
    def test_with_all_that_is_preferred(self, choice: TargetLayerChoice) -> None:
        assert choice.settled_bps(Layers(2, 2), 2, NOW_US) >= sum(map(sum, BITRATES))

    def test_not_before_it_is_sent(self, choice: TargetLayerChoice) -> None:
        assert choice.settled_bps(Layers(2, 2), 1, NOW_US) == -1
        assert choice.settled_bps(Layers(1, 2), 1, NOW_US) == -1

    def test_not_when_a_layer_stops(self, choice: TargetLayerChoice, sender: Sender) -> None:
        sender.bitrates[2][1] = 0
        assert choice.settled_bps(Layers(2, 2), 2, NOW_US) == -1
