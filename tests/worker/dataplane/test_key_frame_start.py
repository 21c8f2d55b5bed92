"""Where a receiver begins: with all of a key frame, in whatever order it comes, and with what a decoder must know."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from miso.worker.dataplane import KeyFrameNeeded, KeyFrameReceived, SrtpSuite
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import (
    LayerSelector,
    SimpleLayerSelector,
    SimulcastLayerSelector,
    StreamSelector,
    SvcLayerSelector,
)
from tests.worker.dataplane.rig import SSRC, VP8, Consumer, Rig, now_us, rtp
from tests.worker.rtp.packets import RtpPacket
from tests.worker.rtp.payloads import frame_marking, vp8, vp9

FIRST = 65_533  # the numbers begin anew within the key frame
RTX, RTX_SSRC = 97, SSRC + 1
SPS, PPS = bytes.fromhex("67 42e01f da"), bytes.fromhex("68 ce3c80")
IDR = bytes.fromhex("65 88 8400")  # first_mb_in_slice 0
IDR_MORE = bytes.fromhex("65 48 8400")  # a later slice of the picture
SLICE = bytes.fromhex("41 9a 0000")
INTRA_SLICE = bytes.fromhex("41 b8 0000")  # slice_type 2
RECOVERY_POINT = bytes.fromhex("06 06 01 c0 80")
DELIMITER = bytes.fromhex("09 10")


def simple(codec: Codec) -> LayerSelector:
    return SimpleLayerSelector(True)


def pipe(codec: Codec) -> LayerSelector:
    return StreamSelector(0, True)


def simulcast(codec: Codec) -> LayerSelector:
    selector = SimulcastLayerSelector(codec, 3, 3)
    selector.set_target(0, 2)
    return selector


def svc(codec: Codec) -> LayerSelector:
    selector = SvcLayerSelector(codec, 3, 3, False)
    selector.set_target(2, 2)
    return selector


KINDS = [
    (Codec.VP8, simple),
    (Codec.VP8, pipe),
    (Codec.VP8, simulcast),
    (Codec.VP9, simple),
    (Codec.VP9, svc),
    (Codec.H264, simple),
    (Codec.H264, simulcast),
]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Codec) else getattr(value, "__name__", "")


Stage = Callable[..., tuple[Rig, Consumer]]


@pytest.fixture
def stage(make_rig: Callable[..., Rig]) -> Stage:
    """A sender of one stream of a codec, and one receiver."""

    def make(
        codec: Codec, select: Callable[[Codec], LayerSelector], *, nack: bool = True, **options: object
    ) -> tuple[Rig, Consumer]:
        rig = make_rig(**options)
        rig.stream.close()
        rig.stream = rig.input.add_stream(
            ssrc=SSRC,
            mapped_ssrc=SSRC + 1000,
            codec=codec,
            payload_type=VP8,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
            spatial_layers=3 if codec == Codec.VP9 else 1,
            temporal_layers=3,
            encoding_index=0,
        )
        rig.stream.set_rtx(RTX_SSRC, RTX)
        rig.input.map_payload_type(RTX, RTX)
        consumer = rig.add_consumer(codec=codec, selector=select(codec), keep_for_retransmission=nack)
        return rig, consumer

    return make


def key_frame(codec: Codec, size: int = 5) -> list[bytes]:
    """The payloads of its packets."""
    more = range(1, size)
    if codec == Codec.VP8:
        return [
            vp8(key=True, picture_id=9, tl0=4),
            *(vp8(begins=False, picture_id=9, tl0=4) + bytes((n,)) for n in more),
        ]
    if codec == Codec.VP9:
        first = vp9(picture_id=9, inter_picture=False, ends=False)
        rest = [vp9(picture_id=9, inter_picture=False, begins=False, ends=n == size - 1) + bytes((n,)) for n in more]
        return [first, *rest]
    return [SPS, PPS, IDR, *(IDR_MORE + bytes((n,)) for n in range(3, size))]


def delta_frame(codec: Codec, number: int) -> bytes:
    if codec == Codec.VP8:
        return vp8(picture_id=9 + number, tl0=4 + number)
    return vp9(picture_id=9 + number) if codec == Codec.VP9 else SLICE + bytes((number,))


def packets_of(codec: Codec, deltas: int = 4) -> list[bytes]:
    """A key frame of five packets and some frames of one."""
    key = [rtp(FIRST + n, payload, timestamp=0) for n, payload in enumerate(key_frame(codec))]
    return key + [rtp(FIRST + len(key) + n, delta_frame(codec, n + 1), timestamp=3000 * (n + 1)) for n in range(deltas)]


def in_order(packets: Sequence[RtpPacket]) -> list[RtpPacket]:
    first = packets[0].sequence_number if packets else 0
    return sorted(packets, key=lambda packet: (packet.sequence_number - first + 1000) & 0xFFFF)


def numbers(packets: Sequence[RtpPacket]) -> list[int]:
    ordered = in_order(packets)
    return [(packet.sequence_number - ordered[0].sequence_number) & 0xFFFF for packet in ordered]


def sizes(codec: Codec) -> list[int]:
    return [len(packet) for packet in packets_of(codec)]


def wishes(events: Sequence[object]) -> int:
    return sum(isinstance(event, KeyFrameNeeded) for event in events)


ORDERS = {
    "first comes second": [1, 0, 2, 3, 4, 5, 6, 7, 8],
    "first comes last": [1, 2, 3, 4, 0, 5, 6, 7, 8],
    "backwards": [4, 3, 2, 1, 0, 5, 6, 7, 8],
    "first comes after other frames": [1, 2, 3, 4, 5, 6, 7, 0, 8],
    "others come late": [0, 3, 4, 5, 1, 6, 2, 7, 8],
    "all twice": [1, 1, 0, 0, 2, 2, 1, 3, 4, 5, 6, 7, 8, 0],
    "in order": list(range(9)),
}


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one wake-up"])
@pytest.mark.parametrize("nack", [False, True], ids=["without NACK", "with NACK"])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(("codec", "select"), KINDS, ids=name_of)
def test_who_begins_gets_all_of_the_key_frame(
    stage: Stage, codec: Codec, select: Callable[[Codec], LayerSelector], order: list[int], nack: bool, at_once: bool
) -> None:
    rig, consumer = stage(codec, select, nack=nack)
    packets = packets_of(codec)
    if at_once:
        rig.send(*(packets[place] for place in order))
    else:
        for place in order:
            rig.send(packets[place])
    received = consumer.packets()
    assert numbers(received) == list(range(9))
    assert [packet.timestamp - in_order(received)[0].timestamp for packet in in_order(received)] == [
        0, 0, 0, 0, 0, 3000, 6000, 9000, 12000
    ]  # fmt: skip
    assert not consumer.output.waiting_for_key_frame


@pytest.mark.parametrize(("codec", "select"), KINDS, ids=name_of)
def test_a_key_frame_whose_first_packet_is_lost_and_repaired_is_begun_with(
    stage: Stage, codec: Codec, select: Callable[[Codec], LayerSelector]
) -> None:
    rig, consumer = stage(codec, select, suite=SrtpSuite.AEAD_AES_128_GCM)
    packets = packets_of(codec, deltas=30)
    rig.send(rtp(FIRST - 1, delta_frame(codec, 0), timestamp=-3000 & 0xFFFFFFFF))
    for packet in packets[1:30]:
        rig.send(packet)
    assert consumer.packets() == []
    repair = FIRST.to_bytes(2, "big") + key_frame(codec)[0]
    rig.send(rtp(77, repair, ssrc=RTX_SSRC, payload_type=RTX, timestamp=0))
    rig.send(*packets[30:])
    assert numbers(consumer.packets()) == list(range(35))


def test_of_a_key_frame_that_is_gone_in_part_another_is_asked_for(stage: Stage) -> None:
    for codec, select in KINDS[:5]:
        rig, consumer = stage(codec, select)
        packets = packets_of(codec)
        consumer.output.active = False
        rig.input.paused = True
        rig.send(*packets[1:4])
        rig.input.paused = False
        consumer.output.active = True
        assert wishes(rig.send(packets[0])) == 1, (codec, select)
        rig.send(*packets[4:])
        assert consumer.packets() == []
        assert consumer.output.waiting_for_key_frame


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("codec", "select"), KINDS, ids=name_of)
def test_in_any_order_the_picture_is_whole_or_asked_for(
    stage: Stage, codec: Codec, select: Callable[[Codec], LayerSelector], seed: int
) -> None:
    chance = random.Random(seed)
    rig, consumer = stage(codec, select, nack=chance.random() < 0.5)
    packets = packets_of(codec, deltas=12)
    places = sorted(range(len(packets)), key=lambda place: place + chance.expovariate(0.4))
    places += chance.sample(places, 3)  # some come twice
    events = [event for place in places for event in rig.send(packets[place])]
    received = consumer.packets()
    if codec != Codec.H264 or received:
        assert numbers(received) == list(range(len(received)))
    if len(received) != len(packets):
        assert wishes(events)


def test_a_switch_waits_for_all_of_the_other_streams_key_frame(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.stream.close()
    for index in range(2):
        rig.input.add_stream(
            ssrc=SSRC + index,
            mapped_ssrc=SSRC + 100 + index,
            codec=Codec.VP8,
            payload_type=VP8,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
            temporal_layers=3,
            encoding_index=index,
        )
    selector = SimulcastLayerSelector(Codec.VP8, 2, 3)
    selector.set_target(0, 2)
    consumer = rig.add_consumer(selector=selector, keep_for_retransmission=False)
    rig.send(rtp(10, vp8(key=True, picture_id=1), ssrc=SSRC, timestamp=0, marker=True))
    selector.set_target(1, 2)
    key = [
        rtp(FIRST + n, payload, ssrc=SSRC + 1, timestamp=500, marker=n == 4)
        for n, payload in enumerate(key_frame(Codec.VP8))
    ]
    for place in (1, 2, 0, 3, 4):
        rig.send(key[place])
    assert numbers(consumer.packets()) == list(range(6))
    assert selector.current_spatial == 1


# ---------------------------------------------------------------- H264


def units(consumer: Consumer) -> list[bytes]:
    received = consumer.packets()
    assert numbers(received) == list(range(len(received)))
    return [packet.payload for packet in in_order(received)]


def stap_a(*contents: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in contents)


def fu_a(unit: bytes) -> list[bytes]:
    """In two fragments."""
    kind = unit[0] & 31
    half = len(unit) // 2 + 1
    return [bytes((0x7C, 0x80 | kind)) + unit[1:half], bytes((0x7C, 0x40 | kind)) + unit[half:]]


class H264:
    """Sends pictures, each packet in a wake-up of its own."""

    def __init__(self, stage: Stage, select: Callable[[Codec], LayerSelector] = simple) -> None:
        self.rig, self.consumer = stage(Codec.H264, select)
        self.number = FIRST
        self.picture = 0

    def show(self, *payloads: bytes, lost: int = -1) -> list[object]:
        events: list[object] = []
        for place, payload in enumerate(payloads):
            if place != lost:
                marker = place == len(payloads) - 1
                events += self.rig.send(rtp(self.number, payload, timestamp=3000 * self.picture, marker=marker))
            self.number += 1
        self.picture += 1
        return events

    def repair(self, number: int, payload: bytes, picture: int) -> list[object]:
        return self.rig.send(rtp(number, payload, timestamp=3000 * picture))

    def join(self) -> Consumer:
        return self.rig.add_consumer(codec=Codec.H264, selector=simple(Codec.H264))


PICTURES = {
    "single units": [SPS, PPS, IDR, IDR_MORE],
    "aggregated": [stap_a(SPS, PPS), IDR],
    "aggregated with the slice": [stap_a(SPS, PPS, IDR)],
    "fragments": [stap_a(SPS, PPS), *fu_a(IDR + bytes(9))],
    "delimited": [DELIMITER, SPS, PPS, RECOVERY_POINT, *fu_a(IDR + bytes(9))],
    "two of each": [SPS, PPS, PPS, IDR],
    "open": [DELIMITER, SPS, PPS, RECOVERY_POINT, INTRA_SLICE],
    "refreshed bit by bit": [SPS, PPS, RECOVERY_POINT, SLICE],
}


@pytest.mark.parametrize("select", [simple, pipe, simulcast])
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_begun_with_from_its_first_packet_on(
    stage: Stage, picture: list[bytes], select: Callable[[Codec], LayerSelector]
) -> None:
    sender = H264(stage, select)
    sender.show(SLICE)
    assert units(sender.consumer) == []
    sender.show(*picture)
    sender.show(SLICE)
    assert units(sender.consumer) == [*picture, SLICE]


@pytest.mark.parametrize("select", [simple, pipe, simulcast])
def test_parameter_sets_that_went_by_come_before_the_slice(
    stage: Stage, select: Callable[[Codec], LayerSelector]
) -> None:
    sender = H264(stage, select)
    sender.consumer.output.active = False
    sender.show(SPS, PPS, IDR)
    sender.show(SLICE)
    sender.consumer.output.active = True
    sender.consumer.output.sync()
    assert not wishes(sender.show(IDR, IDR_MORE))
    sender.show(SLICE)
    assert units(sender.consumer) == [SPS, PPS, IDR, IDR_MORE, SLICE]


def test_the_newest_parameter_sets_count_and_can_be_sent_again(stage: Stage) -> None:
    sender = H264(stage)
    newer = SPS + b"\x01"
    sender.show(stap_a(SPS, PPS), IDR)
    sender.show(newer, IDR)
    late = sender.join()
    sender.show(*fu_a(IDR + bytes(5)))
    received = late.packets()
    assert [packet.payload for packet in received] == [newer, PPS, *fu_a(IDR + bytes(5))]
    assert not any(packet.marker for packet in received[:-1])
    assert len({packet.timestamp for packet in received}) == 1
    assert late.ask_again([received[0].sequence_number], now_us() + 1_000_000) == 1
    [repaired] = late.packets()
    assert repaired.payload[2:] == newer


def test_parameter_sets_in_a_picture_of_their_own_begin_nothing(stage: Stage) -> None:
    sender = H264(stage)
    assert not any(isinstance(event, KeyFrameReceived) for event in sender.show(SPS, PPS))
    sender.show(SLICE)
    sender.show(SLICE)
    assert units(sender.consumer) == []
    assert sender.consumer.output.waiting_for_key_frame
    sender.show(IDR)
    assert units(sender.consumer) == [SPS, PPS, IDR]


def test_lost_parameter_sets_are_replaced_by_those_before(stage: Stage) -> None:
    sender = H264(stage)
    sender.show(stap_a(SPS, PPS), IDR)
    late = sender.join()
    sender.show(stap_a(SPS, PPS), IDR, IDR_MORE, lost=0)
    assert units(late) == [SPS, PPS, IDR, IDR_MORE]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_parameter_set_that_is_sent_again_is_waited_for(stage: Stage, lost: int) -> None:
    sender = H264(stage)
    sender.show(SLICE)
    first = sender.number
    picture = [SPS, PPS, IDR, IDR_MORE]
    assert not wishes(sender.show(*picture, lost=lost))
    sender.show(SLICE)
    sender.repair(first + lost, picture[lost], 1)
    assert units(sender.consumer) == [*picture, SLICE]


def test_who_never_gives_parameter_sets_is_asked_and_then_believed(stage: Stage) -> None:
    sender = H264(stage)
    sender.show(SLICE)
    assert wishes(sender.show(IDR)) == 1
    sender.show(SLICE)
    assert units(sender.consumer) == []
    assert wishes(sender.show(IDR)) == 0
    assert units(sender.consumer) == [IDR]
    late = sender.join()
    assert wishes(sender.show(IDR, IDR_MORE)) == 0
    assert units(late) == [IDR, IDR_MORE]


def test_slices_that_are_not_the_first_begin_nothing(stage: Stage) -> None:
    sender = H264(stage)
    sender.show(SPS, PPS, IDR)
    late = sender.join()
    sender.show(IDR_MORE, fu_a(IDR)[1], SLICE, PPS)
    assert units(late) == []


def test_a_picture_that_frame_marking_calls_independent_begins(stage: Stage) -> None:
    sender = H264(stage)
    sender.rig.input.map_extension("frame_marking", 12, 0)
    marking = frame_marking(independent=True)
    sender.rig.send(rtp(FIRST, bytes.fromhex("61 00 00"), extensions={12: marking}, marker=True))
    assert units(sender.consumer) == [bytes.fromhex("61 00 00")]


def test_a_stream_of_parameter_sets_costs_bounded_memory(stage: Stage) -> None:
    sender = H264(stage)
    for number in range(40):
        ids = bytes.fromhex("67 42e01f") + bytes((0x40 >> (number % 5), number, 0x80))
        sender.show(ids + bytes(number * 8), bytes((0x68, 0x40 | number)) + bytes(number), stap_a(SPS, b"\x68"))
    sender.show(SPS, PPS, IDR)
    late = sender.join()
    sender.show(IDR)
    received = units(late)
    assert received[-1] == IDR
    assert len(received) < 16
    assert SPS in received
    assert PPS in received
