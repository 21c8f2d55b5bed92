"""Payloads of RTP through a codec's depacketizer: what fuzz targets of several codecs do."""

from __future__ import annotations

from miso.live.bridge.rtp.depacketizer import Depacketizer
from miso.live.bridge.rtp.picture_packets import PicturePackets, Pictures
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError
from miso.live.media.description import describe

MARK = b"\xff\xfe\xfd"
"""Stands between payloads."""
_MOST_ADDED = 20
"""Bytes that a unit may get, such as its size, and a picture of all units."""


def run_payloads(data: bytes, depacketizer: Depacketizer, pictures: Pictures) -> None:
    """Payloads with markers and gaps here and there; every ParseError costs a picture, and no more."""
    packets = PicturePackets(pictures)
    refused: ParseError | None = None
    for index, payload in enumerate(data.split(MARK)):
        marker, is_after_gap = bool(index % 3), index % 5 == 4
        try:
            for unit in depacketizer.put(RtpPacket(96, index, index // 4, 1, payload, marker), is_after_gap):
                assert sum(map(len, unit.units)) <= len(data)
                for packet in packets.of(unit, index):
                    assert packet.is_config or packet.size_bytes <= len(data) + _MOST_ADDED * (1 + len(unit.units))
                    describe(packet)
        except ParseError as error:
            packets.lost()
            refused = error
    if refused is not None:
        raise refused
