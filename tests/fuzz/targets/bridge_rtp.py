"""RTP and RTCP as the bridge reads them; what is read is written and read again."""

from miso.live.bridge.rtp.rtcp import SenderReport, read_rtcp
from miso.live.bridge.rtp.rtp_packet import RtpPacket, is_rtcp, read_rtp
from miso.live.errors import ParseError

DOCUMENTED = (ParseError,)
SEEDS = [
    RtpPacket(96, 1, 2, 3, b"abc", True).to_bytes(),
    bytes.fromhex("b2e0fffe 00000001 00000002 00000003 00000004 bede0001 10aa0000 61626300 00000004"),
    SenderReport(1, 1_700_000_000.0, 5).to_bytes("bridge"),
    bytes.fromhex("81ce0002 00000001 00000007 84ce0004 00000001 00000000 00000009 05000000"),
]


def run(data: bytes) -> None:
    if is_rtcp(data):
        for said in read_rtcp(data):
            if isinstance(said, SenderReport):
                assert 0 <= said.timestamp < 1 << 32
        return
    packet = read_rtp(data)
    assert read_rtp(packet.to_bytes()) == packet
