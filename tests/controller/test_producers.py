"""Producers' state, events and mistakes, in a scripted worker."""

from __future__ import annotations

import pytest

from miso.controller import (
    Router,
    UnsupportedError,
)
from tests.controller.conftest import AUDIO, MEDIA_CODECS, VIDEO, StartWorker
from tests.controller.objects import produce, record, transport_of


async def test_producer_s_state(router: Router) -> None:
    transport = await transport_of(router)
    created = record(transport.observer, "newproducer")
    producer = await transport.produce(kind="video", rtp_parameters=VIDEO, paused=True, app_data={"foo": 1})
    assert created == [("newproducer", producer)]
    assert (producer.kind, producer.type, producer.paused, producer.score) == ("video", "simple", True, [])
    assert producer.rtp_parameters.mid == "VIDEO"
    assert [codec.payload_type for codec in producer.consumable_rtp_parameters.codecs] == [101, 102]
    assert producer.app_data == {"foo": 1}
    observed = record(producer.observer, "pause", "resume")
    await producer.pause()
    await producer.resume()
    await producer.resume()
    await producer.pause()
    assert observed == [("resume",), ("pause",)]
    assert producer.paused


async def test_producers_of_a_transport_share_the_first_cname(router: Router) -> None:
    transport = await transport_of(router)
    named = await transport.produce(kind="video", rtp_parameters=VIDEO)
    other = await transport.produce(kind="audio", rtp_parameters={**AUDIO, "rtcp": {"cname": "OTHER"}})
    cnames = [producer.rtp_parameters.rtcp and producer.rtp_parameters.rtcp.cname for producer in (named, other)]
    assert cnames == ["FOOBAR", "FOOBAR"]
    assert other.consumable_rtp_parameters.rtcp is not None
    assert other.consumable_rtp_parameters.rtcp.cname == "FOOBAR"
    first = await produce(await transport_of(router))
    assert first.rtp_parameters.rtcp is not None
    assert len(first.rtp_parameters.rtcp.cname or "") == 8
    pipe = await router.create_pipe_transport(listen_ip="127.0.0.1")
    one, two = [
        await pipe.produce(kind="audio", rtp_parameters={**AUDIO, "rtcp": {"cname": cname}}) for cname in ("1", "2")
    ]
    assert one.rtp_parameters.rtcp is not None
    assert two.rtp_parameters.rtcp is not None
    assert (one.rtp_parameters.rtcp.cname, two.rtp_parameters.rtcp.cname) == ("1", "2")


async def test_producer_without_encodings_has_an_empty_one(router: Router) -> None:
    producer = await (await transport_of(router)).produce(kind="audio", rtp_parameters={**AUDIO, "encodings": []})
    assert len(producer.rtp_parameters.encodings) == 1


async def test_wrong_producers(router: Router) -> None:
    transport = await transport_of(router)
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    assert producer.id == "mine"
    with pytest.raises(TypeError, match='a Producer with same id "mine" already exists'):
        await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    with pytest.raises(TypeError, match='invalid kind "chicken"'):
        await transport.produce(kind="chicken", rtp_parameters=AUDIO)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"missing params\.codecs"):
        await transport.produce(kind="audio", rtp_parameters={})
    h264 = {"mimeType": "video/H264", "payloadType": 100, "clockRate": 90000}
    with pytest.raises(UnsupportedError):
        await transport.produce(kind="video", rtp_parameters={"codecs": [h264]})


async def test_producer_s_events(start_worker: StartWorker) -> None:
    events: dict[str, object] = {
        "score": [{"encodingIdx": 0, "ssrc": 11, "score": 9}],
        "videoorientationchange": {"camera": False, "flip": True, "rotation": 90},
        "trace": {"type": "keyframe", "timestamp": 1, "direction": "in", "info": {}},
    }
    steps = [{"event": ["$producerId", name, data]} for name, data in events.items()]
    worker = await start_worker({"producer.enableTraceEvent": [*steps, {"reply": None}]})
    producer = await produce(await transport_of(await worker.create_router(media_codecs=MEDIA_CODECS)))
    seen = record(producer, *events)
    observed = record(producer.observer, *events)
    await producer.enable_trace_event(["keyframe"])
    await worker.create_router()
    assert [name for name, _ in seen] == list(events)
    assert seen == observed
    assert producer.score[0].score == 9
