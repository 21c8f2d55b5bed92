"""A publisher's messages on their way into its stream."""

from __future__ import annotations

import pytest

from miso.live.errors import ParseError, StreamClosedError
from miso.live.media.amf0 import write_amf0
from miso.live.media.codec import Kind, TrackId
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp_ingest.publisher import MAX_BROKEN_IN_A_ROW, MAX_METADATA_BYTES, Publisher
from miso.live.streams.registry import Streams
from miso.live.streams.stream import Stream, StreamSettings
from tests.live.clock import FakeClock
from tests.live.media import records

CONFIG = Message(MessageType.VIDEO, 0, b"\x17\0\0\0\0" + records.H264, 1)
BROKEN = Message(MessageType.VIDEO, 40, b"\x17\0\0\0\0nonsense", 1)
SILENCE = Message(MessageType.AUDIO, 40, b"", 1)


class Publishing:
    def __init__(self) -> None:
        self.streams = Streams(StreamSettings(max_tracks=2), FakeClock(), 10)
        self.dropped = 0
        self.publisher = Publisher(self.streams.publish("live/name", lambda: None), self.drop, "test")

    def drop(self, packets: int) -> None:
        self.dropped += packets

    @property
    def stream(self) -> Stream:
        stream = self.streams.get("live/name")
        assert stream is not None
        return stream


def picture(timestamp_ms: int) -> Message:
    return Message(MessageType.VIDEO, timestamp_ms, b"\x27\1\0\0\0\0\0\0\2\x41a", 1)


async def test_messages_become_packets_of_their_tracks() -> None:
    publishing = Publishing()
    script = write_amf0("onMetaData", {"width": 320.0})
    for message in (
        Message(MessageType.DATA, 0, write_amf0("@setDataFrame") + script, 1),
        CONFIG,
        picture(40),
        SILENCE,
    ):
        publishing.publisher.take(message)
    tracks = publishing.stream.tracks
    assert set(tracks) == {TrackId(Kind.VIDEO), TrackId(Kind.DATA)}
    assert tracks[TrackId(Kind.DATA)].ring.at(0).packet.payload == script
    assert tracks[TrackId(Kind.VIDEO)].packets == 2
    assert publishing.dropped == 0


async def test_a_broken_message_is_dropped_and_counted_and_the_next_is_not() -> None:
    publishing = Publishing()
    publishing.publisher.take(CONFIG)
    for broken in (
        BROKEN,
        Message(MessageType.VIDEO, 40, b"\x12", 1),
        Message(MessageType.AUDIO, 40, b"\x10\0", 1),
        Message(MessageType.DATA, 0, write_amf0("onMetaData") + b"\x11\x0a\xff", 1),
        Message(MessageType.DATA, 0, write_amf0("onMetaData", {"a": "x" * MAX_METADATA_BYTES}), 1),
        Message(MessageType.DATA, 0, b"", 1),
    ):
        publishing.publisher.take(broken)
    publishing.publisher.take(picture(40))
    assert publishing.dropped == 6
    assert publishing.stream.tracks[TrackId(Kind.VIDEO)].packets == 2


async def test_nothing_but_broken_messages_is_given_up() -> None:
    publishing = Publishing()
    for _ in range(MAX_BROKEN_IN_A_ROW - 1):
        publishing.publisher.take(BROKEN)
    publishing.publisher.take(CONFIG)
    for _ in range(MAX_BROKEN_IN_A_ROW - 1):
        publishing.publisher.take(BROKEN)
    with pytest.raises(ParseError, match="100 messages in a row"):
        publishing.publisher.take(BROKEN)


async def test_data_that_is_no_metadata_makes_no_track() -> None:
    publishing = Publishing()
    publishing.publisher.take(Message(MessageType.DATA, 0, write_amf0("onCuePoint", {"name": "a"}), 1))
    assert publishing.stream.tracks == {}
    assert publishing.dropped == 0


async def test_a_lost_stream_takes_nothing() -> None:
    publishing = Publishing()
    publishing.stream.close()
    with pytest.raises(StreamClosedError):
        publishing.publisher.take(CONFIG)


async def test_times_are_unwrapped_and_begin_at_zero_in_the_stream() -> None:
    publishing = Publishing()
    start_ms = (1 << 32) - 40
    publishing.publisher.take(Message(CONFIG.type_id, start_ms, CONFIG.body, 1))
    publishing.publisher.take(picture(start_ms + 80))
    ring = publishing.stream.tracks[TrackId(Kind.VIDEO)].ring
    assert [ring.at(position).packet.dts_ms for position in range(2)] == [0, 80]


@pytest.mark.parametrize(
    "config",
    [
        Message(MessageType.VIDEO, 0, b"\x17\0\0\0\0" + records.H264 + bytes(70_000), 1),
        Message(MessageType.AUDIO, 0, b"\xaf\0" + records.AAC + bytes(70_000), 1),
        Message(MessageType.AUDIO, 0, b"\x90Opus" + records.OPUS + bytes(70_000), 1),
    ],
)
async def test_a_huge_configuration_is_dropped_lest_each_key_frame_and_player_pays_for_it(config: Message) -> None:
    publishing = Publishing()
    publishing.publisher.take(config)
    assert publishing.dropped == 1
    assert not publishing.stream.tracks
