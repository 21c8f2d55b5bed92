"""Simulcast: one stream at a time, begun at its key frame; temporal layers of VP8 and H264."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worker.rtp.payloads import frame_marking, h264, vp8

DROP, FORWARD, FORWARD_AFTER_SYNC, IGNORE = 0, 1, 2, 3
VP8, H264 = 2, 4
LAYERS_CHANGED, KEY_FRAME_MISSED = 1, 2


class Shown:
    """A selector to which pictures of one packet each are shown."""

    def __init__(self, load, codec: int = VP8, layers: tuple[int, int] = (3, 3)) -> None:
        self.selector = load("miso.worker.rtp.layer_selectors").SimulcastLayerSelector(codec, *layers)
        self._codec = codec
        self._describe = load("miso.worker.rtp.codecs.describe").describe
        self._parse_frame_marking = load("miso.worker.rtp.codecs.h264").parse_frame_marking
        self._write = load("miso.worker.rtp.codecs.vp8_indices").write
        self.descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
        self.payload = b""

    def show(
        self, stream: int, timestamp: int, payload: bytes, *, late: bool = False, marking: bytes | None = None
    ) -> int:
        self._describe(self._codec, payload, len(payload), self.descriptor)
        if marking is not None:
            self._parse_frame_marking(marking, 0, len(marking), self.descriptor)
        decision: int = self.selector.select(stream, self.descriptor, timestamp, late)
        if decision == FORWARD_AFTER_SYNC:
            self.selector.begin(stream, self.descriptor, timestamp)
        forwarded = bytearray(payload)
        if decision in (FORWARD, FORWARD_AFTER_SYNC) and self.selector.rewrite:
            self._write(forwarded, len(forwarded), self.selector.rewrite)
        self.payload = bytes(forwarded)
        return decision

    def numbers(self) -> tuple[int, int, int]:
        """Picture id, TL0PICIDX and KEYIDX as they were forwarded last."""
        self._describe(self._codec, self.payload, len(self.payload), self.descriptor)
        return self.descriptor.picture_id, self.descriptor.tl0_picture_index, self.descriptor.key_index

    @property
    def current(self) -> tuple[int, int]:
        return self.selector.current_spatial, self.selector.current_temporal

    def took_notice(self) -> int:
        notice: int = self.selector.notice
        self.selector.notice = 0
        return notice


@pytest.fixture
def video(load) -> Shown:
    return Shown(load)


def test_forwards_nothing_without_a_target(video: Shown) -> None:
    assert [video.show(stream, 0, vp8(key=True)) for stream in range(3)] == [IGNORE] * 3
    assert video.selector.key_frame_wanted_of == -1
    assert not video.selector.waiting_for_key_frame
    assert video.selector.numbered_stream == -2


def test_begins_at_the_targets_key_frame(video: Shown) -> None:
    video.selector.set_target(1, 2)
    assert video.selector.waiting_for_key_frame
    assert video.selector.key_frame_wanted_of == 1
    assert video.show(0, 0, vp8(key=True)) == IGNORE
    assert video.show(1, 0, vp8()) == IGNORE
    assert video.show(1, 3000, vp8(key=True)) == FORWARD_AFTER_SYNC
    assert video.current == (1, 0)
    assert video.took_notice() == LAYERS_CHANGED
    assert video.selector.key_frame_wanted_of == -1
    assert video.selector.numbered_stream == 1


@pytest.mark.parametrize("to", [0, 2])
def test_goes_on_until_the_key_frame_of_the_other_stream(video: Shown, to: int) -> None:
    video.selector.set_target(1, 0)
    video.show(1, 0, vp8(key=True))
    video.selector.set_target(to, 0)
    assert video.selector.key_frame_wanted_of == to
    assert video.show(to, 500, vp8()) == IGNORE
    assert video.show(1, 3000, vp8()) == FORWARD
    assert video.current == (1, 0)
    assert video.show(to, 3500, vp8(key=True)) == FORWARD_AFTER_SYNC
    assert video.current == (to, 0)
    assert video.show(1, 6000, vp8(key=True)) == IGNORE
    assert video.show(to, 6500, vp8()) == FORWARD


def test_target_can_be_taken_back_before_its_key_frame(video: Shown) -> None:
    video.selector.set_target(0, 0)
    video.show(0, 0, vp8(key=True))
    video.selector.set_target(2, 0)
    video.selector.set_target(0, 0)
    assert video.selector.key_frame_wanted_of == -1
    assert video.show(2, 0, vp8(key=True)) == IGNORE
    assert video.show(0, 3000, vp8()) == FORWARD


def test_no_target_stops_at_once(video: Shown) -> None:
    video.selector.set_target(0, 0)
    video.show(0, 0, vp8(key=True))
    video.selector.set_target(-1, -1)
    assert video.current == (-1, -1)
    assert video.show(0, 0, vp8(begins=False)) == IGNORE
    assert video.show(0, 3000, vp8(key=True)) == IGNORE


def test_key_frame_of_which_more_came_before_is_not_switched_to(video: Shown) -> None:
    video.selector.set_target(0, 0)
    assert video.show(0, 0, vp8(key=True), late=True) == FORWARD_AFTER_SYNC  # there is nothing better to go on with
    video.took_notice()
    video.selector.set_target(1, 0)
    assert video.show(1, 0, vp8(key=True), late=True) == IGNORE
    assert video.took_notice() == KEY_FRAME_MISSED
    assert video.selector.key_frame_wanted_of == 1
    assert video.show(0, 3000, vp8()) == FORWARD


def test_sync_waits_for_a_key_frame_of_the_target(video: Shown) -> None:
    video.selector.set_target(1, 0)
    video.show(1, 0, vp8(key=True))
    video.selector.sync()
    assert video.current == (-1, -1)
    assert video.selector.key_frame_wanted_of == 1
    assert video.show(1, 3000, vp8()) == IGNORE
    assert video.show(1, 6000, vp8(key=True)) == FORWARD_AFTER_SYNC


def test_first_target_is_the_reference_of_timestamps(video: Shown) -> None:
    assert video.selector.reference_stream == -1
    video.selector.set_target(2, 0)
    video.selector.set_target(0, 0)
    video.selector.set_target(-1, -1)
    assert video.selector.reference_stream == 2


@pytest.mark.parametrize("target", [(3, 0), (0, 3), (-2, 0), (-1, 0), (0, -1)])
def test_refuses_layers_that_are_not_there(video: Shown, target: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="target layers"):
        video.selector.set_target(*target)


# ---------------------------------------------------------------- temporal layers


def temporal(video: Shown, number: int, layer: int, sync: bool = False, stream: int = 0) -> int:
    """Shows picture ``number``, with the numbers that an encoder of three layers gives it."""
    return video.show(
        stream, number * 3000, vp8(picture_id=number, tl0=number // 4, temporal=layer, sync=sync, key=number == 0)
    )


def test_all_temporal_layers_flow_from_the_key_frame_on(video: Shown) -> None:
    video.selector.set_target(0, 2)
    decisions = [temporal(video, number, layer) for number, layer in enumerate([0, 2, 1, 2])]
    assert decisions == [FORWARD_AFTER_SYNC, FORWARD, FORWARD, FORWARD]
    assert video.current == (0, 2)


def test_lower_temporal_target_takes_effect_with_the_next_picture(video: Shown) -> None:
    video.selector.set_target(0, 2)
    for number, layer in enumerate([0, 2, 1]):
        temporal(video, number, layer)
    video.took_notice()
    half: dict[str, Any] = {"picture_id": 3, "tl0": 0, "temporal": 2}
    assert video.show(0, 9000, vp8(**half)) == FORWARD
    video.selector.set_target(0, 1)
    assert video.show(0, 9000, vp8(**half, begins=False)) == FORWARD  # its picture is begun
    assert temporal(video, 4, 0) == FORWARD
    assert video.current == (0, 1)
    assert video.took_notice() == LAYERS_CHANGED
    assert temporal(video, 5, 2) == DROP
    assert temporal(video, 6, 1) == FORWARD


def test_higher_temporal_target_waits_for_a_layer_sync(video: Shown) -> None:
    video.selector.set_target(0, 0)
    assert [temporal(video, n, layer) for n, layer in enumerate([0, 2, 1, 2])] == [FORWARD_AFTER_SYNC, DROP, DROP, DROP]
    assert video.current == (0, 0)
    video.selector.set_target(0, 2)
    assert temporal(video, 4, 0) == FORWARD
    assert temporal(video, 5, 2) == DROP
    assert temporal(video, 6, 1, sync=True) == FORWARD
    assert video.current == (0, 1)
    assert temporal(video, 7, 2) == DROP
    assert temporal(video, 8, 0) == FORWARD
    assert temporal(video, 9, 2, sync=True) == FORWARD
    assert video.current == (0, 2)


def test_picture_dropped_at_its_beginning_stays_dropped(video: Shown) -> None:
    video.selector.set_target(0, 0)
    temporal(video, 0, 0)
    half: dict[str, Any] = {"picture_id": 1, "tl0": 0, "temporal": 1, "sync": True}
    assert video.show(0, 3000, vp8(**half)) == DROP
    video.selector.set_target(0, 1)
    assert video.show(0, 3000, vp8(**half, begins=False)) == DROP
    assert temporal(video, 2, 1, sync=True) == FORWARD


def test_temporal_target_of_another_stream_waits_for_that_stream(video: Shown) -> None:
    video.selector.set_target(0, 2)
    temporal(video, 0, 0)
    video.selector.set_target(1, 0)
    assert temporal(video, 1, 2) == FORWARD
    assert video.current == (0, 2)


def test_pictures_of_no_layer_all_pass(video: Shown) -> None:
    video.selector.set_target(0, 2)
    assert video.show(0, 0, vp8(key=True)) == FORWARD_AFTER_SYNC
    assert video.show(0, 3000, vp8()) == FORWARD
    assert video.current == (0, 0)


def test_h264_layers_come_from_frame_marking(load) -> None:
    video = Shown(load, H264)
    video.selector.set_target(0, 0)

    def show(number: int, layer: int, base_sync: bool = False) -> int:
        return video.show(0, number * 3000, h264(), marking=frame_marking(temporal=layer, base_sync=base_sync))

    key = frame_marking(independent=True)
    assert video.show(0, 0, h264(), marking=key) == FORWARD_AFTER_SYNC  # no parameter set needed
    assert show(1, 1) == DROP
    video.selector.set_target(0, 1)
    assert show(2, 0) == FORWARD
    assert show(3, 1) == DROP
    assert show(4, 1, base_sync=True) == FORWARD
    assert show(5, 1) == FORWARD
    assert video.current == (0, 1)
    assert video.selector.rewrite == 0


def test_h264_picture_dropped_at_its_beginning_stays_dropped(load) -> None:
    video = Shown(load, H264)
    video.selector.set_target(0, 0)
    video.show(0, 0, h264(), marking=frame_marking(independent=True))
    half: dict[str, Any] = {"temporal": 1, "base_sync": True}
    assert video.show(0, 3000, h264(), marking=frame_marking(**half, ends=False)) == DROP
    video.selector.set_target(0, 1)
    assert video.show(0, 3000, h264(), marking=frame_marking(**half, starts=False)) == DROP
    assert video.show(0, 6000, h264(), marking=frame_marking(**half)) == FORWARD


# ---------------------------------------------------------------- VP8's numbers


def test_numbers_go_on_over_a_switch(video: Shown) -> None:
    video.selector.set_target(0, 0)
    video.show(0, 0, vp8(picture_id=32767, tl0=200, temporal=0, key_index=30, key=True))
    assert video.numbers() == (1, 1, 1)
    video.show(0, 3000, vp8(picture_id=0, tl0=201, temporal=0, key_index=30))
    assert video.numbers() == (2, 2, 1)
    video.selector.set_target(2, 0)
    video.show(2, 3100, vp8(picture_id=5000, tl0=7, temporal=0, key_index=3, key=True))
    assert video.numbers() == (3, 3, 2)
    video.show(2, 6100, vp8(picture_id=5001, tl0=8, temporal=0, key_index=3))
    assert video.numbers() == (4, 4, 2)
    video.selector.set_target(0, 0)
    video.show(0, 9000, vp8(picture_id=3, tl0=204, temporal=0, key_index=31, key=True))
    assert video.numbers() == (5, 5, 3)


def test_numbers_of_dropped_pictures_close_up(video: Shown) -> None:
    video.selector.set_target(0, 1)
    forwarded = []
    for number, layer in enumerate([0, 2, 1, 2, 0, 2, 1, 2, 0]):
        if temporal(video, number, layer) in (FORWARD, FORWARD_AFTER_SYNC):
            forwarded.append(video.numbers()[:2])
    assert forwarded == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)]


def test_lost_picture_leaves_a_gap(video: Shown) -> None:
    video.selector.set_target(0, 0)
    temporal(video, 0, 0)
    temporal(video, 2, 0)
    assert video.numbers()[0] == 3
    assert temporal(video, 1, 0) == FORWARD
    assert video.numbers()[0] == 2


def test_encoder_that_counts_anew_is_followed(video: Shown) -> None:
    video.selector.set_target(0, 0)
    video.show(0, 0, vp8(picture_id=30000, tl0=9, temporal=0, key=True))
    video.show(0, 3000, vp8(picture_id=29000, tl0=0, temporal=0, key=True))
    assert video.numbers()[:2] == (2, 2)
    assert video.show(0, 6000, vp8(picture_id=29001, tl0=1, temporal=0)) == FORWARD
    assert video.numbers()[:2] == (3, 3)


def test_sender_that_restarts_is_followed(video: Shown) -> None:
    video.selector.set_target(0, 2)
    video.show(0, 3_000_000_000, vp8(picture_id=30000, tl0=9, temporal=0, key=True))
    video.selector.restart(1_500_000_000)
    assert video.show(0, 1_500_000_000, vp8(picture_id=7, tl0=0, temporal=0, key=True)) == FORWARD
    assert video.show(0, 1_500_003_000, vp8(picture_id=8, tl0=0, temporal=2)) == FORWARD
    assert video.current == (0, 2)
    assert video.numbers()[:2] == (3, 2)
