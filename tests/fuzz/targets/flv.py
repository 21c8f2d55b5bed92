"""FLV in pieces: the tags are the same as in one, and written they are read again."""

from miso.live.errors import ParseError
from miso.live.media.flv import FlvHeader, FlvReader, TagType, write_tag

DOCUMENTED = (ParseError,)
HEADER = FlvHeader(has_audio=True, has_video=True).to_bytes()
SEEDS = [
    HEADER,
    HEADER + write_tag(TagType.VIDEO, 0x80000000, bytes(30)) + write_tag(TagType.AUDIO, 0xFFFFFF, b"\xaf\1abc"),
    HEADER + write_tag(TagType.SCRIPT, 0, b"\2\0\x0aonMetaData") + write_tag(TagType.VIDEO, 5, b""),
]
MAX_BODY_SIZE = 2048
PIECE = 5


def run(data: bytes) -> None:
    whole = FlvReader(MAX_BODY_SIZE)
    tags = whole.feed(data)
    pieces = FlvReader(MAX_BODY_SIZE)
    assert tags == [tag for at in range(0, len(data), PIECE) for tag in pieces.feed(data[at : at + PIECE])]
    assert whole.buffered_bytes == pieces.buffered_bytes <= MAX_BODY_SIZE + PIECE + 11
    written = b"".join(write_tag(tag.tag_type, tag.timestamp_ms, tag.body) for tag in tags)
    assert FlvReader().feed(HEADER + written) == tags
