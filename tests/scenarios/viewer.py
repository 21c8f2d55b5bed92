"""A receiver of VP8 video: asks for what is missing, puts frames together, decodes what can be decoded, reports."""

from __future__ import annotations

import itertools
import struct
from collections import Counter
from dataclasses import dataclass, field

from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.compound import Packet
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.ntp import compact_duration, compact_ntp
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from tests.scenarios.camera import STAMP
from tests.scenarios.scene import Endpoint
from tests.worker.rtp.packets import RtpPacket

NACK_AFTER_US = 70_000  # a round trip of 50 ms and some
NACK_AFTER_UNORDERED_US = 10_000
MAX_NACKS = 10
GIVE_UP_US = 500_000
REPORT_US = 1_000_000
PLI_US = 300_000


@dataclass
class Frame:
    """A picture as it was put together.

    Attributes:
        number: the camera's.
        encoding: which of the camera's encodings it is of.
        complete_us: when the last packet came.
        delay_us: from the camera to there.
    """

    number: int
    encoding: int
    is_key: bool
    picture_id: int
    temporal_layer: int
    packets: int
    captured_us: int
    timestamp: int
    got: set[int] = field(default_factory=set)
    complete_us: int = 0
    decoded_us: int = 0

    @property
    def delay_us(self) -> int:
        """From the camera's shutter to the last packet."""
        return self.complete_us - self.captured_us


def is_filler(payload: bytes) -> bool:
    """Whether a packet only takes the place of one that was left out: nothing, or a byte of padding."""
    return payload in (b"", b"\x01")


