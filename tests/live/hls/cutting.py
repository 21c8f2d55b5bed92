"""Streams cut as HLS, from what an encoder made."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from miso.live.hls.segmenter import Segmenter
from miso.live.hls.settings import HlsSettings
from miso.live.media.codec import Kind
from miso.live.media.packet import Packet
from tests.live.mp4.mp4_file import packets_of_flv

UNIX_S = 1_700_000_000.0


@cache
def encoded(*encoders: str, count: int = 50, group: int = 25) -> tuple[Packet, ...]:
    from tests.live.media import encoder

    options = {
        "g": str(group),
        "bf": "2",
        "sc_threshold": "0",
        "x265-params": f"log-level=none:keyint={group}:scenecut=0",
    }
    packets = packets_of_flv(encoder.encode(*encoders, frames=count, options=options))
    return tuple(packet for packet in packets if not packet.is_end)


def again(packets: Iterable[Packet], times: int) -> list[Packet]:
    """The same again and again."""
    packets = list(packets)
    length_ms = max(packet.dts_ms for packet in packets) + 40
    return [packet.at(packet.dts_ms + number * length_ms) for number in range(times) for packet in packets]


def cut(packets: Iterable[Packet], settings: HlsSettings | None = None) -> Segmenter:
    segmenter = Segmenter(settings or HlsSettings(), UNIX_S, lambda: UNIX_S)
    feed(segmenter, packets)
    return segmenter


def feed(segmenter: Segmenter, packets: Iterable[Packet]) -> None:
    packets = list(packets)
    has_video = any(packet.track.kind is Kind.VIDEO for packet in packets)
    for packet in packets:
        segmenter.add(packet, has_video)
