"""AMF0 values, those of AMF3 among them: what is read is written, and read again as the same."""

from miso.live.errors import ParseError
from miso.live.media.amf0 import read_amf0, write_amf0
from tests.live.media.test_amf0 import CONNECT, VECTORS

DOCUMENTED = (ParseError,)
SEEDS = [*(bytes.fromhex(form) for form, _ in VECTORS), CONNECT, bytes.fromhex("03 000009 0a 00000002 07 0000 05")]


def run(data: bytes) -> None:
    written = write_amf0(*read_amf0(data))
    assert write_amf0(*read_amf0(written)) == written
