"""What may be produced and consumed, and what is refused without a trace."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from miso.worker.errors import BodyError, CommandError
from tests.worker.rtc.parameters import (
    MID_URI,
    ORIENTATION_URI,
    RID_URI,
    VIDEO_SSRC,
    audio_parameters,
    consume_body,
    produce_body,
    video_parameters,
)
from tests.worker.rtc.rig import Rig
from tests.worker.rtp.packets import KEY_FRAME, rtp


def codec(mime_type: str, payload_type: int, **more: Any) -> dict[str, Any]:
    return {"mimeType": mime_type, "payloadType": payload_type, "clockRate": 90000, **more}


@pytest.mark.parametrize(
    ("mime_type", "encodings", "expected"),
    [
        ("video/VP8", [{"ssrc": 1}], "simple"),
        ("video/VP8", [{"ssrc": 1, "scalabilityMode": "L1T3"}], "simulcast"),
        ("video/VP8", [{"ssrc": 1, "scalabilityMode": "L1T3"}, {"ssrc": 2}], "simulcast"),
        ("video/H264", [{"rid": "a"}, {"rid": "b"}], "simulcast"),
        ("video/VP9", [{"ssrc": 1, "scalabilityMode": "L3T3_KEY"}], "svc"),
        ("video/VP9", [{"ssrc": 1, "scalabilityMode": "L1T1"}], "simple"),
        ("audio/opus", [{"ssrc": 1}], "simple"),
    ],
)
def test_type_follows_encodings_and_layers(rig: Rig, mime_type: str, encodings: list[Any], expected: str) -> None:
    peer = rig.connect()
    parameters = video_parameters(codecs=[codec(mime_type, 96)], encodings=encodings)
    assert rig.produce(peer, parameters=parameters).type == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"codecs": [codec("video/VP8", 96), codec("video/H264", 96)]},
        {"codecs": [codec("video/AV2", 96)]},
        {"codecs": [codec("text/VP8", 96)]},
        {"codecs": [codec("video/rtx", 97, parameters={"apt": 96})]},
        {"codecs": [codec("video/VP8", 96), codec("video/rtx", 97)]},
        {"codecs": [codec("video/VP8", 96), codec("video/rtx", 97, parameters={"apt": 95})]},
        {"codecs": [codec("video/VP8", 96), codec("video/rtx", 97, parameters={"apt": 97})]},
        {"encodings": [{"ssrc": 1, "codecPayloadType": 97}]},
        {"encodings": [{"ssrc": 1, "codecPayloadType": 98}]},
        {"encodings": [{"ssrc": 1, "scalabilityMode": "L3T1"}, {"ssrc": 2}]},
        {"encodings": [{"ssrc": 1}, {}]},
        {"codecs": [codec("video/H265", 96)], "encodings": [{"ssrc": 1}, {"ssrc": 2}]},
        {"mid": None, "encodings": [{}]},
        {"headerExtensions": [{"uri": MID_URI, "id": 4}, {"uri": ORIENTATION_URI, "id": 4}]},
    ],
    ids=str,
)
def test_senseless_parameters_are_refused(rig: Rig, changes: dict[str, Any]) -> None:
    peer = rig.connect()
    with pytest.raises(BodyError):
        rig.produce(peer, parameters=video_parameters(**changes))
    assert rig.tables.producers == {}


def test_more_encodings_than_the_plane_has_room_for_are_refused(rig: Rig) -> None:
    peer = rig.connect()
    producer = rig.produce(peer, parameters=video_parameters(encodings=[{"ssrc": 5000 + n} for n in range(1024)]))
    peer.send(rtp(1, KEY_FRAME, ssrc=6023, payload_type=96))
    assert len(producer.streams) == 1
    producer.close()
    with pytest.raises(BodyError, match="1024"):
        rig.produce(peer, parameters=video_parameters(encodings=[{"ssrc": 5000 + n} for n in range(1025)]))


def test_mapping_must_fit_the_encodings(rig: Rig) -> None:
    peer = rig.connect()
    body = produce_body("p")
    mapping = msgspec.structs.replace(body.rtp_mapping, encodings=[])
    with pytest.raises(BodyError, match="does not match"):
        peer.transport.produce(msgspec.structs.replace(body, rtp_mapping=mapping))


def test_used_mid_ssrc_rid_and_id_are_refused_and_leave_nothing(rig: Rig) -> None:
    peer = rig.connect()
    first = rig.produce(peer)
    with pytest.raises(CommandError, match="ssrc already exists"):
        rig.produce(peer, parameters=video_parameters(mid="w"))
    with pytest.raises(CommandError, match="MID already exists"):
        rig.produce(peer, parameters=video_parameters(encodings=[{"ssrc": 3}]))
    with pytest.raises(CommandError):
        peer.transport.produce(produce_body(first.id, parameters=video_parameters(mid="w", encodings=[{"ssrc": 3}])))
    with pytest.raises(CommandError):
        peer.transport.produce(
            produce_body(peer.transport.id, parameters=video_parameters(mid="w", encodings=[{"ssrc": 3}]))
        )
    rid = {"mid": None, "encodings": [{"rid": "r"}], "headerExtensions": [{"uri": RID_URI, "id": 5}]}
    rig.produce(peer, parameters=video_parameters(**rid))
    with pytest.raises(CommandError, match="RID already exists"):
        rig.produce(peer, parameters=video_parameters(**rid))
    rig.produce(peer, parameters=video_parameters(**{**rid, "mid": "x"}))
    dump = peer.transport.dump()
    assert len(dump.producer_ids) == 3
    assert set(dump.rtp_listener.mid_table) == {"v", "x"}
    assert set(dump.rtp_listener.ssrc_table) == {"1111", "1112"}


def test_ids_are_free_again_after_close(rig: Rig) -> None:
    peer = rig.connect()
    rig.produce(peer).close()
    rig.produce(peer)
    assert peer.transport.dump().rtp_listener.mid_table == {"v": next(iter(peer.transport.producers))}


def test_dump_completes_the_parameters(rig: Rig) -> None:
    parameters = audio_parameters(
        codecs=[
            {
                "mimeType": "AUDIO/OPUS",
                "payloadType": 111,
                "clockRate": 48000,
                "channels": 2,
                "parameters": {"useinbandfec": 1, "foo": 2.5, "bar": "x", "no": None, "list": [1, 2], "bad": ["a"]},
            }
        ],
        encodings=[{}],
    )
    dump = msgspec.to_builtins(rig.produce(rig.connect(), kind="audio", parameters=parameters).dump())
    assert dump["rtpParameters"]["codecs"] == [
        {
            "mimeType": "audio/opus",
            "payloadType": 111,
            "clockRate": 48000,
            "channels": 2,
            "parameters": {"useinbandfec": 1, "foo": 2.5, "bar": "x", "list": [1, 2]},
            "rtcpFeedback": [],
        }
    ]
    assert dump["rtpParameters"]["encodings"] == [{"codecPayloadType": 111}]
    assert dump["rtpParameters"]["rtcp"] == {"cname": "sender", "reducedSize": True}
    assert dump["rtpMapping"]["encodings"] == [{"ssrc": None, "rid": None, "mappedSsrc": 9000}]
    assert dump["rtpStreams"] == []


def test_a_consumer_of_layers_that_were_not_announced_is_refused(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    with pytest.raises(BodyError, match="invalid number of layers"):
        rig.consume(receiver, producer, type="svc")
    assert rig.tables.consumers == {}


def test_consumer_needs_a_producer_an_ssrc_and_a_new_id(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    body = consume_body("c", producer, ssrc=50)
    with pytest.raises(CommandError, match="Producer not found"):
        receiver.transport.consume(msgspec.structs.replace(body, producer_id="nobody"))
    with pytest.raises(BodyError, match="missing ssrc"):
        receiver.transport.consume(consume_body("c", producer, ssrc=0))
    with pytest.raises(BodyError, match="size != 1"):
        rig.consume(receiver, producer, consumableRtpEncodings=[{"ssrc": 1}, {"ssrc": 2}])
    receiver.transport.consume(body)
    with pytest.raises(CommandError):
        receiver.transport.consume(body)
    assert list(rig.tables.consumers) == ["c"]


def test_router_tables_show_who_consumes_whom(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer = rig.consume(receiver, producer)
    assert rig.tables.consumer_ids_by_producer() == {producer.id: [consumer.id]}
    assert rig.tables.producer_ids_by_consumer() == {consumer.id: producer.id}
    consumer.close()
    consumer.close()
    assert rig.tables.consumer_ids_by_producer() == {producer.id: []}


def test_consumer_dump_and_priority(rig: Rig) -> None:
    from miso.worker.channel.bodies.consumer import SetPriorityRequest

    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender), paused=True)
    assert consumer.set_priority(SetPriorityRequest(priority=7)).priority == 7
    dump = msgspec.to_builtins(consumer.dump())
    assert (dump["paused"], dump["producerPaused"], dump["priority"]) == (True, False, 7)
    assert dump["supportedCodecPayloadTypes"] == [100]
    assert dump["consumableRtpEncodings"] == [{"ssrc": 9000}]
    assert dump["rtpStream"]["params"]["ssrc"] == consumer.streams[0].ssrc
    assert dump["rtpStream"]["rtxStream"]["params"]["mimeType"] == "video/rtx"
    maps = receiver.transport.dump()
    assert maps.map_ssrc_consumer_id == {str(consumer.streams[0].ssrc): consumer.id}
    assert maps.map_rtx_ssrc_consumer_id == {str(consumer.streams[0].rtx_ssrc): consumer.id}


def test_a_simulcast_stream_that_falls_silent_scores_zero_until_it_returns(rig: Rig) -> None:
    peer = rig.connect()
    producer = rig.produce(peer, parameters=video_parameters(encodings=[{"ssrc": 1}, {"ssrc": 2}]))
    number = 0
    for number in range(40):
        peer.send(rtp(number, KEY_FRAME, ssrc=1, payload_type=96))
        if number < 3:
            peer.send(rtp(number, KEY_FRAME, ssrc=2, payload_type=96))
        rig.clock.advance(100)
    assert producer.scores == [10, 0]
    peer.send(rtp(number, KEY_FRAME, ssrc=2, payload_type=96))
    rig.clock.advance(300)
    assert producer.scores == [10, 10]
    entries = rig.notifier.take(producer.id, "score")
    assert [entry["score"] for entry in entries[-2]] == [10, 0]


def test_an_ssrc_announced_for_rtx_may_be_taken_by_media_without_harm(rig: Rig) -> None:
    peer = rig.connect()
    parameters = video_parameters(
        encodings=[{"rid": "a"}, {"rid": "b", "ssrc": VIDEO_SSRC, "rtx": {"ssrc": 70}}],
        headerExtensions=[{"uri": RID_URI, "id": 5}],
    )
    producer = rig.produce(peer, parameters=parameters)
    peer.send(rtp(1, KEY_FRAME, ssrc=70, payload_type=96, extensions={5: b"a"}))
    peer.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    assert sorted(producer.streams) == [70, VIDEO_SSRC]