class Viewer:
    """Watches one consumer."""

    def __init__(self, endpoint: Endpoint, consumer: Consumer, *, asks_again: bool = True) -> None:
        self.endpoint = endpoint
        encoding = consumer.rtp_parameters.encodings[0]
        self.ssrc, self.rtx_ssrc = encoding.ssrc, encoding.rtx_ssrc
        self.frames: dict[int, Frame] = {}  # by the timestamp on the wire
        self.decoded: list[Frame] = []
        self.delays_us: dict[int, int] = {}  # of complete pictures, by the camera's number
        self.received: Counter[int] = Counter()  # by extended sequence number: how often each packet came
        self.repaired = 0
        self.plis = 0
        self.sequence_numbers: list[int] = []
        self.timestamps: list[int] = []
        self._asks_again = asks_again
        self._highest = -1
        self._reported_highest = self._reported_count = 0
        self._in_time = 0
        self._missing: dict[int, tuple[int, int, int]] = {}  # number → (since, asked at, times asked)
        self._last_sr = (0, 0)
        self._next_report_us = endpoint.scene.now_us + REPORT_US
        self._last_pli_us = 0
        self.began_us = self._waiting_since_us = endpoint.scene.now_us
        endpoint.actors.append(self)

    # ------------------------------------------------------------ in

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """A packet of the stream or of its retransmissions."""
        payload, number = packet.payload, packet.sequence_number
        if packet.ssrc == self.rtx_ssrc:
            (number,) = struct.unpack_from("!H", payload)
            payload = payload[2:]
            self.repaired += 1
        elif packet.ssrc != self.ssrc:
            return
        else:
            self.sequence_numbers.append(number)
            self.timestamps.append(packet.timestamp)
        extended = self._extend(number)
        self.received[extended] += 1
        self._missing.pop(extended, None)
        if packet.ssrc == self.ssrc:
            self._in_time += 1
        if self.received[extended] == 1 and not is_filler(payload):
            self._put(payload, packet.timestamp, now_us)

    def _extend(self, number: int) -> int:
        if self._highest < 0:
            self._highest = number
            self._reported_highest = number - 1
            return number
        step = (number - self._highest + 0x8000 & 0xFFFF) - 0x8000
        extended = self._highest + step
        now_us = self.endpoint.scene.now_us
        if step > 0:
            for missing in range(self._highest + 1, extended):
                self._missing[missing] = (now_us, 0, 0)
            self._highest = extended
        return extended

    def _put(self, payload: bytes, timestamp: int, now_us: int) -> None:
        first, _, picture_id, _, layers = struct.unpack_from("!BBHBB", payload)
        at, is_key = 6, False
        if first & 0x10:
            is_key = not payload[at] & 1
            at += 10 if is_key else 1
        number, encoding, index, count, captured_us = STAMP.unpack_from(payload, at)
        frame = self.frames.get(timestamp)
        if frame is None:
            frame = Frame(number, encoding, is_key, picture_id & 0x7FFF, layers >> 6, count, captured_us, timestamp)
            self.frames[timestamp] = frame
        assert (frame.number, frame.encoding) == (number, encoding), "one timestamp on packets of two pictures"
        frame.is_key |= is_key
        frame.got.add(index)
        if len(frame.got) == frame.packets and not frame.complete_us:
            frame.complete_us = now_us
            self.delays_us[frame.number] = frame.delay_us
            self._decode(now_us)

    def _decode(self, now_us: int) -> None:
        """Decodes in the order of the picture ids: a delta frame right after its forerunner, a key frame always."""
        while True:
            last = self.decoded[-1] if self.decoded else None
            ready = [frame for frame in self.frames.values() if frame.complete_us and not frame.decoded_us]
            following = [f for f in ready if last and f.picture_id == (last.picture_id + 1) & 0x7FFF]
            newer = [f for f in ready if f.is_key and (last is None or f.number > last.number)]
            if not (chosen := following or newer):
                break
            chosen[0].decoded_us = now_us
            self.decoded.append(chosen[0])
            self._waiting_since_us = now_us
            if len(self.frames) > 200:  # what is long past is not needed any more
                for timestamp in list(self.frames)[:100]:
                    del self.frames[timestamp]

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """A sender report is echoed in the next receiver report."""
        if isinstance(packet, SenderReport) and packet.ssrc == self.ssrc:
            self._last_sr = (compact_ntp(packet.ntp), now_us)

    # ------------------------------------------------------------ out

    def tick(self, now_us: int) -> None:
        """Asks for what is missing, for a key frame when nothing decodes, and reports."""
        due = []
        for number, (since_us, asked_us, times) in list(self._missing.items()):
            if now_us - since_us > GIVE_UP_US or times >= MAX_NACKS:
                del self._missing[number]
            elif now_us - since_us >= NACK_AFTER_UNORDERED_US and now_us - asked_us >= NACK_AFTER_US:
                due.append(number)
                self._missing[number] = (since_us, now_us, times + 1)
        if due and self._asks_again:
            self.endpoint.send_rtcp(Nack(1, self.ssrc, tuple(number & 0xFFFF for number in due)))
        if now_us - self._waiting_since_us > GIVE_UP_US and now_us - self._last_pli_us > PLI_US and self._highest >= 0:
            self._last_pli_us = now_us
            self.plis += 1
            self.endpoint.send_rtcp(Pli(1, self.ssrc))
        if now_us >= self._next_report_us and self._highest >= 0:
            self._next_report_us = now_us + REPORT_US
            self._report(now_us)

    def _report(self, now_us: int) -> None:
        expected = self._highest - self._reported_highest
        lost = max(0, expected - (self._in_time - self._reported_count))
        self._reported_highest, self._reported_count = self._highest, self._in_time
        last_sr, came_us = self._last_sr
        block = ReportBlock(
            self.ssrc,
            fraction_lost=min(255, lost * 256 // expected) if expected > 0 else 0,
            highest_sequence=self._highest,
            last_sr=last_sr,
            delay_since_last_sr=compact_duration(now_us - came_us) if last_sr else 0,
        )
        self.endpoint.send_rtcp(ReceiverReport(1, (block,)))

    # ------------------------------------------------------------ judged

    def share_in_time(self, first: int, last: int, limit_ms: float) -> float:
        """How many of the camera's pictures ``first`` to ``last`` were complete within ``limit_ms``, 0 to 1."""
        good = sum(self.delays_us.get(number, 1 << 62) <= limit_ms * 1000 for number in range(first, last))
        return good / (last - first)

    def longest_freeze_ms(self, since_us: int = 0) -> float:
        """The longest time without a newly decoded picture."""
        times = [frame.decoded_us for frame in self.decoded if frame.decoded_us >= since_us]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0) / 1000
