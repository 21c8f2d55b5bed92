"""Configuration records of AV1, Opus and FLAC, the header of MP3 frames, and metadata."""

from miso.live.errors import ParseError
from miso.live.media.av1 import config_of_descriptor, make_av1_config, read_av1_config
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.description import TrackDescription
from miso.live.media.flac import read_flac_config
from miso.live.media.metadata import make_metadata, read_metadata
from miso.live.media.mp3 import read_mp3_header
from miso.live.media.opus import read_opus_head
from tests.live.media import records

DOCUMENTED = (ParseError,)
SEEDS = [
    b"\0" + records.AV1,
    b"\1" + records.OPUS,
    b"\2" + records.FLAC,
    b"\3\xff\xfb\x90\x64",
    b"\4\x80\x04\x81\x05\x2c\xe3",
    b"\5" + make_metadata([TrackDescription(TrackId(Kind.VIDEO), Codec.H264, width=320, frame_rate=25.0)]),
    b"\6" + read_av1_config(records.AV1).obus,
]
READERS = (
    lambda data: read_av1_config(data).sequence(),
    read_opus_head,
    read_flac_config,
    read_mp3_header,
    config_of_descriptor,
    read_metadata,
    make_av1_config,
)


def run(data: bytes) -> None:
    READERS[data[0] % len(READERS) if data else 0](data[1:])
