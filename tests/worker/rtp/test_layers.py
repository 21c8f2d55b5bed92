"""The selector of simple consumers."""

from __future__ import annotations

import pytest

DROP, FORWARD, FORWARD_AFTER_SYNC = 0, 1, 2


@pytest.fixture
def packet(load):
    def packet(*, key: bool = False, dtx: bool = False):
        descriptor = load("worker.rtp.codecs.payload").PayloadDescriptor()
        descriptor.is_key_frame = key
        descriptor.is_dtx = dtx
        return descriptor

    return packet


@pytest.fixture
def make(load):
    return load("worker.rtp.layers").SimpleLayerSelector


def test_video_begins_at_a_key_frame(make, packet) -> None:
    selector = make(True)
    assert selector.waiting_for_key_frame
    assert selector.select(0, packet()) == DROP
    assert selector.select(0, packet(key=True)) == FORWARD_AFTER_SYNC
    assert not selector.waiting_for_key_frame
    assert selector.select(0, packet()) == FORWARD
    assert selector.select(0, packet(key=True)) == FORWARD


def test_video_begins_anew_after_a_sync(make, packet) -> None:
    selector = make(True)
    selector.select(0, packet(key=True))
    selector.sync()
    assert selector.waiting_for_key_frame
    assert selector.select(0, packet()) == DROP
    assert selector.select(0, packet(key=True)) == FORWARD_AFTER_SYNC


def test_audio_begins_anywhere(make, packet) -> None:
    selector = make(False)
    assert not selector.waiting_for_key_frame
    assert selector.select(0, packet()) == FORWARD_AFTER_SYNC
    assert selector.select(0, packet()) == FORWARD


def test_silence_can_be_left_out(make, packet) -> None:
    selector = make(False, ignore_dtx=True)
    assert selector.select(0, packet(dtx=True)) == DROP
    assert selector.select(0, packet()) == FORWARD_AFTER_SYNC
    assert selector.select(0, packet(dtx=True)) == DROP
    assert make(False).select(0, packet(dtx=True)) == FORWARD_AFTER_SYNC
