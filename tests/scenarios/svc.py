"""VP9 with spatial layers: a camera, and a viewer that decodes only what its references allow (RFC 9628)."""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass

from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.compound import Packet
from miso.worker.rtcp.feedback import Nack, Pli
from tests.scenarios.camera import HISTORY_PACKETS, SYNC_PLACES, TEMPORAL_PATTERNS, Camera
from tests.scenarios.encoding import PAYLOAD_BYTES, Encoding
from tests.scenarios.scene import Endpoint
from tests.scenarios.viewer import is_filler
from tests.worker.rtp.packets import RtpPacket, rtp

SPATIAL_LAYERS = 3
PACKETS = (1, 2, 4)  # of a frame, by spatial layer
STAMP = struct.Struct("!IQ")  # picture number, shutter time


class SvcCamera(Camera):
    """L3T3, or L3T3_KEY, where spatial layers lean on each other in key pictures only."""

    def __init__(self, endpoint: Endpoint, *, k_svc: bool) -> None:
        super().__init__(endpoint, [Encoding(picture_id=0x7FE0, tl0_picture_index=250)], temporal_layers=3)
        self._k_svc = k_svc
        assert self._pattern == TEMPORAL_PATTERNS[3]

    def _send_frame(self, encoding: Encoding, place: int, now_us: int) -> None:
        temporal = self._pattern[place]
        is_key = encoding.key_frame_wanted and temporal == 0
        if is_key:
            encoding.key_frame_wanted = False
            encoding.key_frames += 1
        encoding.picture_id = (encoding.picture_id + 1) & 0x7FFF
        encoding.tl0_picture_index = (encoding.tl0_picture_index + (temporal == 0)) & 0xFF
        for spatial in range(SPATIAL_LAYERS):
            depends = spatial > 0 and (is_key or not self._k_svc)
            for index in range(PACKETS[spatial]):
                begins, ends = index == 0, index == PACKETS[spatial] - 1
                #  |I|P|L|F|B|E|V|Z| M|PictureID (15) | TID |U| SID |D| TL0PICIDX |   (section 4.2)
                first = 0xA0 | (not is_key) << 6 | begins << 3 | ends << 2
                layers = temporal << 5 | (place in SYNC_PLACES[3]) << 4 | spatial << 1 | depends
                head = struct.pack("!BHBB", first, 0x8000 | encoding.picture_id, layers, encoding.tl0_picture_index)
                head += STAMP.pack(self.frames, now_us)
                self._send_packet(
                    encoding, head + bytes(PAYLOAD_BYTES - len(head)), ends and spatial == SPATIAL_LAYERS - 1, now_us
                )

    def _send_packet(self, encoding: Encoding, payload: bytes, marker: bool, now_us: int) -> None:
        number = encoding.sequence_number
        timestamp = self._timestamp(encoding, now_us)
        packet = bytearray(rtp(number, payload, ssrc=encoding.ssrc, payload_type=96, timestamp=timestamp))
        packet[1] |= 0x80 if marker else 0
        encoding.history[number] = bytes(packet)
        if len(encoding.history) > HISTORY_PACKETS:
            encoding.history.popitem(last=False)
        encoding.sequence_number = (number + 1) & 0xFFFF
        encoding.packets += 1
        encoding.octets += len(payload)
        self._endpoint.send_rtp(bytes(packet))


@dataclass(frozen=True)
class SvcPacket:
    """What the descriptor says."""

    is_predicted: bool
    spatial: int
    temporal: int
    switching_up: bool
    depends: bool
    tl0: int
    number: int
    captured_us: int
    timestamp: int
    marker: bool
    begins: bool
    ends: bool


def _whole_frames(picture: list[SvcPacket]) -> list[SvcPacket]:
    """The first packet of each layer frame that is whole, as a depacketizer finds them."""
    frames = []
    first: SvcPacket | None = None
    for packet in picture:
        if packet.begins:
            first = packet
        if first is not None and packet.spatial == first.spatial and packet.ends:
            frames.append(first)
            first = None
    return frames


@dataclass(frozen=True)
class Picture:
    """A decoded picture: the highest spatial layer of it."""

    number: int
    spatial: int
    temporal: int
    decoded_us: int
    captured_us: int


