"""Audio and video bodies, legacy and enhanced: packets that are written are read as the same."""

from miso.live.errors import ParseError
from miso.live.media.bodies import BodyReader
from miso.live.media.body_form import AudioPacketType, FrameType, VideoPacketType
from miso.live.media.body_writer import color_info_body, multitrack_body
from miso.live.media.codec import Codec, Kind
from miso.live.media.description import describe
from miso.live.media.packet import Packet
from tests.live.media import records

DOCUMENTED = (ParseError,)
# The first byte says whether it is audio (0) or video.
SEEDS = [
    b"\1\x17\0\0\0\0" + records.H264,
    b"\1\x27\1\xff\xff\xd8\0\0\0\2\x41a",
    b"\1\x17\2\0\0\0",
    b"\1\x1c\0\0\0\0" + records.HEVC,
    b"\1\x90hvc1" + records.HEVC,
    b"\1\x90av01" + records.AV1,
    b"\1\xa1hvc1\xff\xff\xd8\0\0\0\2\x02a",
    b"\1\x95av01\x80\x04\x81\x05\x2c\xe3",
    b"\1\x97\x00\xee\x17\x02\x00\x00\x05\x01av01ab",
    b"\1" + color_info_body(Codec.HEVC, {"colorConfig": {"bitDepth": 10.0}}),
    b"\1"
    + multitrack_body(FrameType.KEY, VideoPacketType.CODED_FRAMES_X, [(Codec.HEVC, 0, b"a"), (Codec.HEVC, 7, b"b")]),
    b"\1"
    + multitrack_body(FrameType.KEY, VideoPacketType.CODED_FRAMES, [(Codec.H264, 0, b"\0\0\1a"), (Codec.AV1, 1, b"b")]),
    b"\0\xaf\0" + records.AAC,
    b"\0\xaf\1raw",
    b"\0\x2f\xff\xfb\x90\x64abc",
    b"\0\x90Opus" + records.OPUS,
    b"\0\x90fLaC" + records.FLAC,
    b"\0\x94Opus\1\6\0\0\0\x3f",
    b"\0" + multitrack_body(None, AudioPacketType.CODED_FRAMES, [(Codec.AAC, 0, b"a"), (Codec.OPUS, 1, b"b")]),
]


def run(data: bytes) -> None:
    packets = read(BodyReader(), bool(data and data[0]), data[1:])
    reader = BodyReader()
    for packet in packets:
        is_video = packet.track.kind is Kind.VIDEO
        describe(packet)
        (again,) = read(reader, is_video, packet.flv_body(enhanced=True))
        assert content(again) == content(packet)
        legacy = packet.flv_body(enhanced=False)
        assert [content(again) for again in read(reader, is_video, legacy)] in ([content(packet)], [])
        assert packet.size_bytes == len(packet.payload)


def read(reader: BodyReader, is_video: bool, body: bytes) -> list[Packet]:
    return reader.read_video(body, 5) if is_video else reader.read_audio(body, 5)


def content(packet: Packet) -> tuple[object, ...]:
    marks = (packet.is_key, packet.is_config, packet.is_end)
    return packet.track, packet.codec, packet.dts_ms, packet.composition_ms, marks, packet.payload
