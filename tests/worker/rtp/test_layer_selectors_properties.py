"""Whatever comes in, in whatever order, what goes out can be used: numbers, timestamps and picture ids go on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.rtp.payloads import vp8, vp9

DROP, FORWARD, FORWARD_AFTER_SYNC, IGNORE = 0, 1, 2, 3
VP8, VP9 = 2, 3
PATTERN = [0, 2, 1, 2]


@dataclass(frozen=True)
class Sent:
    """A packet of an encoder. ``order`` is when it is sent; those lost never come."""

    order: int
    stream: int
    sequence_number: int
    timestamp: int
    payload: bytes
    picture: int
    key: bool
    spatial: int = 0
    temporal: int = 0
    last: bool = False


@dataclass(frozen=True)
class Forwarded:
    """A packet as the receiver gets it."""

    sent: Sent
    sequence_number: int
    timestamp: int
    picture_id: int
    tl0: int


class Forwarder:
    """What the plane's output does around a selector, with the machines it uses."""

    def __init__(self, load, selector, codec: int) -> None:
        self.selector = selector
        self._describe = load("miso.worker.rtp.codecs.describe").describe
        self._payload = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
        self._sequence = load("miso.worker.rtp.sequence").SequenceMapper()
        self._timestamps = load("miso.worker.rtp.timestamps").TimestampMapper(90000)
        self._write = load("miso.worker.rtp.codecs.vp8_indices").write
        self._codec = codec
        self._newest: dict[int, int] = {}
        self.forwarded: list[Forwarded] = []

    def take(self, sent: Sent, source_offset: int) -> None:
        newest = self._newest.get(sent.stream, sent.sequence_number)
        late = sent.sequence_number != newest and (sent.sequence_number - newest) & 0xFFFF >= 0x8000
        if not late:
            self._newest[sent.stream] = sent.sequence_number
        self._describe(self._codec, sent.payload, len(sent.payload), self._payload)
        decision = self.selector.select(sent.stream, self._payload, sent.timestamp, late)
        if decision == FORWARD_AFTER_SYNC:
            if not self._timestamps.switch(sent.timestamp, source_offset):
                return
            self._sequence.sync(sent.sequence_number)
            self.selector.begin(sent.stream, self._payload, sent.timestamp)
        if decision == DROP:
            self._sequence.drop(sent.sequence_number)
        if decision in (DROP, IGNORE):
            return
        mapped = self._sequence.map(sent.sequence_number)
        if mapped < 0:
            return
        payload = bytearray(sent.payload)
        if self._codec == VP8:
            self._write(payload, len(payload), self.selector.rewrite)
        self._describe(self._codec, bytes(payload), len(payload), self._payload)
        self.forwarded.append(
            Forwarded(
                sent,
                mapped,
                self._timestamps.map(sent.timestamp, sent.order * 1000),
                self._payload.picture_id,
                self._payload.tl0_picture_index,
            )
        )


def encode_simulcast(pictures: int, keys: set[int], first: list[tuple[int, int, int]]) -> list[Sent]:
    """Three streams of pictures of two packets, with sequence numbers, timestamps and picture ids of their own."""
    result: list[Sent] = []
    for picture in range(pictures):
        for stream, (sequence_number, timestamp, picture_id) in enumerate(first):
            temporal = PATTERN[picture % 4]
            key = picture == 0 or (temporal == 0 and picture * 3 + stream in keys)
            for part in range(2):
                payload = vp8(
                    picture_id=(picture_id + picture) & 0x7FFF,
                    tl0=picture_id + picture // 4,
                    temporal=temporal,
                    sync=temporal > 0,
                    key=key and part == 0,
                    begins=part == 0,
                )
                result.append(
                    Sent(
                        len(result),
                        stream,
                        (sequence_number + 2 * picture + part) & 0xFFFF,
                        (timestamp + 3000 * picture) & 0xFFFFFFFF,
                        payload,
                        picture,
                        key and part == 0,
                        temporal=temporal,
                        last=part == 1,
                    )
                )
    return result


def disturb(packets: list[Sent], delays: list[int]) -> list[Sent]:
    """Each packet comes as many packets later as its delay says; -1: never."""
    coming = [
        (packet.order + delays[number % len(delays)], number, packet)
        for number, packet in enumerate(packets)
        if delays[number % len(delays)] >= 0
    ]
    return [packet for _, _, packet in sorted(coming, key=lambda entry: entry[:2])]


numbers = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0x7FFF))
disturbances = st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, 3, 7, 40, -1]), min_size=1, max_size=60)
wishes = st.lists(st.tuples(st.integers(0, 479), st.integers(0, 2), st.integers(0, 2)), max_size=12)


