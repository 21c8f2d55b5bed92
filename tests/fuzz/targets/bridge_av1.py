"""AV1 payloads in RTP, cut at marks: what comes out is whole and bounded."""

from miso.live.bridge.rtp.av1_depacketizer import Av1Depacketizer
from miso.live.bridge.rtp.av1_pictures import Av1Pictures
from miso.live.errors import ParseError
from tests.fuzz.payloads import MARK, run_payloads

DOCUMENTED = (ParseError,)
SEQUENCE = bytes.fromhex("08 00 00 00 02 af ff 9b 5f 30 08")
KEY = bytes.fromhex("30 10 00 01 02")
INTER = bytes.fromhex("34 20 30 01 02")
SEEDS = [
    MARK.join((b"\x28" + bytes((len(SEQUENCE),)) + SEQUENCE + KEY, b"\x10" + INTER, b"\x00\x02\x12\x00\x05" + INTER)),
    MARK.join((b"\x68" + bytes((len(SEQUENCE),)) + SEQUENCE + KEY, b"\xd0\x03\x04", b"\x90\x05", b"\x10" + INTER)),
]


def run(data: bytes) -> None:
    run_payloads(data, Av1Depacketizer(), Av1Pictures())
