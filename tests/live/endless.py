"""Publishes the same packets again and again, each at its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from miso.live.media.packet import Packet
from miso.live.streams.publication import Publication


async def send_for_ever(publication: Publication, packets: Sequence[Packet]) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    length_ms = max(packet.dts_ms for packet in packets) + 40
    offset_ms = 0
    while True:
        for packet in packets:
            ahead_s = started + (packet.dts_ms + offset_ms) / 1000 - loop.time()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            publication.write(packet.at(packet.dts_ms + offset_ms))
        offset_ms += length_ms
