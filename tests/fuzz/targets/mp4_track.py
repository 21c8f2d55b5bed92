"""An MP4 track from any configuration record and first frame, and a fragment of it."""

from miso.live.errors import ParseError
from miso.live.media.codec import Codec, TrackId
from miso.live.media.packet import Packet
from miso.live.mp4.track import make_track
from miso.live.mp4.writer import FragmentWriter
from tests.live.media import records

DOCUMENTED = (ParseError,)
CODECS = list(Codec)
RECORDS = {
    Codec.H264: records.H264,
    Codec.HEVC: records.HEVC,
    Codec.AV1: records.AV1,
    Codec.VP9: records.VP9,
    Codec.AAC: records.AAC,
    Codec.OPUS: records.OPUS,
    Codec.FLAC: records.FLAC,
    Codec.MP3: b"",
}
VP9_KEY_FRAME = bytes.fromhex("824983420013f00b30")
SEEDS = [bytes((CODECS.index(codec), len(record))) + record + VP9_KEY_FRAME for codec, record in RECORDS.items()]


def run(data: bytes) -> None:
    codec = CODECS[data[0] % len(CODECS) if data else 0]
    size = data[1] if len(data) > 1 else 0
    record, frame = data[2 : 2 + size], data[2 + size :]
    track_id = TrackId(codec.kind)
    config = Packet(track_id, codec, 0, record, is_config=True)
    first = Packet(track_id, codec, 0, frame, is_key=True)
    writer = FragmentWriter([make_track(config, first)])
    for time_ms in (0, 20, 10):
        writer.add(first.at(time_ms))
    fragment = writer.finish()
    assert (fragment is None) == (not frame)
    if fragment is not None:
        assert fragment.data.endswith(3 * frame)
