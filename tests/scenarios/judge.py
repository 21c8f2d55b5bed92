"""A receiver that judges what it gets: numbers, timestamps, pictures, reports; every complaint is a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.compound import Packet
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.reports import SenderReport
from tests.scenarios.scene import Endpoint
from tests.scenarios.source import FRAME_US, PPS, SPS, Source, Stamp
from tests.scenarios.viewer import is_filler
from tests.worker.rtp.packets import RtpPacket

NACK_EVERY_US = 100_000
MAX_NACKS = 30
PATIENCE_US = 2_500_000  # without a picture, before it asks for a key frame itself: the worker asks sooner
MODULO = 1 << 32


def signed(difference: int) -> int:
    """Of two timestamps."""
    return (difference + MODULO // 2) % MODULO - MODULO // 2


@dataclass
class Got:
    """One packet of the stream, by its extended number."""

    payload: bytes
    stamp: Stamp | None
    timestamp: int
    marker: bool
    arrived_us: int


@dataclass
class Picture:
    """What came of one frame."""

    stamp: Stamp
    timestamp: int
    order: int  # picture id or the source's count
    is_key: bool = False
    places: set[int] = field(default_factory=set)
    has_first_slice: bool = False  # of a key frame of H264

    @property
    def is_whole(self) -> bool:
        """Whether all its packets are there; parameter sets may come from elsewhere."""
        return len(self.places) == self.stamp.count


class Judge:
    """Watches one consumer.

    Attributes:
        complaints: what was wrong.
        decoded: stamps of pictures decoded, oldest first, with the time of that.
    """

    def __init__(self, endpoint: Endpoint, consumer: Consumer, source: Source) -> None:
        encoding = consumer.rtp_parameters.encodings[0]
        self.complaints: list[str] = []
        self.decoded: list[tuple[int, Stamp, int]] = []
        self.consumer = consumer
        self.source = source
        self._endpoint = endpoint
        self._ssrc, self._rtx_ssrc = encoding.ssrc, encoding.rtx_ssrc
        self._got: dict[int, Got] = {}
        self._highest = self._first = -1
        self._missing: dict[int, tuple[int, int]] = {}  # asked at, how often
        self._serials: dict[tuple[int, int], int] = {}  # layer and serial → number
        self._pictures: dict[tuple[int, int], Picture] = {}
        self._ends_us: list[int] = []  # when the consumer was paused, its producer, or either closed
        self._is_deaf = False
        self._knows_sets = False
        self._last: Picture | None = None
        self._waiting_us = endpoint.scene.now_us
        endpoint.actors.append(self)

    def complain(self, text: str) -> None:
        """Notes what was wrong, the first of its kind in full."""
        self.complaints.append(f"{self._endpoint.scene.now_us / 1e6 % 1000:.3f} {self.consumer.id}: {text}")

    # ------------------------------------------------------------ in

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """A packet, or the repair of one."""
        number, payload = packet.sequence_number, packet.payload
        if packet.ssrc == self._rtx_ssrc:
            number, payload = int.from_bytes(payload[:2], "big"), payload[2:]
        elif packet.ssrc != self._ssrc:
            return
        if self._highest < 0:
            self._highest = self._first = number
        step = (number - self._highest + 0x8000 & 0xFFFF) - 0x8000
        number = self._highest + step
        if step > 1:
            if step > 400:
                self.complain(f"numbers leap by {step}")
            for missing in range(max(self._highest + 1, number - 400), number):
                self._missing[missing] = (now_us, 0)
        self._highest = max(self._highest, number)
        self._missing.pop(number, None)
        got = Got(payload, None if is_filler(payload) else Stamp.of(payload), packet.timestamp, packet.marker, now_us)
        before = self._got.get(number)
        if before is not None:
            if (before.payload, before.timestamp) != (payload, packet.timestamp):
                self.complain(f"number {number} has two contents")
            return
        self._got[number] = got
        self._look_at(number, got, now_us)

    def _look_at(self, number: int, got: Got, now_us: int) -> None:
        if (SPS in got.payload and PPS in got.payload) or got.payload[:1] == PPS[:1]:
            self._knows_sets = True
        if got.stamp is None:
            if self.source.codec == "h264":
                self._decode(now_us)  # parameter sets
            elif not is_filler(got.payload):
                self.complain(f"strange payload {got.payload[:20].hex()}")
            return
        stamp = got.stamp
        if stamp.source != self.source.tag:
            # what was under way of who had this MID before may come until the new sender is heard
            if self._serials or stamp.source % 10 != self.source.tag % 10:
                self.complain(f"a packet of source {stamp.source}, expected {self.source.tag}")
            return
        known = self._serials.setdefault((stamp.layer, stamp.serial), number)
        if known != number:
            self.complain(f"serial {stamp.serial} has numbers {known} and {number}")
        picture = self._pictures.get((stamp.layer, stamp.frame))
        if picture is None:
            order = int.from_bytes(got.payload[2:4], "big") & 0x7FFF if self.source.codec == "vp8" else stamp.frame
            picture = Picture(stamp, got.timestamp, order)
            self._pictures[stamp.layer, stamp.frame] = picture
        if picture.timestamp != got.timestamp:
            self.complain(f"frame {stamp.frame} has two timestamps")
        picture.places.add(stamp.place)
        picture.is_key |= self._begins_key(got.payload, stamp)
        picture.has_first_slice |= got.payload[:2] in (b"\x65\x88", b"\x7c\x85")
        self._decode(now_us)

    def _begins_key(self, payload: bytes, stamp: Stamp) -> bool:
        match self.source.codec:
            case "vp8":
                return stamp.place == 0 and payload[6] & 1 == 0
            case "h264":
                return payload[0] & 31 == 5 or payload[0] & 31 == 28
        return True

    def _is_whole(self, picture: Picture) -> bool:
        if self.source.codec != "h264" or not picture.is_key:
            return picture.is_whole
        first = min(picture.places)
        return len(picture.places) == picture.stamp.count - first and picture.has_first_slice and self._knows_sets

    def _decode(self, now_us: int) -> None:
        """In order: a key frame, or what follows the last one directly."""
        while True:
            last = self.decoded[-1][1] if self.decoded else None
            last_order = self.decoded[-1][2] if self.decoded else 0
            ready = [one for one in self._pictures.values() if self._is_whole(one)]
            chosen = [
                one
                for one in ready
                if (
                    last is not None
                    and one.stamp.layer == last.layer
                    and one.order == (last_order + 1) % (0x8000 if self.source.codec == "vp8" else 1 << 32)
                )
                or (one.is_key and (last is None or self._is_later(one.stamp, last)))
            ]
            if not chosen:
                return
            one = min(chosen, key=lambda picture: picture.stamp.captured_us)
            self._check_time(one)
            self.decoded.append((now_us, one.stamp, one.order))
            self._last = one
            self._waiting_us = now_us
            self._pictures = {
                key: other for key, other in self._pictures.items() if self._is_later(other.stamp, one.stamp)
            }

    @staticmethod
    def _is_later(one: Stamp, other: Stamp) -> bool:
        """Another layer may begin with the picture that the one before has ended with."""
        return (one.captured_us, one.layer != other.layer) > (other.captured_us, False)

    def _check_time(self, picture: Picture) -> None:
        if self._last is None:
            return
        step = signed(picture.timestamp - self._last.timestamp) * 1_000_000 // self.source.clock_rate
        real = picture.stamp.captured_us - self._last.stamp.captured_us
        if step <= 0:
            self.complain(f"time goes back by {-step} us before frame {picture.stamp.frame}")
        elif step - real > 3_400_000 or (real - step > 400_000 and not self.source.has_stood):
            self.complain(f"time goes {step} us for {real} us before frame {picture.stamp.frame}")

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """A sender report tells the time of the newest picture."""
        if isinstance(packet, SenderReport) and packet.ssrc == self._ssrc and self._last is not None:
            gone = now_us - self._last.stamp.captured_us
            told = signed(packet.rtp_timestamp - self._last.timestamp) * 1_000_000 // self.source.clock_rate
            if gone < 1_000_000 and abs(told - gone) > 250_000 + self.source.doubt_us:
                self.complain(f"a report is off by {(told - gone) // 1000} ms")

    # ------------------------------------------------------------ out

    def tick(self, now_us: int) -> None:
        """Asks for what is missing."""
        is_deaf = self.consumer.paused or self.consumer.producer_paused or self.source.stopped
        if is_deaf and not self._is_deaf:
            self._ends_us.append(now_us)
        self._is_deaf = is_deaf
        if self._rtx_ssrc:
            due = []
            for number, (asked_us, times) in list(self._missing.items()):
                if now_us - asked_us >= NACK_EVERY_US and times < MAX_NACKS:
                    due.append(number & 0xFFFF)
                    self._missing[number] = (now_us, times + 1)
            if due:
                self._endpoint.send_rtcp(Nack(1, self._ssrc, tuple(due[:200])))
        # a loss that its sender does not repair costs every few key frames, too
        is_poor = self.source.path.loss > 0 and not self.source.sends_repairs
        if is_deaf or is_poor or not self.source.flows:
            self._waiting_us = now_us
        elif self.source.kind == "video" and now_us - self._waiting_us > PATIENCE_US:
            self._waiting_us = now_us
            self.complain("no picture for 2.5 s")
            self._endpoint.send_rtcp(Pli(1, self._ssrc))

    # ------------------------------------------------------------ judged

    def holes(self) -> Iterator[str]:
        """Numbers that never came though nothing was lost there."""
        numbers = sorted(self._got)
        stamped = [number for number in numbers if self._got[number].stamp is not None]
        for before, after in itertools.pairwise(stamped):
            absent = [number for number in range(before + 1, after) if number not in self._got]
            if not absent:
                continue
            one, other = self._got[before].stamp, self._got[after].stamp
            assert one is not None
            assert other is not None
            if one.layer != other.layer:
                if self._rtx_ssrc:
                    yield f"numbers {absent} at a switch were never answered for"
                continue
            low, high = sorted((one.serial, other.serial))
            end_us = self._end_us(before, one.layer)
            lost = [serial for serial in range(low, high) if self._is_excused(one.layer, low, high, serial, end_us)]
            if len(lost) < len(absent):
                yield f"numbers {absent} are missing, lost were {lost} of {low} to {high}"

    def _is_excused(self, layer: int, low: int, high: int, serial: int, end_us: int) -> bool:
        """Whether a packet was lost, or came when it was of no use, or alone among numbers of somewhere else."""
        first, last, number = (self.source.numbers[layer, one] for one in (low, high, serial))
        is_astray = (number - first) & 0xFFFF > (last - first) & 0xFFFF
        return is_astray or self.source.path.brought.get((self.source.tag, layer, serial), end_us) >= end_us

    def _end_us(self, number: int, layer: int) -> int:
        """When what was missing behind a number was of no use any more: a pause, or another layer, had come."""
        ends_us = [end_us for end_us in self._ends_us if end_us >= self._got[number].arrived_us]
        ends_us += [
            got.arrived_us
            for other, got in self._got.items()
            if other > number and got.stamp is not None and got.stamp.layer != layer
        ]
        return min(ends_us, default=1 << 62)

    def is_fluent(self, since_us: int) -> str | None:
        """What is wrong with the pictures since then, or None."""
        seen = [stamp for when, stamp, _ in self.decoded if when >= since_us]
        frames = (self._endpoint.scene.now_us - since_us) // FRAME_US[self.source.kind]
        if len(seen) < 0.8 * frames:
            return f"{len(seen)} pictures of {frames} in the calm at the end"
        return None
