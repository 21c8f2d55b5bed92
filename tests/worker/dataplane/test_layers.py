"""Simulcast, SVC and temporal layers from one producer's socket to its consumers' sockets."""

from __future__ import annotations

from typing import Any

import pytest

from miso.worker.dataplane import KeyFrameNeeded, LayersSwitched, ReceiveStream, TransportPlane
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import (
    SimpleLayerSelector,
    SimulcastLayerSelector,
    StreamSelector,
    SvcLayerSelector,
)
from tests.worker.dataplane.rig import (
    KEY_FRAME,
    ROUTER_VP8,
    ROUTER_VP8_RTX,
    VP8,
    Consumer,
    Rig,
    now_us,
    rtp,
)
from tests.worker.rtp.packets import RtpPacket
from tests.worker.rtp.payloads import frame_marking, h264, vp8, vp9

FIRST_SSRC = 0x33330000
FIRST_TIMESTAMP = [1_000_000, 4_294_960_000, 77]  # of each stream, at the same moment
FIRST_SEQUENCE = [100, 65_530, 7]
NTP_SECOND = 1 << 32
VP9_SSRC = 0x44440000


class Camera:
    """Three simulcast streams of one sender; the packets of picture ``number``, one to a stream."""

    def __init__(self, rig: Rig, codec: Codec = Codec.VP8, order: tuple[int, ...] = (0, 1, 2)) -> None:
        self.rig = rig
        rig.stream.close()
        self.streams: dict[int, ReceiveStream] = {
            index: rig.input.add_stream(
                ssrc=FIRST_SSRC + index,
                mapped_ssrc=FIRST_SSRC + 100 + index,
                codec=codec,
                payload_type=VP8,
                clock_rate=90000,
                use_nack=True,
                use_pli=True,
                temporal_layers=3,
                encoding_index=index,
            )
            for index in order
        }

    def report(self, *streams: int) -> None:
        """Each stream's sender report, of the moment of picture 30 and ``index`` seconds later."""
        for index in streams:
            self.streams[index].sender_report(
                (1000 + index) * NTP_SECOND + NTP_SECOND // 2,
                (FIRST_TIMESTAMP[index] + 30 * 3000 + index * 90_000) & 0xFFFFFFFF,
                now_us(),
            )

    def packet(
        self, stream: int, number: int, *, key: bool = False, ahead: int = 0, marker: bool = True, padding: int = 0
    ) -> bytes:
        return rtp(
            FIRST_SEQUENCE[stream] + number,
            b"" if padding else vp8(picture_id=500 * stream + number, tl0=40 * stream + number, temporal=0, key=key),
            timestamp=FIRST_TIMESTAMP[stream] + 3000 * number + ahead,
            ssrc=FIRST_SSRC + stream,
            marker=marker,
            padding=padding,
        )

    def picture(self, number: int, *keys: int) -> list[object]:
        return self.rig.send(*(self.packet(stream, number, key=stream in keys) for stream in range(3)))


@pytest.fixture
def camera(rig: Rig) -> Camera:
    return Camera(rig)


def watch(rig: Rig, spatial: int, temporal: int = 2) -> tuple[Consumer, SimulcastLayerSelector]:
    selector = SimulcastLayerSelector(Codec.VP8, 3, 3)
    selector.set_target(spatial, temporal)
    return rig.add_consumer(selector=selector), selector


def switches(events: list[object]) -> list[tuple[object, int, int]]:
    return [(event.consumer, event.spatial, event.temporal) for event in events if isinstance(event, LayersSwitched)]


def picture_ids(packets: list[RtpPacket]) -> list[int]:
    return [int.from_bytes(packet.payload[2:4], "big") & 0x7FFF for packet in packets]


