"""AMF3 values: what is read is written, and read again as the same."""

from miso.live.errors import ParseError
from miso.live.media.amf3 import read_amf3, write_amf3
from tests.live.media.test_amf3 import READ_ONLY, VECTORS

DOCUMENTED = (ParseError,)
SEEDS = [
    *(bytes.fromhex(form) for form, _ in VECTORS + READ_ONLY),
    bytes.fromhex("06 03 61 06 00 0a 13 01 03 61 01 0a 00 0a 01 03"),
]


def run(data: bytes) -> None:
    written = write_amf3(*read_amf3(data))
    assert write_amf3(*read_amf3(written)) == written
