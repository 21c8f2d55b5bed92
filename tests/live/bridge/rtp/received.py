"""A receiver of RTP whose packets come in any order: the pictures that come out of it."""

from __future__ import annotations

from collections.abc import Sequence

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.bridge.rtp.picture_packets import PicturePackets, Pictures
from miso.live.bridge.rtp.reordering import Reordering
from miso.live.bridge.rtp.rtp_packet import RtpPacket, read_rtp
from miso.live.media.packet import Packet


def received(rtp: Sequence[RtpPacket], depacketizer: Depacketizer, pictures: Pictures) -> list[Packet]:
    """The live stream's packets; a packet that is missing is waited for until the last one has come."""
    order, packets = Reordering(), PicturePackets(pictures)
    made: list[Packet] = []
    now_s = 0.0
    for one in [*rtp, None]:
        now_s += 0.01 if one else 1.0
        ready = order.put(read_rtp(one.to_bytes()), now_s) if one else []
        while True:
            for packet, is_after_gap in ready:
                if is_after_gap:
                    packets.lost()
                for unit in depacketizer.put(packet, is_after_gap):
                    made += packets.of(unit, unit.timestamp // 90)
            ready = order.due(now_s)
            if not ready:
                break
    return made
