"""Packets to put into streams."""

from __future__ import annotations

from miso.live.media.packet import Codec, Kind, Packet, TrackId

VIDEO = TrackId(Kind.VIDEO)
AUDIO = TrackId(Kind.AUDIO)


def picture(dts_ms: int, *, key: bool = False, size: int = 100) -> Packet:
    return Packet(VIDEO, Codec.H264, dts_ms, bytes(size), is_key=key)


def sound(dts_ms: int, size: int = 10) -> Packet:
    return Packet(AUDIO, Codec.AAC, dts_ms, bytes(size), is_key=True)


def video_config(payload: bytes = b"avcC", dts_ms: int = 0) -> Packet:
    return Packet(VIDEO, Codec.H264, dts_ms, payload, is_config=True)
