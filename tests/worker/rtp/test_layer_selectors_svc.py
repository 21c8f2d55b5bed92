"""SVC: spatial and temporal layers of one VP9 stream."""

from __future__ import annotations

import pytest

from tests.worker.rtp.payloads import vp9

DROP, FORWARD, FORWARD_AFTER_SYNC, IGNORE = 0, 1, 2, 3
VP9 = 3
LAYERS_CHANGED, KEY_FRAME_MISSED = 1, 2
MARKER = 0x10000000
L1T3 = [0, 2, 1, 2]  # temporal layers in the order of pictures


class Shown:
    """A selector to which an encoder's packets are shown, one packet per layer frame."""

    def __init__(self, load, k_svc: bool = False, layers: tuple[int, int] = (3, 3)) -> None:
        self.selector = load("miso.worker.rtp.layer_selectors").SvcLayerSelector(VP9, *layers, k_svc)
        self._parse = load("miso.worker.rtp.codecs.vp9").parse
        self._descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
        self._k_svc = k_svc

    def show(self, timestamp: int, payload: bytes, *, late: bool = False) -> int:
        assert self._parse(payload, len(payload), self._descriptor)
        decision: int = self.selector.select(0, self._descriptor, timestamp, late)
        if decision == FORWARD_AFTER_SYNC:
            self.selector.begin(0, self._descriptor, timestamp)
        return decision

    def picture(self, number: int, *, key: bool = False, temporal: int = 0, up: bool = False) -> str:
        """Which spatial layers of a picture of three are forwarded, ``!`` after the one that gets the marker."""
        shown = ""
        for spatial in range(3):
            payload = vp9(
                picture_id=number,
                spatial=spatial,
                temporal=temporal,
                up=up,
                inter_picture=not key,
                inter_layer=spatial > 0 and (key or not self._k_svc),
            )
            if self.show(number * 3000, payload) in (FORWARD, FORWARD_AFTER_SYNC):
                shown += str(spatial) + ("!" if self.selector.rewrite == MARKER else "")
        return shown

    @property
    def current(self) -> tuple[int, int]:
        return self.selector.current_spatial, self.selector.current_temporal

    def took_notice(self) -> int:
        notice: int = self.selector.notice
        self.selector.notice = 0
        return notice


@pytest.fixture
def full(load) -> Shown:
    return Shown(load)


@pytest.fixture
def k_svc(load) -> Shown:
    return Shown(load, k_svc=True)


@pytest.mark.parametrize("target", [0, 1, 2])
def test_begins_at_a_key_picture_with_the_target_layers(full: Shown, target: int) -> None:
    assert full.picture(0, key=True) == ""
    full.selector.set_target(target, 2)
    assert full.selector.key_frame_wanted_of == 0
    assert full.picture(1) == ""
    assert full.picture(2, key=True) == "012"[: target + 1] + "!"
    assert full.current == (target, 0)
    assert full.took_notice() == LAYERS_CHANGED
    assert full.selector.key_frame_wanted_of == -1


def test_higher_spatial_layer_waits_for_a_key_picture(full: Shown) -> None:
    full.selector.set_target(0, 0)
    full.picture(0, key=True)
    full.selector.set_target(2, 0)
    assert full.selector.waiting_for_key_frame
    assert full.picture(1) == "0!"
    assert full.picture(2, key=True) == "012!"
    assert full.current == (2, 0)
    assert not full.selector.waiting_for_key_frame


def test_lower_spatial_layer_is_enough_from_the_next_picture_on(full: Shown) -> None:
    full.selector.set_target(2, 0)
    full.picture(0, key=True)
    full.took_notice()
    assert full.show(3000, vp9(picture_id=1)) == FORWARD
    full.selector.set_target(0, 0)
    assert not full.selector.waiting_for_key_frame
    assert full.show(3000, vp9(picture_id=1, spatial=1)) == FORWARD  # the picture that is begun is finished
    assert full.show(3000, vp9(picture_id=1, spatial=2)) == FORWARD
    assert full.selector.rewrite == MARKER
    assert full.picture(2) == "0!"
    assert full.current == (0, 0)
    assert full.took_notice() == LAYERS_CHANGED


def test_k_svc_forwards_one_spatial_layer_between_key_pictures(k_svc: Shown) -> None:
    k_svc.selector.set_target(1, 2)
    assert k_svc.picture(0, key=True) == "01!"
    assert k_svc.picture(1) == "1!"


@pytest.mark.parametrize(("first", "second", "after"), [(2, 0, "0!"), (0, 2, "012!")])
def test_k_svc_switches_both_ways_at_key_pictures(k_svc: Shown, first: int, second: int, after: str) -> None:
    k_svc.selector.set_target(first, 0)
    k_svc.picture(0, key=True)
    k_svc.selector.set_target(second, 0)
    assert k_svc.selector.key_frame_wanted_of == 0
    assert k_svc.picture(1) == f"{first}!"
    assert k_svc.picture(2, key=True) == after
    assert k_svc.picture(3) == f"{second}!"
    assert k_svc.current == (second, 0)


