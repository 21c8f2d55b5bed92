"""A sender of simulcast or SVC in the rig: frames of whatever layers a test wants, each with its descriptor."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtcp.reports import SenderReport
from tests.worker.rtc.parameters import ABS_SEND_TIME_URI, MAPPED_SSRC, MID_URI, VIDEO_FEEDBACK
from tests.worker.rtc.rig import OnTransport, Peer, Rig
from tests.worker.rtp.packets import rtp

FIRST_SSRC = 2000
_FRAME_SIZE = 200


def vp8(*, key: bool, picture_id: int, tl0: int, temporal: int, size: int = _FRAME_SIZE) -> bytes:
    """RFC 7741: descriptor with picture id, TL0PICIDX and temporal layer (a layer sync point), and a frame."""
    descriptor = bytes((0x90, 0xE0)) + struct.pack(
        "!HBB", 0x8000 | picture_id & 0x7FFF, tl0 & 0xFF, temporal << 6 | 0x20
    )
    frame = b"\x00\x00\x00\x9d\x01\x2a" if key else b"\x01"
    return descriptor + frame + bytes(size)


def vp9(
    *,
    key: bool,
    picture_id: int,
    tl0: int,
    spatial: int,
    temporal: int,
    begin: bool = True,
    end: bool = True,
    size: int = _FRAME_SIZE,
) -> bytes:
    """RFC 9628: non-flexible mode, picture id, layer indices (each a switching-up point)."""
    predicted = 0x00 if key else 0x40
    first = 0x80 | predicted | 0x20 | (0x08 if begin else 0) | (0x04 if end else 0)
    depends = 1 if spatial > 0 and key else 0
    layers = temporal << 5 | 0x10 | spatial << 1 | depends
    return struct.pack("!BHBB", first, 0x8000 | picture_id & 0x7FFF, layers, tl0 & 0xFF) + bytes(size)


@dataclass
class _Stream:
    ssrc: int
    sequence_number: int
    timestamp_offset: int
    packets: int = 0


class LayeredSender:
    """A peer that sends one track in layers, and who receives it."""

    def __init__(
        self,
        rig: Rig,
        *,
        codec: str = "VP8",
        modes: list[str],
        peer: Any = None,
        mid: str = "v",
        first_ssrc: int = FIRST_SSRC,
        **options: Any,
    ) -> None:
        """One encoding per scalability mode; SSRCs count up from ``first_ssrc``; ``peer`` may be ``Inside``, too.

        For ``options`` see ``produce_body``.
        """
        self.rig = rig
        self.peer: Peer = peer or rig.connect()
        self.codec = codec
        self.modes = modes
        # Streams begin with unrelated sequence numbers and timestamps.
        self.streams = [
            _Stream(first_ssrc + index, 1000 * (index + 1), 1_000_000 * index) for index in range(len(modes))
        ]
        self.producer: Producer = rig.produce(self.peer, parameters=self._parameters(mid), **options)
        self.frame = 0
        self.frame_sizes = [_FRAME_SIZE] * 8  # by spatial layer

    def _parameters(self, mid: str) -> dict[str, Any]:
        return {
            "mid": mid,
            "codecs": [
                {
                    "mimeType": f"video/{self.codec}",
                    "payloadType": 96,
                    "clockRate": 90000,
                    "rtcpFeedback": VIDEO_FEEDBACK,
                }
            ],
            "encodings": [
                {"ssrc": stream.ssrc, "scalabilityMode": mode}
                for stream, mode in zip(self.streams, self.modes, strict=True)
            ],
            "headerExtensions": [{"uri": MID_URI, "id": 4}],
            "rtcp": {"cname": "sender"},
        }

    def consume(self, peer: OnTransport, **options: Any) -> Consumer:
        """A consumer of all layers; ``rtpParameters`` are made to fit."""
        encodings = [{"ssrc": MAPPED_SSRC + index, "scalabilityMode": one} for index, one in enumerate(self.modes)]
        options = {
            "type": self.producer.type,
            "consumableRtpEncodings": encodings,
            "rtpParameters": self.receiver_parameters(),
            **options,
        }
        return self.rig.consume(peer, self.producer, **options)

    def receiver_parameters(self, *, remb: bool = False) -> dict[str, Any]:
        """What a receiver of all layers is told; with ``remb`` its estimates are heeded."""
        mode = self.modes[0]
        if len(self.modes) > 1:
            mode = f"S{len(self.modes)}{mode[2:]}"
        return {
            "mid": "0",
            "rtcp": {"cname": "router"},
            "codecs": [
                {
                    "mimeType": f"video/{self.codec}",
                    "payloadType": 100,
                    "clockRate": 90000,
                    "rtcpFeedback": VIDEO_FEEDBACK,
                }
            ],
            "encodings": [{"ssrc": self.streams[0].ssrc + 5000, "scalabilityMode": mode}],
            "headerExtensions": [{"uri": ABS_SEND_TIME_URI, "id": 4}] if remb else [],
        }

    def timestamp(self, stream: _Stream) -> int:
        """The stream's RTP timestamp of now."""
        return (stream.timestamp_offset + self.rig.clock.now_us() * 9 // 100) & 0xFFFFFFFF

    def send_reports(self) -> None:
        """A compound packet with a sender report of each stream."""
        ntp = self.rig.clock.ntp_now()
        self.peer.send_rtcp(
            *(SenderReport(one.ssrc, ntp, self.timestamp(one), one.packets, 0, ()) for one in self.streams)
        )

    def send_frame(self, *spatial: int, key: bool = False, temporal: int = 0) -> None:
        """A frame in these spatial layers, and 40 ms pass."""
        for layer in spatial:
            size = self.frame_sizes[layer]
            if self.codec == "VP8":
                payload = vp8(key=key, picture_id=self.frame, tl0=self.frame, temporal=temporal, size=size)
                self._send(self.streams[layer], payload)
            else:
                payload = vp9(
                    key=key,
                    picture_id=self.frame,
                    tl0=self.frame,
                    spatial=layer,
                    temporal=temporal,
                    size=size,
                )
                self._send(self.streams[0], payload, marker=layer == spatial[-1])
        self.frame += 1
        self.rig.clock.advance(40)

    def run(self, milliseconds: int, *spatial: int, key: bool = False) -> None:
        """Frames of these spatial layers for a while."""
        for _ in range(milliseconds // 40):
            self.send_frame(*spatial, key=key)

    def _send(self, stream: _Stream, payload: bytes, *, marker: bool = True) -> None:
        packet = rtp(
            stream.sequence_number,
            payload,
            ssrc=stream.ssrc,
            payload_type=96,
            timestamp=self.timestamp(stream),
        )
        if marker:
            packet = packet[:1] + bytes((packet[1] | 0x80,)) + packet[2:]
        stream.sequence_number += 1
        stream.packets += 1
        self.peer.send(packet)