class SvcViewer:
    """Takes the packets in the order of their numbers; asks again for gaps, for a key frame after a broken reference.

    Attributes:
        pictures: decoded.
        undecodable: pictures of the base layer whose references never came: those that follow cannot be decoded either.
        strays: what fills the numbers of lost packets and is no picture from its lowest layer to a marker: a decoder
            leaves it out.
    """

    def __init__(self, endpoint: Endpoint, consumer: Consumer) -> None:
        self.pictures: list[Picture] = []
        self.undecodable = self.strays = 0
        encoding = consumer.rtp_parameters.encodings[0]
        self._ssrc, self._rtx_ssrc = encoding.ssrc, encoding.rtx_ssrc
        self._endpoint = endpoint
        self._waiting: OrderedDict[int, SvcPacket | None] = OrderedDict()
        self._next: int | None = None
        self._asked_us: dict[int, int] = {}
        self._picture: list[SvcPacket] = []
        self._base: dict[int, int] = {}  # spatial layer → TL0PICIDX of its last decoded base frame
        self._middle: dict[int, int] = {}  # likewise, of its last decoded frame of temporal layer 1
        endpoint.actors.append(self)

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """Keeps it until its turn comes."""
        number, payload = packet.sequence_number, packet.payload
        if packet.ssrc == self._rtx_ssrc:
            (number,) = struct.unpack_from("!H", payload)
            payload = payload[2:]
        elif packet.ssrc != self._ssrc:
            return
        if self._next is None:
            self._next = number
        if (number - self._next) & 0xFFFF >= 0x8000:
            return
        self._waiting[number] = None if is_filler(payload) else self._read(payload, packet)
        while self._next in self._waiting:
            taken = self._waiting.pop(self._next)
            if taken is not None:
                self._take(taken, now_us)
            self._next = (self._next + 1) & 0xFFFF

    def _read(self, payload: bytes, packet: RtpPacket) -> SvcPacket:
        first, _, layers, tl0 = struct.unpack_from("!BHBB", payload)
        picture, captured_us = STAMP.unpack_from(payload, 5)
        return SvcPacket(
            is_predicted=bool(first & 0x40),
            spatial=layers >> 1 & 7,
            temporal=layers >> 5,
            switching_up=bool(layers & 0x10),
            depends=bool(layers & 1),
            tl0=tl0,
            number=picture,
            captured_us=captured_us,
            timestamp=packet.timestamp,
            marker=packet.marker,
            begins=bool(first & 8),
            ends=bool(first & 4),
        )

    def _take(self, packet: SvcPacket, now_us: int) -> None:
        if self._picture and self._picture[-1].number != packet.number:
            self._finish(now_us)
        self._picture.append(packet)
        if packet.marker:
            self._finish(now_us)

    def _finish(self, now_us: int) -> None:
        """The picture is over: at the marker, or since the next begins, which tells that the marker was left out."""
        picture, self._picture = self._picture, []
        assert len({one.timestamp for one in picture}) == 1
        frames = _whole_frames(picture)
        if not frames or frames[0].depends:
            self.strays += 1
            return
        decoded = -1
        for frame in frames:
            if self._is_decodable(frame, decoded):
                decoded = frame.spatial
                if frame.temporal == 0:
                    self._base[decoded] = frame.tl0
                elif frame.temporal == 1:
                    self._middle[decoded] = frame.tl0
        last = frames[-1]
        if not picture[-1].marker:
            self.strays += 1
            return
        if decoded < last.spatial and last.temporal > 0:  # nothing leans on it
            self.strays += 1
            return
        if decoded < last.spatial:
            self.undecodable += 1
            self._endpoint.send_rtcp(Pli(1, self._ssrc))
            return
        self.pictures.append(Picture(last.number, last.spatial, last.temporal, now_us, last.captured_us))

    def _is_decodable(self, frame: SvcPacket, below: int) -> bool:
        if frame.depends and below != frame.spatial - 1:
            return False
        if not frame.is_predicted:
            return True
        if frame.temporal == 0:
            return self._base.get(frame.spatial) == (frame.tl0 - 1) & 0xFF
        if frame.temporal == 2 and not frame.switching_up and self._middle.get(frame.spatial) != frame.tl0:
            return False
        return self._base.get(frame.spatial) == frame.tl0

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """Reports are not looked at."""

    def tick(self, now_us: int) -> None:
        """Asks for what holds up the rest."""
        if not self._waiting or self._next is None:
            return
        newest = next(reversed(self._waiting))
        span = range(min((newest - self._next) & 0xFFFF, 200))
        missing = [number for step in span if (number := (self._next + step) & 0xFFFF) not in self._waiting]
        due = tuple(number for number in missing if now_us - self._asked_us.get(number, 0) >= 70_000)
        if due:
            self._asked_us.update(dict.fromkeys(due, now_us))
            self._endpoint.send_rtcp(Nack(1, self._ssrc, due))
