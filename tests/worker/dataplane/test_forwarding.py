"""Packets from one producer's socket to its consumers' sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from miso.worker.dataplane import KeyFrameReceived, SrtpSuite, VideoOrientationChanged
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.worker.dataplane.rig import (
    ABS_SEND_TIME_ID,
    AUDIO_LEVEL_ID,
    DELTA_FRAME,
    KEY_FRAME,
    MID_ID,
    OPUS,
    ORIENTATION_ID,
    PROFILES,
    ROUTER_OPUS,
    ROUTER_VP8,
    TRANSPORT_WIDE_CC_ID,
    Rig,
    rtp,
)


@pytest.mark.parametrize("suite", [None, *PROFILES], ids=lambda suite: "none" if suite is None else suite.name)
def test_forwards_to_each_consumer_with_its_own_ssrc_and_keys(
    make_rig: Callable[..., Rig], suite: SrtpSuite | None
) -> None:
    rig = make_rig(suite)
    consumers = [rig.add_consumer(suite=suite, ssrc=5000 + index, mid=str(index)) for index in range(3)]
    events = rig.send(*(rtp(100 + index, (DELTA_FRAME if index else KEY_FRAME) + bytes(800)) for index in range(4)))
    assert [type(event) for event in events] == [KeyFrameReceived]
    for index, consumer in enumerate(consumers):
        packets = consumer.packets()
        assert [packet.sequence_number for packet in packets] == [1, 2, 3, 4]
        assert {packet.ssrc for packet in packets} == {5000 + index}
        assert {packet.payload_type for packet in packets} == {ROUTER_VP8}
        assert {packet.extensions[MID_ID] for packet in packets} == {str(index).encode()}
        assert [len(packet.payload) for packet in packets] == [802] * 4
        assert [packet.timestamp - packets[0].timestamp for packet in packets] == [0, 3000, 6000, 9000]


def test_numbers_transport_wide_and_stamps_send_time_per_transport(rig: Rig) -> None:
    first, second = rig.add_consumer(), rig.add_consumer()
    second.transport.twcc_next = 0xFFFF
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    ours, theirs = first.packets(), second.packets()
    assert [packet.extensions[TRANSPORT_WIDE_CC_ID] for packet in ours] == [b"\0\1", b"\0\2"]
    assert [packet.extensions[TRANSPORT_WIDE_CC_ID] for packet in theirs] == [b"\xff\xff", b"\0\0"]
    assert len(ours[0].extensions[ABS_SEND_TIME_ID]) == 3
    assert first.transport.twcc_next == 3


def test_extensions_not_negotiated_by_the_consumer_become_padding(rig: Rig) -> None:
    consumer = rig.add_consumer(mid_id=0, abs_send_time_id=0, transport_wide_cc_id=0)
    rig.send(rtp(1, KEY_FRAME, extensions={1: b"sender", 6: b"abc", 7: b"de"}))
    assert consumer.packets()[0].extensions == {}


def test_passes_extensions_with_the_routers_ids(rig: Rig) -> None:
    consumer = rig.add_consumer()
    events = rig.send(rtp(1, KEY_FRAME, extensions={8: b"\x85", 9: b"\x0d", 12: b"unknown"}))
    [packet] = consumer.packets()
    assert packet.extensions[AUDIO_LEVEL_ID] == b"\x85"
    assert packet.extensions[ORIENTATION_ID] == b"\x0d"
    assert 12 not in packet.extensions
    [turned] = [event for event in events if isinstance(event, VideoOrientationChanged)]
    assert (turned.camera, turned.flip, turned.rotation) == (True, True, 90)
    assert rig.input.take_audio_levels() == b"\x05"
    assert rig.input.take_audio_levels() == b""


def test_starts_at_a_key_frame(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1), rtp(2))
    assert consumer.packets() == []
    assert consumer.output.waiting_for_key_frame
    rig.send(rtp(3, KEY_FRAME), rtp(4))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2]
    assert not consumer.output.waiting_for_key_frame


def test_numbers_go_on_without_a_gap_after_a_pause(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    consumer.output.active = False
    rig.send(*(rtp(number) for number in range(3, 13)))
    consumer.output.active = True
    consumer.output.sync()
    rig.send(rtp(13), rtp(14, KEY_FRAME), rtp(15))
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2, 3, 4]
    assert packets[2].timestamp - packets[1].timestamp == 12 * 3000  # as far as the sender's clock has gone


def test_a_paused_input_counts_but_does_not_forward(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.input.paused = True
    rig.send(rtp(1, KEY_FRAME))
    assert consumer.packets() == []
    assert rig.stream.stats.packets == 1


def test_loss_on_the_way_in_stays_a_gap(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2), rtp(4))
    rig.send(rtp(3))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 4, 3]


def test_padding_only_packets_close_up(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2, b"", padding=200), rtp(3, DELTA_FRAME, padding=4))
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2]
    assert packets[1].payload == DELTA_FRAME


def test_duplicates_are_dropped(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2), rtp(2), rtp(1, KEY_FRAME))
    assert len(consumer.packets()) == 2
    assert rig.stream.packets_duplicate == 2


def test_payload_types_the_consumer_cannot_take_are_dropped(rig: Rig) -> None:
    consumer = rig.add_consumer(payload_types=[ROUTER_OPUS])
    rig.send(rtp(1, KEY_FRAME))
    assert consumer.packets() == []


def test_ignores_silence_when_asked(rig: Rig) -> None:
    rig.add_audio(rig.input, 777)
    options: dict[str, Any] = {
        "codec": Codec.OPUS,
        "clock_rate": 48000,
        "payload_types": [ROUTER_OPUS],
    }
    quiet = rig.add_consumer(selector=SimpleLayerSelector(False, True), **options)
    all_of_it = rig.add_consumer(selector=SimpleLayerSelector(False), **options)
    rig.send(
        *(
            rtp(number, payload, ssrc=777, payload_type=OPUS)
            for number, payload in enumerate([b"x" * 40, b"x", b"x" * 50])
        )
    )
    assert [(packet.sequence_number, len(packet.payload)) for packet in quiet.packets()] == [(1, 40), (2, 50)]
    assert len(all_of_it.packets()) == 3


def test_sequence_numbers_wrap(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(65534, KEY_FRAME), rtp(65535), rtp(65536), rtp(65537))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 3, 4]


def test_counts_what_was_sent(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME), rtp(2))
    sizes = [len(datagram) for datagram in consumer.peer.datagrams()]
    output = consumer.output
    assert output.packets == 2
    assert output.bytes == sum(sizes)
    assert consumer.transport.sent.bytes == sum(sizes)
    assert rig.transport.received.bytes == len(rtp(1, KEY_FRAME)) + len(rtp(2))
    assert rig.stream.stats.bytes == rig.transport.rtp_received.bytes
    assert consumer.transport.sent.bitrate(output.last_packet_us) == sum(sizes) * 8 * 10 // 25


def test_one_received_id_cannot_stand_for_two_extensions(rig: Rig) -> None:
    # Copied twice, an element could make the header outgrow the room before its slot: the heap was overwritten.
    rig.input.map_extension("toffset", 5, 12)
    rig.input.map_extension("toffset", 5, 12)
    with pytest.raises(ValueError, match="toffset"):
        rig.input.map_extension("abs_capture_time", 5, 13)
    rig.input.map_extension("abs_capture_time", 0, 13)
