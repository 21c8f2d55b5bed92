"""One stream of a camera: its numbers, and what it has sent."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from tests.worker.rtc.parameters import VIDEO_RTX_SSRC, VIDEO_SSRC

PAYLOAD_BYTES = 1_000


@dataclass
class Encoding:
    """One stream of the camera.

    Attributes:
        ssrc: of its packets.
        rtx_ssrc: of its retransmissions.
        bitrate_bps: of its media payload.
        sequence_number: of its next packet.
        timestamp_offset: of its RTP clock.
        enabled: whether it sends.
    """

    ssrc: int = VIDEO_SSRC
    rtx_ssrc: int = VIDEO_RTX_SSRC
    bitrate_bps: int = 1_000_000
    sequence_number: int = 1
    timestamp_offset: int = 0
    enabled: bool = True
    key_frame_wanted: bool = True
    key_frames: int = 0
    picture_id: int = 0x7FF0  # wraps early
    tl0_picture_index: int = 0xF0
    key_index: int = 0
    packets: int = 0
    octets: int = 0
    rtx_sequence: int = 1
    rtx_packets: int = 0
    history: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    asked: Counter[int] = field(default_factory=Counter)

    @property
    def packets_of_frame(self) -> int:
        """Packets of a delta frame at 30 frames a second."""
        return max(1, round(self.bitrate_bps / 8 / 30 / PAYLOAD_BYTES))


def simulcast_encodings(bitrates_bps: tuple[int, ...] = (150_000, 500_000, 1_500_000)) -> list[Encoding]:
    """Encodings that have nothing in common but the pictures: their clocks, counters and SSRCs are their own."""
    return [
        Encoding(
            ssrc=2000 + index,
            rtx_ssrc=3000 + index,
            bitrate_bps=bitrate_bps,
            sequence_number=20_000 * index + 77,
            timestamp_offset=1_234_567_890 * index & 0xFFFFFFFF,
            picture_id=5_000 * index,
            tl0_picture_index=50 * index,
        )
        for index, bitrate_bps in enumerate(bitrates_bps)
    ]
