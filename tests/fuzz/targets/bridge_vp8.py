"""VP8 payloads in RTP, cut at marks: what comes out is whole and bounded."""

from miso.live.bridge.rtp.vp8_depacketizer import Vp8Depacketizer
from miso.live.bridge.rtp.vp8_pictures import Vp8Pictures
from miso.live.errors import ParseError
from tests.fuzz.payloads import MARK, run_payloads

DOCUMENTED = (ParseError,)
KEY = bytes.fromhex("d00200 9d012a 4001 b400 0102")
SEEDS = [
    MARK.join((bytes.fromhex("90e0812305 20") + KEY, b"\x00\x01\x02")),
    MARK.join((b"\x10" + KEY, b"\x01\x03", b"\x10\x01\x02", b"\x90\x80\x05\x01")),
]


def run(data: bytes) -> None:
    run_payloads(data, Vp8Depacketizer(), Vp8Pictures())
