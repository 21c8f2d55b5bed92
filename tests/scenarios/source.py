"""A sender whose every packet can be recognised, with the habits and misfortunes of real ones."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Any

from miso.worker.rtcp.compound import Packet
from miso.worker.rtcp.feedback import Fir, Nack, Pli
from miso.worker.rtcp.reports import SenderReport
from tests.scenarios.network import Path
from tests.scenarios.scene import Endpoint
from tests.worker.rtc.parameters import MID_URI, REPAIRED_RID_URI, RID_URI, VIDEO_FEEDBACK
from tests.worker.rtp.packets import RtpPacket, rtp

MEDIA, RTX, FOREIGN = 96, 97, 98
MID_ID, RID_ID, REPAIRED_RID_ID = 4, 5, 6
REPORT_US = 500_000
CLOCK_RATES = {"video": 90_000, "audio": 48_000}
FRAME_US = {"video": 40_000, "audio": 20_000}
# At the end of each payload: source, layer, frame, place in the frame, how many there are, serial, time of capture.
STAMP = struct.Struct("!BBIBBIQ")
SPS, PPS = bytes.fromhex("67 42e01f da"), bytes.fromhex("68 ce3c80")
H264_KEYS = ("single", "aggregated", "fragmented", "once")


@dataclass(frozen=True)
class Stamp:
    """What a packet says of itself."""

    source: int
    layer: int
    frame: int
    place: int
    count: int
    serial: int
    captured_us: int

    @classmethod
    def of(cls, payload: bytes) -> Stamp | None:
        """The stamp of a payload that has one."""
        if len(payload) < STAMP.size + 2:
            return None
        return cls(*STAMP.unpack(payload[-STAMP.size :]))


class WatchedPath(Path):
    """A network that remembers what it has brought."""

    def __init__(self, *, seed: int) -> None:
        super().__init__(seed=seed, delay_ms=10)
        self.known: dict[bytes, tuple[int, int, int]] = {}  # datagram → source, layer, serial
        self.brought: dict[tuple[int, int, int], int] = {}  # when first

    def take_due(self, now_us: int) -> list[bytes]:
        """As ``Path``."""
        due = super().take_due(now_us)
        for data in due:
            if data in self.known:
                self.brought.setdefault(self.known[data], now_us)
        return due


@dataclass
class Layer:
    """One encoding of the source."""

    index: int
    ssrc: int
    rtx_ssrc: int
    rid: str
    packets_of_frame: int
    sequence_number: int
    timestamp_offset: int
    serial: int = 0
    frames: int = 0
    picture_id: int = 0
    tl0: int = 0
    key_index: int = 0
    key_frames: int = 0
    enabled: bool = True
    key_wanted: bool = True
    swallow_first: bool = False
    rtx_sequence: int = 1
    named: int = 0  # packets that still name MID and RID
    history: dict[int, tuple[bytes, int, int, bool]] = field(default_factory=dict)


class Source:
    """Sends one track in one or more encodings.

    Attributes:
        tag: in the stamps of its packets.
        codec: ``vp8``, ``h264`` or ``opus``.
        naming: how its streams are known: ``ssrc``, ``mid``, ``rid``, or ``both`` (MID and RID).
        layers: its encodings.
    """

    def __init__(
        self, endpoint: Endpoint, tag: int, codec: str, layers: int, naming: str, mid: str, chance: random.Random
    ) -> None:
        self.endpoint, self.tag, self.codec, self.naming, self.mid, self.chance = (
            endpoint,
            tag,
            codec,
            naming,
            mid,
            chance,
        )
        self.kind = "audio" if codec == "opus" else "video"
        self.clock_rate = CLOCK_RATES[self.kind]
        assert isinstance(endpoint.to_worker, WatchedPath)
        self.path = endpoint.to_worker
        self.stopped = False
        self.h264_keys = chance.choice(H264_KEYS)
        self.sends_repairs = chance.random() < 0.8
        self.padding = self.foreign = 0.0
        self.muted = self.has_stood = False  # the clock, during a mute
        self.doubt_us = 0  # by how much reports on it may be off until its sender's next one
        self.numbers: dict[tuple[int, int], int] = {}  # layer and serial → sequence number
        self.begin_us = self._next_us = endpoint.scene.now_us
        self._next_report_us = self.begin_us + chance.randrange(REPORT_US)
        self.layers = [
            Layer(
                index,
                ssrc=chance.getrandbits(32) | 1,
                rtx_ssrc=chance.getrandbits(32) | 1,
                rid=f"r{index}",
                packets_of_frame=1 if codec == "opus" else 1 + index,
                sequence_number=chance.choice([0, 65_500, chance.randrange(65536)]),
                timestamp_offset=chance.choice([0, 0xFFFF0000, chance.getrandbits(32)]),
                picture_id=chance.randrange(0x8000),
                tl0=chance.randrange(256),
                named=chance.choice([3, 20, 1 << 30]),
            )
            for index in range(layers)
        ]
        endpoint.actors.append(self)

    def parameters(self) -> dict[str, Any]:
        """For ``produce``."""
        encodings: list[dict[str, Any]] = []
        for layer in self.layers:
            encoding: dict[str, Any] = {}
            if self.naming == "ssrc":
                encoding = {"ssrc": layer.ssrc, "rtx": {"ssrc": layer.rtx_ssrc}}
            elif self.naming in ("rid", "both"):
                encoding = {"rid": layer.rid}
            if self.kind == "audio":
                encoding.pop("rtx", None)
            elif len(self.layers) > 1:
                encoding["scalabilityMode"] = "L1T1"
            encodings.append(encoding)
        name = {"vp8": "video/VP8", "h264": "video/H264", "opus": "audio/opus"}[self.codec]
        codec: dict[str, Any] = {"mimeType": name, "payloadType": MEDIA, "clockRate": self.clock_rate}
        if self.kind == "audio":
            codecs = [codec | {"channels": 2}]
        else:
            repair = {"mimeType": "video/rtx", "payloadType": RTX, "clockRate": 90_000, "parameters": {"apt": MEDIA}}
            codecs = [codec | {"rtcpFeedback": VIDEO_FEEDBACK}, repair]
        ids = {MID_URI: MID_ID, RID_URI: RID_ID, REPAIRED_RID_URI: REPAIRED_RID_ID}
        return {
            "mid": None if self.naming == "rid" else self.mid,
            "codecs": codecs,
            "encodings": encodings,
            "headerExtensions": [{"uri": uri, "id": id_} for uri, id_ in ids.items()],
            "rtcp": {"cname": "sender"},
        }

    # ------------------------------------------------------------ out

    def tick(self, now_us: int) -> None:
        """Sends what is due."""
        if now_us >= self._next_us:
            self._next_us += FRAME_US[self.kind]
            for layer in self.layers:
                if layer.enabled and not self.muted:
                    self._send_frame(layer, now_us)
        if now_us >= self._next_report_us:
            self._next_report_us += REPORT_US
            for layer in self.layers:
                if layer.enabled and not self.muted and layer.serial:
                    report = SenderReport(layer.ssrc, self.endpoint.scene.ntp(), self.timestamp(layer, now_us), 1, 1)
                    self.endpoint.send_rtcp(report)

    @property
    def flows(self) -> bool:
        """Whether all layers are being sent."""
        return not self.muted and not self.stopped and all(layer.enabled for layer in self.layers)

    def stop(self) -> None:
        """For good."""
        self.stopped = True
        self.endpoint.actors.remove(self)

    def timestamp(self, layer: Layer, now_us: int) -> int:
        """Of what is captured now."""
        return (layer.timestamp_offset + (now_us - self.begin_us) * self.clock_rate // 1_000_000) & 0xFFFFFFFF

    def _send_frame(self, layer: Layer, now_us: int) -> None:
        is_key = self.kind == "audio" or layer.key_wanted
        if is_key and self.kind == "video":
            layer.key_wanted = False
            layer.key_frames += 1
            layer.key_index += 1
        layer.frames += 1
        layer.picture_id = (layer.picture_id + 1) & 0x7FFF
        layer.tl0 = (layer.tl0 + 1) & 0xFF
        heads = getattr(self, f"_{self.codec}")(layer, is_key)
        for place, head in enumerate(heads):
            stamp = STAMP.pack(self.tag, layer.index, layer.frames, place, len(heads), layer.serial, now_us)
            filling = bytes(max(0, 30 - len(head)))
            is_set = head[:1] in (SPS[:1], PPS[:1], b"\x78")
            payload = head if is_set else head + filling + stamp
            is_lost = layer.swallow_first and is_key and place == 0
            self._send(layer, payload, place == len(heads) - 1, now_us, is_lost=is_lost)
        if is_key:
            layer.swallow_first = False
        if self.chance.random() < self.padding:
            self._send(layer, b"", False, now_us, padding=self.chance.choice([1, 200, 255]))
        if self.chance.random() < self.foreign:
            self._send(layer, b"foreign", False, now_us, payload_type=FOREIGN)

    def _send(
        self,
        layer: Layer,
        payload: bytes,
        marker: bool,
        now_us: int,
        *,
        payload_type: int = MEDIA,
        padding: int = 0,
        is_lost: bool = False,
    ) -> None:
        extensions: dict[int, bytes] = {}
        if layer.named > 0 and self.naming != "ssrc":
            layer.named -= 1
            if self.naming in ("mid", "both"):
                extensions[MID_ID] = self.mid.encode()
            if self.naming in ("rid", "both"):
                extensions[RID_ID] = layer.rid.encode()
        number = layer.sequence_number
        packet = rtp(
            number,
            payload,
            ssrc=layer.ssrc,
            payload_type=payload_type,
            timestamp=self.timestamp(layer, now_us),
            marker=marker,
            extensions=extensions,
            padding=padding,
        )
        self.numbers[layer.index, layer.serial] = number
        layer.sequence_number = (number + 1) & 0xFFFF
        self.path.known[packet] = (self.tag, layer.index, layer.serial)
        if payload_type == MEDIA and payload:
            layer.history[number] = (payload, layer.serial, self.timestamp(layer, now_us), marker)
            if len(layer.history) > 500:
                del layer.history[next(iter(layer.history))]
        layer.serial += 1
        if not is_lost:
            self.endpoint.send_rtp(packet)

    def _opus(self, layer: Layer, is_key: bool) -> list[bytes]:
        return [b"\xfcopus"]

    def _vp8(self, layer: Layer, is_key: bool) -> list[bytes]:
        heads = []
        for place in range(layer.packets_of_frame * (3 if is_key else 1)):
            descriptor = struct.pack(
                "!BBHBB",
                0x80 if place else 0x90,
                0xF0,
                0x8000 | layer.picture_id,
                layer.tl0,
                layer.key_index & 31,
            )
            begin = b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" if is_key else b"\x11"
            heads.append(descriptor + (b"" if place else begin))
        return heads

    def _h264(self, layer: Layer, is_key: bool) -> list[bytes]:
        if not is_key:
            return [b"\x61\x9a"] + [b"\x61\x1a"] * (layer.packets_of_frame - 1)
        aggregated = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (SPS, PPS))
        slices = [b"\x65\x88", b"\x65\x48", b"\x65\x48"]
        fragments = [b"\x7c\x85\x88", b"\x7c\x05", b"\x7c\x45"]
        match self.h264_keys:
            case "aggregated":
                return [aggregated, *slices]
            case "fragmented":
                return [aggregated, *fragments]
            case "once" if layer.key_frames > 1:
                return slices
        return [SPS, PPS, *slices]

    # ------------------------------------------------------------ in

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """Nobody sends it any."""

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """Sends again what is asked for, and key frames."""
        match packet:
            case Nack(_, media_ssrc, numbers) if self.sends_repairs:
                for layer in self.layers:
                    if layer.ssrc == media_ssrc:
                        for number in numbers:
                            self._repair(layer, number)
            case Pli(_, media_ssrc):
                self._want_key({media_ssrc})
            case Fir(_, _, entries):
                self._want_key({ssrc for ssrc, _ in entries})
            case _:
                pass

    def _want_key(self, ssrcs: set[int]) -> None:
        for layer in self.layers:
            layer.key_wanted |= layer.ssrc in ssrcs

    def _repair(self, layer: Layer, number: int) -> None:
        if number not in layer.history:
            return
        payload, serial, timestamp, marker = layer.history[number]
        extensions = {MID_ID: self.mid.encode()} if self.naming in ("mid", "both") else {}
        if self.naming in ("rid", "both"):
            extensions[REPAIRED_RID_ID] = layer.rid.encode()
        packet = rtp(
            layer.rtx_sequence,
            number.to_bytes(2, "big") + payload,
            ssrc=layer.rtx_ssrc,
            payload_type=RTX,
            timestamp=timestamp,
            marker=marker,
            extensions=extensions,
        )
        layer.rtx_sequence += 1
        self.path.known[packet] = (self.tag, layer.index, serial)
        self.endpoint.send_rtp(packet)