def test_switch_keeps_numbers_timestamps_and_picture_ids_going(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    assert switches(camera.picture(0, 0, 1, 2)) == [(consumer.output, 0, 0)]
    camera.picture(1)
    camera.report(0, 1, 2)
    selector.set_target(2, 2)
    assert switches(camera.picture(2, 0, 1)) == []
    assert switches(rig.send(camera.packet(2, 3, key=True))) == [(consumer.output, 2, 0)]
    camera.picture(4)
    selector.set_target(1, 2)
    rig.send(camera.packet(1, 5, key=True))
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2, 3, 4, 5, 6]
    # all in the time of the first stream
    assert [packet.timestamp for packet in packets] == [FIRST_TIMESTAMP[0] + 3000 * number for number in range(6)]
    assert picture_ids(packets) == [1, 2, 3, 4, 5, 6]
    assert [packet.payload[4] for packet in packets] == [1, 2, 3, 4, 5, 6]
    assert {packet.ssrc for packet in packets} == {consumer.output.ssrc}


def test_streams_are_known_by_their_encoding_whichever_came_first(rig: Rig) -> None:
    camera = Camera(rig, order=(2, 0, 1))
    consumer, _ = watch(rig, 2)
    camera.picture(0, 0, 1, 2)
    assert [packet.timestamp for packet in consumer.packets()] == [FIRST_TIMESTAMP[2]]


def test_encoding_has_one_stream_at_a_time(rig: Rig, camera: Camera) -> None:
    def again() -> ReceiveStream:
        return rig.input.add_stream(
            ssrc=999,
            mapped_ssrc=1999,
            codec=Codec.VP8,
            payload_type=VP8,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
            encoding_index=1,
        )

    with pytest.raises(ValueError, match="encoding 1"):
        again()
    camera.streams[1].close()
    again()
    consumer, _ = watch(rig, 1)
    rig.send(rtp(1, KEY_FRAME, ssrc=999))
    assert len(consumer.packets()) == 1


def test_picture_cut_short_by_a_switch_is_seen_as_incomplete(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    camera.report(0, 1)
    rig.send(camera.packet(0, 0, key=True, marker=False))
    selector.set_target(1, 2)
    rig.send(camera.packet(1, 1, key=True))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 3]