def test_marker_is_that_of_the_last_packet(full: Shown) -> None:
    full.selector.set_target(0, 0)
    assert full.show(0, vp9(inter_picture=False, ends=False)) == FORWARD_AFTER_SYNC
    assert full.selector.rewrite == 0
    assert full.show(0, vp9(inter_picture=False, begins=False)) == FORWARD
    assert full.selector.rewrite == MARKER


def test_no_target_stops_at_once(full: Shown) -> None:
    full.selector.set_target(2, 2)
    full.picture(0, key=True)
    full.selector.set_target(-1, -1)
    assert full.current == (-1, -1)
    assert full.picture(1, key=True) == ""


def test_key_picture_that_came_late_is_not_switched_to(full: Shown) -> None:
    full.selector.set_target(0, 0)
    full.picture(0, key=True)
    full.took_notice()
    full.selector.set_target(2, 0)
    assert full.show(3000, vp9(picture_id=1, inter_picture=False, begins=False)) == FORWARD
    assert full.show(3000, vp9(picture_id=1, inter_picture=False, spatial=1)) == DROP
    assert full.show(3000, vp9(picture_id=1, inter_picture=False, ends=False), late=True) == FORWARD
    assert full.took_notice() == KEY_FRAME_MISSED
    assert full.current == (0, 0)
    assert full.selector.waiting_for_key_frame


def test_layers_that_were_not_announced_are_dropped(load) -> None:
    shown = Shown(load, layers=(2, 2))
    shown.selector.set_target(1, 1)
    assert shown.picture(0, key=True) == "01!"
    assert shown.picture(1, temporal=2) == ""


# ---------------------------------------------------------------- temporal layers


def test_all_temporal_layers_flow_from_the_key_picture_on(full: Shown) -> None:
    full.selector.set_target(1, 2)
    assert [full.picture(n, key=n == 0, temporal=t) for n, t in enumerate(L1T3)] == ["01!"] * 4
    assert full.current == (1, 2)


def test_lower_temporal_layer_takes_effect_with_the_next_picture(full: Shown) -> None:
    full.selector.set_target(1, 2)
    for number, temporal in enumerate(L1T3):
        full.picture(number, key=number == 0, temporal=temporal)
    full.selector.set_target(1, 0)
    assert [full.picture(4 + n, temporal=t) for n, t in enumerate(L1T3)] == ["01!", "", "", ""]
    assert full.current == (1, 0)


def test_higher_temporal_layer_waits_for_a_switching_up_point(full: Shown) -> None:
    full.selector.set_target(1, 0)
    for number, temporal in enumerate(L1T3):
        full.picture(number, key=number == 0, temporal=temporal)
    full.selector.set_target(1, 2)
    assert [full.picture(4 + n, temporal=t) for n, t in enumerate(L1T3)] == ["01!", "", "", ""]
    assert full.picture(8) == "01!"
    assert full.picture(9, temporal=2, up=True) == "01!"
    assert full.picture(10, temporal=1) == "01!"
    assert full.current == (1, 2)


def test_switching_up_point_counts_only_with_the_first_packet_of_its_picture(full: Shown) -> None:
    full.selector.set_target(1, 0)
    full.picture(0, key=True)
    full.selector.set_target(1, 1)
    assert full.show(3000, vp9(picture_id=1, temporal=1, up=True, begins=False)) == DROP
    assert full.show(3000, vp9(picture_id=1, temporal=1, up=True, spatial=1)) == DROP
    assert full.picture(2, temporal=1, up=True) == "01!"


def test_late_packet_fills_the_number_left_for_it(full: Shown) -> None:
    full.selector.set_target(0, 0)
    full.picture(0, key=True)
    full.picture(2)
    assert full.show(3000, vp9(picture_id=1), late=True) == FORWARD


def test_restarted_sender_is_filtered_as_before(full: Shown) -> None:
    full.selector.set_target(0, 0)
    full.picture(1_000_000, key=True)
    full.selector.restart(3000)
    assert full.picture(1, key=True) == "0!"
    assert full.picture(2) == "0!"


def test_k_svc_rises_in_time_on_every_spatial_layer(k_svc: Shown) -> None:
    k_svc.selector.set_target(2, 0)
    k_svc.picture(0, key=True)
    assert k_svc.picture(1, temporal=1, up=True) == ""
    k_svc.selector.set_target(2, 1)
    assert k_svc.picture(2, temporal=1) == ""
    assert k_svc.picture(3, temporal=1, up=True) == "2!"
    assert k_svc.picture(4, temporal=1) == "2!"
    assert k_svc.current == (2, 1)
