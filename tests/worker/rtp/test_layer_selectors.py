"""The selector of simple consumers."""

from __future__ import annotations

import pytest

DROP, FORWARD, FORWARD_AFTER_SYNC, IGNORE = 0, 1, 2, 3


@pytest.fixture
def packet(load):
    def packet(*, key: bool = False, dtx: bool = False):
        descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
        descriptor.is_key_frame = key
        descriptor.is_dtx = dtx
        return descriptor

    return packet


@pytest.fixture
def make(load):
    return load("miso.worker.rtp.layer_selectors").SimpleLayerSelector


def show(selector, payload, stream_index: int = 0) -> int:
    """What the plane does with a packet."""
    decision: int = selector.select(stream_index, payload, 0, False)
    if decision == FORWARD_AFTER_SYNC:
        selector.begin(stream_index, payload, 0)
    return decision


def test_video_begins_at_a_key_frame(make, packet) -> None:
    selector = make(True)
    assert selector.waiting_for_key_frame
    assert show(selector, packet()) == IGNORE
    assert show(selector, packet(key=True)) == FORWARD_AFTER_SYNC
    assert not selector.waiting_for_key_frame
    assert show(selector, packet()) == FORWARD
    assert show(selector, packet(key=True)) == FORWARD


def test_video_begins_anew_after_a_sync(make, packet) -> None:
    selector = make(True)
    show(selector, packet(key=True))
    selector.sync()
    assert selector.waiting_for_key_frame
    assert show(selector, packet()) == IGNORE
    assert show(selector, packet(key=True)) == FORWARD_AFTER_SYNC


def test_audio_begins_anywhere(make, packet) -> None:
    selector = make(False)
    assert not selector.waiting_for_key_frame
    assert show(selector, packet()) == FORWARD_AFTER_SYNC
    assert show(selector, packet()) == FORWARD


def test_silence_can_be_left_out(make, packet) -> None:
    selector = make(False, ignore_dtx=True)
    assert show(selector, packet(dtx=True)) == DROP
    assert show(selector, packet()) == FORWARD_AFTER_SYNC
    assert show(selector, packet(dtx=True)) == DROP
    assert show(make(False), packet(dtx=True)) == FORWARD_AFTER_SYNC


def test_pipe_has_each_stream_by_itself(load, packet) -> None:
    selector = load("miso.worker.rtp.layer_selectors").StreamSelector(2, True)
    assert selector.key_frame_wanted_of == 2
    assert show(selector, packet(key=True), 1) == IGNORE
    assert show(selector, packet(key=True), 2) == FORWARD_AFTER_SYNC
    assert show(selector, packet(), 2) == FORWARD
    assert show(selector, packet(), 0) == IGNORE
    assert selector.key_frame_wanted_of == -1