def test_late_stream_is_moved_behind_what_was_sent(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    camera.report(0, 1)
    rig.send(camera.packet(0, 0, key=True))
    rig.send(camera.packet(0, 1))
    selector.set_target(1, 2)
    assert switches(rig.send(camera.packet(1, 0, key=True)))  # a picture too late
    rig.send(camera.packet(1, 1))
    timestamps = [packet.timestamp - FIRST_TIMESTAMP[0] for packet in consumer.packets()]
    assert timestamps == [0, 3000, 3090, 6090]


def test_stream_that_is_too_late_gets_a_second_chance_and_then_its_way(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    camera.report(0, 1)
    rig.send(camera.packet(0, 9, key=True))
    selector.set_target(1, 2)
    events = rig.send(camera.packet(1, 4, key=True))
    assert switches(events) == []
    assert [event.stream for event in events if isinstance(event, KeyFrameNeeded)] == [camera.streams[1]]
    rig.send(camera.packet(0, 10))
    assert switches(rig.send(camera.packet(1, 5, key=True))) == [(consumer.output, 1, 0)]
    timestamps = [packet.timestamp - FIRST_TIMESTAMP[0] for packet in consumer.packets()]
    assert timestamps == [27_000, 30_000, 30_090]


def test_without_reports_the_time_of_arrival_decides(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    assert consumer.output.can_switch_to(0)
    assert not consumer.output.can_switch_to(1)
    camera.report(0)
    assert not consumer.output.can_switch_to(1)
    camera.picture(0, 0)
    selector.set_target(1, 2)
    rig.send(camera.packet(1, 1, key=True))
    first, second = consumer.packets()
    assert 0 < second.timestamp - first.timestamp < 90_000
    camera.report(1)
    assert consumer.output.can_switch_to(1)
    assert not consumer.output.can_switch_to(2)
    assert not consumer.output.can_switch_to(17)


def test_padding_and_loss_of_other_streams_take_no_numbers(rig: Rig, camera: Camera) -> None:
    consumer, _ = watch(rig, 1)
    camera.picture(0, 0, 1, 2)
    rig.send(camera.packet(0, 5, padding=100), camera.packet(2, 9, padding=100))
    rig.send(camera.packet(1, 1))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2]


@pytest.mark.parametrize("rtx", [True, False])
def test_repair_has_the_numbers_that_were_sent(rig: Rig, camera: Camera, rtx: bool) -> None:
    selector = SimulcastLayerSelector(Codec.VP8, 3, 3)
    selector.set_target(0, 2)
    options: dict[str, Any] = {} if rtx else {"rtx_ssrc": 0, "rtx_payload_types": {}}
    consumer = rig.add_consumer(selector=selector, **options)
    camera.report(0, 2)
    camera.picture(0, 0)
    selector.set_target(2, 2)
    rig.send(camera.packet(2, 1, key=True))
    camera.picture(2)
    sent = consumer.packets()
    assert consumer.ask_again([1, 2, 3], now_us()) == 3
    repaired = consumer.packets()
    assert [packet.payload_type for packet in repaired] == [ROUTER_VP8_RTX if rtx else ROUTER_VP8] * 3
    assert [packet.payload[2:] if rtx else packet.payload for packet in repaired] == [packet.payload for packet in sent]
    assert [packet.timestamp for packet in repaired] == [packet.timestamp for packet in sent]
    assert picture_ids(sent) == [1, 2, 3]


def test_each_consumer_has_layers_of_its_own(rig: Rig, camera: Camera) -> None:
    low, _ = watch(rig, 0)
    high, _ = watch(rig, 2)
    pipe = [rig.add_consumer(selector=StreamSelector(index, True)) for index in range(3)]
    camera.picture(0, 0, 1, 2)
    camera.picture(1)
    assert [packet.timestamp for packet in low.packets()] == [FIRST_TIMESTAMP[0], FIRST_TIMESTAMP[0] + 3000]
    assert [packet.timestamp for packet in high.packets()] == [FIRST_TIMESTAMP[2], FIRST_TIMESTAMP[2] + 3000]
    for index, consumer in enumerate(pipe):
        packets = consumer.packets()
        assert [packet.timestamp for packet in packets] == [
            (FIRST_TIMESTAMP[index] + 3000 * number) & 0xFFFFFFFF for number in range(2)
        ]
        assert picture_ids(packets) == [500 * index, 500 * index + 1]  # as the encoder counts


def test_pause_and_resume_go_on_in_the_senders_time(rig: Rig, camera: Camera) -> None:
    consumer, selector = watch(rig, 0)
    camera.picture(0, 0)
    selector.set_target(-1, -1)
    camera.picture(1, 0)
    selector.set_target(0, 2)
    camera.picture(2)
    camera.picture(30, 0)
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2]
    assert packets[1].timestamp - packets[0].timestamp == 90_000


def test_sender_that_counts_anew_is_followed(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(60_000, KEY_FRAME, timestamp=3_000_000_000))
    rig.send(rtp(1000, timestamp=5), rtp(1001, KEY_FRAME, timestamp=10), rtp(1002, timestamp=3010))
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2, 3]
    assert 0 < packets[1].timestamp - packets[0].timestamp < 90_000
    assert packets[2].timestamp - packets[1].timestamp == 3000


def test_short_picture_ids_become_long_ones_that_do_not_wrap(rig: Rig) -> None:
    consumer = rig.add_consumer(selector=SimpleLayerSelector(True))
    for number in range(120, 140):
        payload = vp8(picture_id=number & 0x7F, bits=7, tl0=9, temporal=1, key=number == 120)
        rig.send(rtp(number, payload, extensions={1: b"7"} if number % 2 else None))
    packets = consumer.packets()
    first = picture_ids(packets)[0]
    assert [packet.payload for packet in packets] == [
        vp8(picture_id=first + number, tl0=9, temporal=1, key=number == 0) for number in range(20)
    ]
    assert all(packet.payload_type == ROUTER_VP8 for packet in packets)


# ---------------------------------------------------------------- temporal layers of H264