def difference(a: int, b: int, modulo: int) -> int:
    return (a - b + modulo // 2) % modulo - modulo // 2


@settings(max_examples=30)
@given(
    st.lists(numbers, min_size=3, max_size=3),
    st.sets(st.integers(0, 239)),
    disturbances,
    wishes,
)
def test_simulcast_output_is_one_stream(load, first, keys, delays, targets) -> None:
    selector = load("miso.worker.rtp.layer_selectors").SimulcastLayerSelector(VP8, 3, 3)
    out = Forwarder(load, selector, VP8)
    selector.set_target(0, 2)
    wished = dict.fromkeys(range(0), (0, 0)) | {at: (spatial, temporal) for at, spatial, temporal in targets}
    for at, sent in enumerate(disturb(encode_simulcast(80, keys, first), delays)):
        if at in wished:
            selector.set_target(*wished[at])
        out.take(sent, (first[sent.stream][1] - first[0][1]) & 0xFFFFFFFF)
    seen: dict[int, tuple[Sent, Forwarded]] = {}
    pictures: dict[int, Forwarded] = {}
    newest: Forwarded | None = None
    for packet in out.forwarded:
        assert packet.sequence_number not in seen  # no number twice
        seen[packet.sequence_number] = (packet.sent, packet)
        same = pictures.setdefault(packet.picture_id, packet)
        # a picture id stands for one picture of one stream, and its packets have one timestamp
        assert (same.sent.stream, same.sent.picture, same.timestamp) == (
            packet.sent.stream,
            packet.sent.picture,
            packet.timestamp,
        )
        if newest is None or difference(packet.sequence_number, newest.sequence_number, 0x10000) > 0:
            if newest is not None:
                # later numbers are of later pictures or of the same one, whatever stream they are of
                assert difference(packet.timestamp, newest.timestamp, 1 << 32) >= 0
                assert difference(packet.picture_id, newest.picture_id, 0x8000) >= 0
                assert difference(packet.tl0, newest.tl0, 256) >= 0
            newest = packet
    if all(delay == 0 for delay in delays):
        ordered = [packet.sequence_number for packet in out.forwarded]
        assert all(difference(b, a, 0x10000) == 1 for a, b in itertools.pairwise(ordered))
        ids = [packet.picture_id for packet in out.forwarded]
        assert all(difference(b, a, 0x8000) in (0, 1) for a, b in itertools.pairwise(ids))


def encode_svc(pictures: int, keys: set[int], k_svc: bool, first: tuple[int, int, int]) -> list[Sent]:
    """One stream, L3T3, layer frames of two packets."""
    sequence_number, timestamp, picture_id = first
    result: list[Sent] = []
    for picture in range(pictures):
        temporal = PATTERN[picture % 4]
        key = temporal == 0 and (picture == 0 or picture in keys)
        for spatial in range(3):
            for part in range(2):
                payload = vp9(
                    picture_id=(picture_id + picture) & 0x7FFF,
                    spatial=spatial,
                    temporal=temporal,
                    up=temporal > 0 and picture % 8 < 4,
                    inter_picture=not key,
                    inter_layer=spatial > 0 and (key or not k_svc),
                    begins=part == 0,
                    ends=part == 1,
                    tl0=picture // 4,
                )
                result.append(
                    Sent(
                        len(result),
                        0,
                        (sequence_number + len(result)) & 0xFFFF,
                        (timestamp + 3000 * picture) & 0xFFFFFFFF,
                        payload,
                        picture,
                        key,
                        spatial,
                        temporal,
                        last=part == 1,
                    )
                )
    return result


@settings(max_examples=30)
@given(numbers, st.sets(st.integers(0, 79)), st.booleans(), disturbances, wishes)
def test_svc_output_is_one_stream(load, first, keys, k_svc, delays, targets) -> None:
    selector = load("miso.worker.rtp.layer_selectors").SvcLayerSelector(VP9, 3, 3, k_svc)
    out = Forwarder(load, selector, VP9)
    selector.set_target(1, 1)
    wished = {at: (spatial, temporal) for at, spatial, temporal in targets}
    for at, sent in enumerate(disturb(encode_svc(80, keys, k_svc, first), delays)):
        if at in wished:
            selector.set_target(*wished[at])
        out.take(sent, 0)
    seen: set[int] = set()
    newest: Forwarded | None = None
    for packet in out.forwarded:
        assert packet.sequence_number not in seen
        seen.add(packet.sequence_number)
        if newest is None or difference(packet.sequence_number, newest.sequence_number, 0x10000) > 0:
            if newest is not None:
                assert difference(packet.timestamp, newest.timestamp, 1 << 32) >= 0
            newest = packet
    if all(delay == 0 for delay in delays):
        ordered = [packet.sequence_number for packet in out.forwarded]
        assert all(difference(b, a, 0x10000) == 1 for a, b in itertools.pairwise(ordered))
        check_decodable([packet.sent for packet in out.forwarded], k_svc)


def check_decodable(packets: list[Sent], k_svc: bool) -> None:
    """Each layer frame has what it depends on: in a picture the layers below, and its own before it."""
    have: dict[int, int] = {}  # spatial layer → the picture up to which it can be decoded
    assert not packets or packets[0].key
    pictures: dict[int, list[Sent]] = {}
    for packet in packets:
        pictures.setdefault(packet.picture, []).append(packet)
    for picture, parts in pictures.items():
        layers = sorted({packet.spatial for packet in parts})
        assert len(parts) == 2 * len(layers)  # no half of a layer frame
        if parts[0].key or not k_svc:
            assert layers == list(range(len(layers)))
        for spatial in layers:
            if not parts[0].key:
                assert have.get(spatial, -1) >= picture // 4 * 4 - 4 * (picture % 4 == 0)  # the base picture before it
            if parts[0].temporal == 0:
                have[spatial] = picture
