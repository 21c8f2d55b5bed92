"""Codecs of streams are told as events."""

from __future__ import annotations

import pytest

from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.sessions.event_json import event_json
from miso.live.sessions.events import Event
from tests.live.clock import FakeClock
from tests.live.media import records

MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(400)


def config(codec: Codec, record: bytes, track: int = 0) -> Packet:
    return Packet(TrackId(codec.kind, track), codec, 0, record, is_config=True)


def frame(codec: Codec, payload: bytes = b"frame") -> Packet:
    return Packet(TrackId(codec.kind), codec, 0, payload, is_key=True)


def told(*packets: Packet) -> list[dict[str, object]]:
    live = make_live(LiveSettings(), FakeClock(), lambda: 1.0)
    events: list[Event] = []
    live.events.subscribe(events.append)
    publication = live.streams.publish("live/a", lambda: None)
    for packet in packets:
        publication.write(packet)
    live.streams.close()
    common = {"action": "codec", "time": 1000, "path": "live/a", "app": "live", "name": "a", "streamPath": "/live/a"}
    contents = [event_json(event) for event in events]
    assert all(common.items() <= content.items() for content in contents)
    return [{key: value for key, value in content.items() if key not in common} for content in contents]


@pytest.mark.parametrize("again", [False, True])
def test_a_codec_is_told_once(again: bool) -> None:
    packets = [config(Codec.H264, records.H264), frame(Codec.H264), frame(Codec.H264)]
    assert told(*packets, *(packets if again else [])) == [
        {"track": "video", "codec": "avc1", "profile": 100, "level": 12, "width": 320, "height": 180, "frameRate": 25}
    ]


def test_another_configuration_is_told() -> None:
    codecs = [
        (content["track"], content["codec"])
        for content in told(
            config(Codec.AAC, records.AAC),
            config(Codec.OPUS, records.OPUS),
            config(Codec.HEVC, records.HEVC, track=2),
            frame(Codec.OPUS),
        )
    ]
    assert codecs == [("audio", "mp4a"), ("audio", "Opus"), ("video/2", "hvc1")]


def test_a_codec_without_configuration_is_told_with_its_first_frame() -> None:
    assert told(frame(Codec.MP3, MP3_FRAME), frame(Codec.MP3, MP3_FRAME)) == [
        {"track": "audio", "codec": ".mp3", "sampleRate": 44100, "channels": 2}
    ]


def test_a_record_that_cannot_be_read_is_told_without_what_it_would_say() -> None:
    assert told(config(Codec.H264, b"\1")) == [{"track": "video", "codec": "avc1"}]


def test_metadata_has_no_codec() -> None:
    assert told(Packet(TrackId(Kind.DATA), None, 0, b"\2\0\0")) == []


def test_who_changes_the_configuration_with_every_frame_does_not_drown_the_events_of_others() -> None:
    clock = FakeClock()
    live = make_live(LiveSettings(), clock, lambda: 1.0)
    events: list[Event] = []
    live.events.subscribe(events.append)
    publication = live.streams.publish("live/a", lambda: None)
    for _ in range(1_000):
        publication.write(config(Codec.AAC, records.AAC))
        publication.write(config(Codec.OPUS, records.OPUS))
    assert len(events) == 32
    clock.advance(10)
    assert len(events) == 33
    assert events[-1].details["codec"] == "Opus"  # what it is now
    clock.advance(60)
    assert len(events) == 33
    publication.write(config(Codec.AAC, records.AAC))
    assert len(events) == 34
    live.streams.close()