def test_frame_marking_gives_h264_layers(rig: Rig) -> None:
    rig.input.map_extension("frame_marking", 12, 0)
    camera = Camera(rig, Codec.H264)
    selector = SimulcastLayerSelector(Codec.H264, 3, 3)
    selector.set_target(0, 0)
    consumer = rig.add_consumer(selector=selector, codec=Codec.H264)
    for number, temporal in enumerate([0, 2, 1, 2, 0]):
        marking = frame_marking(independent=number == 0, temporal=temporal)
        packet = rtp(number, h264(), ssrc=FIRST_SSRC, extensions={12: marking})
        rig.send(packet)
    assert [packet.timestamp for packet in consumer.packets()] == [0, 4 * 3000]
    rates = [camera.streams[0].rates.bitrate(now_us(), 0, temporal) for temporal in range(3)]
    assert 0 < rates[0] < rates[1] < rates[2]


# ---------------------------------------------------------------- SVC


@pytest.fixture
def svc(rig: Rig) -> Rig:
    rig.stream.close()
    rig.stream = rig.input.add_stream(
        ssrc=VP9_SSRC,
        mapped_ssrc=VP9_SSRC + 1,
        codec=Codec.VP9,
        payload_type=VP8,
        clock_rate=90000,
        use_nack=True,
        use_pli=True,
        spatial_layers=3,
        temporal_layers=3,
    )
    return rig


def svc_picture(rig: Rig, number: int, *, key: bool = False) -> list[object]:
    return rig.send(
        *(
            rtp(
                number * 3 + spatial,
                vp9(picture_id=number, spatial=spatial, inter_picture=not key, inter_layer=spatial > 0),
                timestamp=number * 3000,
                ssrc=VP9_SSRC,
                marker=spatial == 2,
            )
            for spatial in range(3)
        )
    )


def test_svc_forwards_the_layers_up_to_the_target(svc: Rig) -> None:
    selector = SvcLayerSelector(Codec.VP9, 3, 3, False)
    selector.set_target(1, 2)
    consumer = svc.add_consumer(selector=selector, codec=Codec.VP9)
    assert switches(svc_picture(svc, 0, key=True)) == [(consumer.output, 1, 0)]
    selector.set_target(0, 2)
    assert switches(svc_picture(svc, 1)) == [(consumer.output, 0, 0)]
    svc_picture(svc, 2)
    packets = consumer.packets()
    assert [packet.sequence_number for packet in packets] == [1, 2, 3, 4]
    assert [packet.timestamp for packet in packets] == [0, 0, 3000, 6000]
    assert [packet.marker for packet in packets] == [False, True, True, True]
    assert consumer.ask_again([1, 2, 4], now_us()) == 3
    assert [packet.marker for packet in consumer.packets()] == [False, True, True]


def test_bitrate_of_a_layer_has_those_below_it(svc: Rig) -> None:
    for number in range(3):
        svc_picture(svc, number, key=number == 0)
    rates = [svc.stream.rates.bitrate(now_us(), spatial, 0) for spatial in range(3)]
    assert rates[0] * 2 == pytest.approx(rates[1], abs=2)
    assert rates[0] * 3 == pytest.approx(rates[2], abs=3)
    assert svc.stream.rates.bitrate(now_us(), 2, 1) == 0  # not received


def test_layers_beyond_those_announced_count_for_the_highest(svc: Rig) -> None:
    svc.send(rtp(1, vp9(spatial=5, temporal=6), ssrc=VP9_SSRC))
    assert svc.stream.rates.bitrate(now_us(), 2, 2) == svc.stream.rates.bitrate(now_us()) > 0


def test_outputs_of_transports_without_a_destination_select_nothing(rig: Rig, camera: Camera) -> None:
    selector = SimulcastLayerSelector(Codec.VP8, 3, 3)
    selector.set_target(0, 0)
    consumer = rig.add_consumer(selector=selector)
    nowhere: TransportPlane = consumer.transport
    nowhere.set_destination(None, None)
    assert switches(camera.picture(0, 0)) == []
    assert selector.waiting_for_key_frame
