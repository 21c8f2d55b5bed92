"""VP9 payloads in RTP, cut at marks: what comes out is whole and bounded."""

from miso.live.bridge.rtp.vp9_depacketizer import Vp9Depacketizer
from miso.live.bridge.rtp.vp9_pictures import Vp9Pictures
from miso.live.errors import ParseError
from tests.fuzz.payloads import MARK, run_payloads

DOCUMENTED = (ParseError,)
KEY = bytes.fromhex("82 498342 00 13f0 0b30 00")
HIGH_KEY = bytes.fromhex("92 498342 00 13f0 0b30 00")
SEEDS = [
    MARK.join((b"\x08" + KEY, b"\x04\x01\x02", b"\x4c\x86\x01")),
    MARK.join((bytes.fromhex("fe8123000302380140 00b4028001680204 0500") + KEY, b"\x6c\x02\x01\x86\x01")),
    MARK.join((b"\x0c" + HIGH_KEY, b"\x0c\x86", b"\x0c\xb2")),
]


def run(data: bytes) -> None:
    run_payloads(data, Vp9Depacketizer(), Vp9Pictures())
