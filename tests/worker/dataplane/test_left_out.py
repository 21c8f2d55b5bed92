"""Packets that are left out of a stream leave no hole in its numbers, in whatever order they come."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from miso.worker.dataplane import SrtpSuite
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import SimpleLayerSelector, SimulcastLayerSelector, SvcLayerSelector
from tests.worker.dataplane.rig import (
    KEY_FRAME,
    OPUS,
    ROUTER_OPUS,
    ROUTER_VP8,
    ROUTER_VP8_RTX,
    SSRC,
    Consumer,
    Rig,
    now_us,
    rtp,
)
from tests.worker.rtp.packets import RtpPacket
from tests.worker.rtp.payloads import vp8, vp9

FILLER = b"\x01"  # the byte of padding
FIRST = 65_500
COUNT = 120
AUDIO_SSRC = 0x55550000


@dataclass
class Stream:
    """A consumer, the packets that it gets in the order of their numbers, and which of them are to be left out."""

    consumer: Consumer
    packets: list[bytes]
    left_out: set[int]


def video(rig: Rig, left_out: Callable[[int], bytes]) -> Stream:
    """Every third packet is another kind."""
    numbers = range(FIRST, FIRST + COUNT)
    packets = [
        left_out(number) if number % 3 == 0 else rtp(number, KEY_FRAME + bytes(9) if number == FIRST else b"\x10\x01xy")
        for number in numbers
    ]
    return Stream(rig.add_consumer(), packets, {number - FIRST for number in numbers if number % 3 == 0})


def padding_only(rig: Rig) -> Stream:
    return video(rig, lambda number: rtp(number, b"", padding=100))


def another_codec(rig: Rig) -> Stream:
    return video(rig, lambda number: rtp(number, b"audio", payload_type=OPUS))


def an_unknown_payload_type(rig: Rig) -> Stream:
    return video(rig, lambda number: rtp(number, b"what", payload_type=77))


def silence(rig: Rig) -> Stream:
    rig.add_audio(rig.input, AUDIO_SSRC)
    consumer = rig.add_consumer(
        codec=Codec.OPUS,
        payload_types=[ROUTER_OPUS],
        rtx_ssrc=0,
        rtx_payload_types={},
        selector=SimpleLayerSelector(False, True),
    )
    silent = {index for index in range(1, COUNT) if index % 5 > 2}
    packets = [
        rtp(
            FIRST + index,
            b"\xfc" if index in silent else b"voice",
            ssrc=AUDIO_SSRC,
            payload_type=OPUS,
            timestamp=960 * index,
        )
        for index in range(COUNT)
    ]
    return Stream(consumer, packets, silent)


def temporal_layers(rig: Rig) -> Stream:
    selector = SimulcastLayerSelector(Codec.VP8, 1, 3)
    selector.set_target(0, 0)
    consumer = rig.add_consumer(selector=selector)
    packets: list[bytes] = []
    left_out: set[int] = set()
    for picture in range(COUNT // 3):
        layer = (0, 2, 1, 2)[picture % 4]
        for part in range(3):
            payload = vp8(
                picture_id=picture, tl0=picture // 4, temporal=layer, key=picture == part == 0, begins=part == 0
            )
            if layer:
                left_out.add(len(packets))
            packets.append(rtp(FIRST + len(packets), payload, timestamp=3000 * picture, marker=part == 2))
    return Stream(consumer, packets, left_out)


def spatial_layers(rig: Rig) -> Stream:
    rig.stream.close()
    rig.input.add_stream(
        ssrc=SSRC,
        mapped_ssrc=1,
        codec=Codec.VP9,
        payload_type=101,
        clock_rate=90000,
        use_nack=True,
        use_pli=True,
        spatial_layers=3,
        temporal_layers=1,
    )
    selector = SvcLayerSelector(Codec.VP9, 3, 1, False)
    selector.set_target(0, 0)
    consumer = rig.add_consumer(selector=selector, codec=Codec.VP9)
    packets: list[bytes] = []
    left_out: set[int] = set()
    for picture in range(COUNT // 3):
        for layer in range(3):
            payload = vp9(
                picture_id=picture, spatial=layer, tl0=picture, inter_picture=picture > 0, inter_layer=layer > 0
            )
            if layer:
                left_out.add(len(packets))
            packets.append(rtp(FIRST + len(packets), payload, timestamp=3000 * picture, marker=layer == 2))
    return Stream(consumer, packets, left_out)


KINDS = [padding_only, another_codec, an_unknown_payload_type, silence, temporal_layers, spatial_layers]


def arrive(rig: Rig, packets: list[bytes], order: list[int]) -> None:
    for start in range(0, len(order), 8):
        rig.send(*(packets[index] for index in order[start : start + 8]))


def shuffled(seed: int, reach: int) -> list[int]:
    """The first packet, then the others, each up to ``reach`` places late."""
    chance = random.Random(seed)
    places = {index: index + chance.randrange(reach) for index in range(1, COUNT)}
    return [0, *sorted(places, key=lambda index: (places[index], index))]


def offsets(packets: list[RtpPacket]) -> list[int]:
    return [(packet.sequence_number - 1) & 0xFFFF for packet in packets]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reach", [2, 5, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_reordering_alone_leaves_no_hole(rig: Rig, kind: Callable[[Rig], Stream], reach: int, seed: int) -> None:
    stream = kind(rig)
    arrive(rig, stream.packets, shuffled(seed, reach))
    packets = stream.consumer.packets()
    assert sorted(offsets(packets)) == list(range(len(packets)))
    fillers = [packet for packet in packets if packet.payload == FILLER]
    assert not any(packet.marker for packet in fillers)
    assert {packet.ssrc for packet in packets} == {stream.consumer.output.ssrc}
    assert stream.consumer.output.packets == len(packets)
    if kind not in (temporal_layers, spatial_layers):  # what comes when its picture is over is sent there
        assert len(packets) - len(fillers) == COUNT - len(stream.left_out)


@pytest.mark.parametrize("kind", KINDS)
def test_in_order_nothing_has_to_be_filled(rig: Rig, kind: Callable[[Rig], Stream]) -> None:
    stream = kind(rig)
    arrive(rig, stream.packets, list(range(COUNT)))
    packets = stream.consumer.packets()
    assert offsets(packets) == list(range(COUNT - len(stream.left_out)))
    assert FILLER not in [packet.payload for packet in packets]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_lost_is_all_that_is_missing(rig: Rig, kind: Callable[[Rig], Stream], seed: int) -> None:
    stream = kind(rig)
    chance = random.Random(seed)
    lost = {index for index in range(1, COUNT) if chance.random() < 0.1}
    arrive(rig, stream.packets, [index for index in shuffled(seed, 6) if index not in lost])
    numbers = offsets(stream.consumer.packets())
    assert len(numbers) == len(set(numbers))
    assert len(set(range(max(numbers))) - set(numbers)) <= len(lost)


@pytest.mark.parametrize(
    ("suite", "rtx"),
    [(None, True), (None, False), (SrtpSuite.AES_CM_128_HMAC_SHA1_80, True), (SrtpSuite.AEAD_AES_128_GCM, True)],
)
def test_what_fills_a_hole_is_sent_again_when_it_was_lost(
    make_rig: Callable[..., Rig], suite: SrtpSuite | None, rtx: bool
) -> None:
    rig = make_rig(suite)
    without: dict[str, Any] = {} if rtx else {"rtx_ssrc": 0, "rtx_payload_types": {}}
    consumer = rig.add_consumer(suite=suite, **without)
    rig.send(rtp(1, KEY_FRAME), rtp(3), rtp(2, b"", padding=50), rtp(4))
    sent = consumer.packets()
    assert [packet.sequence_number for packet in sent] == [1, 3, 2, 4]
    assert sent[2].payload == FILLER
    assert consumer.ask_again([2], now_us()) == 1
    [again] = consumer.packets()
    assert again.timestamp == sent[2].timestamp
    if rtx:
        assert (again.ssrc, again.payload_type) == (consumer.output.rtx_ssrc, ROUTER_VP8_RTX)
        assert again.payload == struct.pack("!H", 2)
    else:
        assert (again.ssrc, again.payload_type, again.sequence_number) == (consumer.output.ssrc, ROUTER_VP8, 2)
        assert again.payload == FILLER
    assert consumer.ask_again([2], now_us() + 1000) == 0  # within a round trip


def test_a_number_left_out_where_streams_are_switched_is_answered_for(rig: Rig) -> None:
    second = rig.input.add_stream(
        ssrc=SSRC + 1,
        mapped_ssrc=2,
        codec=Codec.VP8,
        payload_type=101,
        clock_rate=90000,
        use_nack=True,
        use_pli=True,
    )
    selector = SimulcastLayerSelector(Codec.VP8, 2, 1)
    selector.set_target(0, 0)
    consumer = rig.add_consumer(selector=selector)
    rig.send(rtp(1, vp8(picture_id=1, key=True), marker=True), rtp(2, vp8(picture_id=2)))  # the rest is under way
    for stream in (rig.stream, second):
        stream.sender_report(1 << 40, 3000, now_us())
    selector.set_target(1, 0)
    rig.send(rtp(9, vp8(picture_id=7, key=True), ssrc=SSRC + 1, timestamp=9000, marker=True))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 4]
    assert consumer.ask_again([3], now_us()) == 1
    assert [packet.payload for packet in consumer.packets()] == [struct.pack("!H", 3)]


@pytest.mark.parametrize("first", [{"payload": b"", "padding": 40}, {"payload_type": 77}])
def test_numbers_that_begin_anew_with_a_packet_that_is_left_out_go_on(rig: Rig, first: dict[str, Any]) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    rig.send(rtp(30_000, timestamp=9000), rtp(30_001, timestamp=9000, **first), rtp(30_002, timestamp=9000))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 3]
