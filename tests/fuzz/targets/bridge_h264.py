"""H.264 payloads in RTP, cut at zero-length marks: what comes out is whole, bounded, and can be sent again."""

from miso.live.bridge.rtp.h264_depacketizer import H264Depacketizer
from miso.live.bridge.rtp.h264_packetizer import H264Packetizer
from miso.live.bridge.rtp.h264_pictures import H264Pictures
from miso.live.bridge.rtp.h264_slice import read_picture
from miso.live.bridge.rtp.picture_packets import PicturePackets
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError

DOCUMENTED = (ParseError,)
SETS = bytes.fromhex("78 0005 6742c01ed9 0003 68ce01")
MARK = b"\xff\xfe\xfd"
SEEDS = [
    MARK.join((SETS, b"\x65\x88\x80\x10")),
    MARK.join((SETS, b"\x7c\x85\x88\x80", b"\x7c\x05\x88\x80", b"\x7c\x45\x10\x10")),
    MARK.join((b"\x67\x42\xc0\x1e\xd9", b"\x68\xce\x01", b"\x65\x88\x80", b"\x41\x9a\x02\x05", b"\x01\x9e\x02")),
]


def run(data: bytes) -> None:
    depacketizer, packets, packetizer = H264Depacketizer(), PicturePackets(H264Pictures()), H264Packetizer()
    for index, payload in enumerate(data.split(MARK)):
        marker, is_after_gap = bool(index % 3), not index % 5
        try:
            units = depacketizer.put(RtpPacket(96, index, index // 4, 1, payload, marker), is_after_gap)
        except ParseError:
            packets.lost()
            continue
        for unit in units:
            assert sum(map(len, unit.units)) <= len(data)
            packetizer.payloads(unit.units)
            packets.of(unit, index)
            read_picture(unit.units)
