"""Pictures of real encoders, and the RTP that ffmpeg makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import av

from miso.live.bridge.rtp.rtp_packet import RtpPacket, is_rtcp, read_rtp

WIDTH, HEIGHT, FRAME_RATE, GOP = 320, 180, 25, 6
_PACKET_BYTES = 300
_OPTIONS = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libsvtav1": {"preset": "12", "svtav1-params": "pred-struct=1"},
}


class Sent(NamedTuple):
    """What was encoded.

    Attributes:
        frames: Of each picture, its bits.
        keys: Whether it is a key frame.
        rtp: The packets of all.
    """

    frames: list[bytes]
    keys: list[bool]
    rtp: list[RtpPacket]


class _Packets:
    """Takes what a muxer writes, a packet at a time."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.taken.append(bytes(data))
        return len(data)


def encoded(
    encoder: str, frames: int = 12, size: tuple[int, int] = (WIDTH, HEIGHT), more: Mapping[str, str] | None = None
) -> Sent:
    """Pictures that change, a key frame every sixth; ``more`` are options of the encoder."""
    packets = _Packets()
    options = {"packetsize": str(_PACKET_BYTES), "strict": "experimental"}
    bits: list[bytes] = []
    keys: list[bool] = []
    with av.open(packets, "w", format="rtp", options=options) as container:
        stream = container.add_stream(encoder, rate=FRAME_RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FRAME_RATE)
        stream.options = {"g": str(GOP), **_OPTIONS[encoder], **(more or {})}
        for index in [*range(frames), None]:
            for packet in stream.encode(_picture(index, size) if index is not None else None):
                bits.append(bytes(packet))
                keys.append(packet.is_keyframe)
                container.mux(packet)
    return Sent(bits, keys, [read_rtp(packet) for packet in packets.taken if not is_rtcp(packet)])


def _picture(index: int, size: tuple[int, int]) -> av.VideoFrame:
    frame = av.VideoFrame(*size, "yuv420p")
    for number, plane in enumerate(frame.planes, 1):
        row = bytes((20 * index + number * at) & 255 for at in range(256))
        plane.update((row * (1 + plane.buffer_size // len(row)))[: plane.buffer_size])
    frame.pts = index
    return frame


def decoded(codec: str, frames: list[bytes]) -> list[tuple[int, int, bytes]]:
    """Width, height and brightness of every picture, from ffmpeg's decoder."""
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = []
    for data in [*frames, None]:
        for frame in decoder.decode(av.Packet(data) if data is not None else None):
            assert not frame.is_corrupt
            plane, row = bytes(frame.planes[0]), frame.planes[0].line_size
            rows = (plane[at : at + frame.width] for at in range(0, row * frame.height, row))
            shown.append((frame.width, frame.height, b"".join(rows)))
    return shown
