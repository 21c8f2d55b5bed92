"""Packets as RTMP's players get them: a chunk reader that begins anywhere reads them."""

from __future__ import annotations

import pytest

from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.rtmp.chunks import ChunkReader
from miso.live.rtmp.messages import Message, MessageType, make_number
from miso.live.rtmp.session.link import CHUNK_SIZE
from miso.live.rtmp.timestamps import MODULUS
from miso.live.rtmp_server.format import RtmpFormat

VIDEO = TrackId(Kind.VIDEO)


def frame(dts_ms: int, size: int = 10, track: TrackId = VIDEO, codec: Codec = Codec.H264) -> Packet:
    return Packet(track, codec, dts_ms, bytes(n * 7 % 251 for n in range(size)), is_key=True)


def framed(packet: Packet, multitrack: bool = False) -> bytes:
    parts = RtmpFormat(multitrack).frame(packet)
    return b"".join(part if isinstance(part, bytes) else part[0][part[1] : part[2]] for part in parts)


def read(*pieces: bytes) -> list[Message]:
    reader = ChunkReader()
    reader.feed(b"\2\0\0\0\0\0\4\1\0\0\0\0" + make_number(MessageType.SET_CHUNK_SIZE, CHUNK_SIZE).body)
    return reader.feed(b"".join(pieces))


@pytest.mark.parametrize("size", [1, CHUNK_SIZE - 5, CHUNK_SIZE - 4, CHUNK_SIZE, 3 * CHUNK_SIZE + 1])
@pytest.mark.parametrize("dts_ms", [0, 0xFFFFFE, 0xFFFFFF, 0x1000000, MODULUS - 1])
def test_packets_of_any_size_and_time_are_read_as_they_are(size: int, dts_ms: int) -> None:
    packet = frame(dts_ms, size)
    sound = frame(dts_ms, 5, TrackId(Kind.AUDIO), Codec.AAC)
    (picture, heard, again) = read(framed(packet), framed(sound), framed(packet))
    assert picture == again == Message(MessageType.VIDEO, dts_ms, packet.flv_body(enhanced=False), 1)
    assert heard == Message(MessageType.AUDIO, dts_ms, sound.flv_body(enhanced=False), 1)


def test_a_long_time_stands_before_every_chunk() -> None:
    """RTMP 1.0, 5.3.1.3; a tolerant reader would not miss it."""
    extended = (0x1000000).to_bytes(4, "big")
    parts = RtmpFormat().frame(frame(0x1000000, 3 * CHUNK_SIZE))
    headers = [part for part in parts if isinstance(part, bytes)]
    assert headers[0][:4] == b"\x06\xff\xff\xff"
    assert headers[0].endswith(extended)
    assert headers[1:] == [b"\xc6" + extended] * 3


def test_time_goes_on_through_32_bits() -> None:
    times = [MODULUS - 40, MODULUS - 1, MODULUS, MODULUS + 40]
    assert [message.timestamp_ms for message in read(*(framed(frame(dts_ms)) for dts_ms in times))] == times


def test_no_byte_of_a_body_is_copied() -> None:
    packet = frame(0, 2 * CHUNK_SIZE)
    bodies = [part[0] for part in RtmpFormat().frame(packet) if isinstance(part, tuple)]
    assert all(body is packet.payload for body in bodies)
    assert len(bodies) == 3


def test_only_who_knows_several_tracks_gets_them() -> None:
    second = frame(0, track=TrackId(Kind.VIDEO, 1))
    assert framed(second) == b""
    (message,) = read(framed(second, multitrack=True))
    assert message.body == second.flv_body(enhanced=True)


def test_metadata_is_a_data_message_at_time_zero() -> None:
    script = write_amf0("onMetaData", {"width": 320.0})
    (message,) = read(framed(Packet(TrackId(Kind.DATA), None, 5, script)))
    assert message == Message(MessageType.DATA, 0, script, 1)


def test_what_has_no_form_is_not_sent() -> None:
    assert framed(Packet(TrackId(Kind.AUDIO), Codec.AAC, 0, b"", is_end=True)) == b""


def test_nobody_waits_for_kinds_that_were_announced() -> None:
    assert not RtmpFormat().announces_kinds
    assert RtmpFormat().begin(has_audio=True, has_video=True) == b""
    assert RtmpFormat(True) == RtmpFormat(True) != RtmpFormat(False)
