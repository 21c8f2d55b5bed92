"""The way to a worker, against a scripted process that speaks the protocol."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal

import pytest

from miso.controller import InvalidStateError, RequestError, Router
from miso.controller.types import ResourceUsage
from tests.controller.conftest import AUDIO, CONSUMER, MEDIA_CODECS, StartWorker
from tests.patience import PATIENCE_S


async def test_speaks_the_3_10_dialect(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    await consumer.pause()
    await transport.set_min_outgoing_bitrate(1000)
    consumer.close()
    await worker.get_resource_usage()
    fake = worker.app_data["fake"]
    ids = {"routerId": router.id, "transportId": transport.id}
    (produce,) = fake.heard_of("transport.produce")
    assert produce["internal"] == {**ids, "producerId": producer.id}
    assert produce["data"]["rtpMapping"]["codecs"] == [{"payloadType": 111, "mappedPayloadType": 100}]
    (consume,) = fake.heard_of("transport.consume")
    assert consume["internal"] == {**ids, "consumerId": consumer.id, "producerId": producer.id}
    (pause,) = fake.heard_of("consumer.pause")
    assert pause["internal"] == {**ids, "consumerId": consumer.id}
    assert "data" not in pause
    (close,) = fake.heard_of("consumer.close")
    assert close["internal"] == {**ids, "consumerId": consumer.id}
    (bitrate,) = fake.heard_of("transport.setMinOutgoingBitrate")
    assert bitrate["data"] == {"bitrate": 1000}
    numbers = [message["id"] for message in fake.heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_errors_of_the_worker(start_worker: StartWorker) -> None:
    worker = await start_worker(
        {
            "router.dump": [{"error": ["Error", "no such router"]}],
            "worker.updateSettings": [{"error": ["TypeError", "wrong level"]}],
            "worker.dump": [{"reply": {"pid": "chicken"}}],
        }
    )
    router = await worker.create_router()
    with pytest.raises(RequestError, match="no such router"):
        await router.dump()
    with pytest.raises(TypeError, match="wrong level"):
        await worker.update_settings(log_level="none")
    with pytest.raises(TypeError, match="wrong shape"):
        await worker.dump()


async def test_answers_may_come_in_any_order(start_worker: StartWorker) -> None:
    slow = {"id": 1, "accepted": True, "data": {"pid": 1, "webRtcServerIds": [], "routerIds": ["slow"]}}
    usage = dict.fromkeys(ResourceUsage.__struct_fields__, 7)
    worker = await start_worker(
        {
            "worker.dump": [{"never answer": None}],
            "worker.getResourceUsage": [{"reply": usage}, {"raw": json.dumps(slow)}],
        }
    )
    dump, resources = await asyncio.gather(worker.dump(), worker.get_resource_usage())
    assert dump.router_ids == ["slow"]
    assert resources.ru_utime == 7


async def test_an_event_right_behind_the_answer_finds_its_listener(start_worker: StartWorker) -> None:
    score = {"score": 9, "producerScore": 8, "producerScores": [8]}
    worker = await start_worker(
        {"transport.consume": [{"reply": CONSUMER}, {"event": ["$consumerId", "score", score]}]}
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    loop = asyncio.get_running_loop()

    async def consume() -> tuple[int, int]:
        consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
        assert consumer.score.score == 10
        seen: asyncio.Future[None] = loop.create_future()
        consumer.once("score", lambda score: seen.set_result(None))
        await asyncio.wait_for(seen, PATIENCE_S)
        return consumer.score.score, consumer.score.producer_score

    assert await consume() == (9, 8)
    # A task and a gather() between the answer and whoever listens.
    (consumer,) = await asyncio.gather(
        asyncio.wait_for(
            transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities), PATIENCE_S
        )
    )
    heard: asyncio.Future[object] = loop.create_future()
    consumer.once("score", heard.set_result)
    assert await asyncio.wait_for(heard, PATIENCE_S) == consumer.score


async def test_events_and_answers_keep_their_order(start_worker: StartWorker) -> None:
    usage = json.dumps({"id": 0, "accepted": True, "data": dict.fromkeys(ResourceUsage.__struct_fields__, 7)})
    pause = {"event": ["$consumerId", "producerpause", None]}
    resume = {"event": ["$consumerId", "producerresume", None]}
    worker = await start_worker(
        {
            "transport.consume": [{"reply": CONSUMER}],
            "consumer.requestKeyFrame": [pause, {"reply": None}, resume, pause, {"raw": usage.replace("0", "99", 1)}],
        }
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    seen: list[str] = []
    last = asyncio.Event()
    consumer.on("producerpause", lambda: seen.append("pause"))
    consumer.on("producerresume", lambda: seen.append("resume"))
    consumer.on("producerresume", last.set)

    async def ask() -> None:
        await consumer.request_key_frame()
        seen.append("answer")

    await ask()
    await asyncio.wait_for(last.wait(), PATIENCE_S)
    assert seen[:3] == ["pause", "answer", "resume"]


async def test_an_event_that_cannot_be_handled_holds_nothing_up(start_worker: StartWorker) -> None:
    # an event without the body it should have
    odd = {"event": ["$transportId", "sctpstatechange", None]}
    worker = await start_worker({"transport.setMinOutgoingBitrate": [odd, {"reply": None}]})
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    for _ in range(3):
        await asyncio.wait_for(transport.set_min_outgoing_bitrate(30000), PATIENCE_S)


async def test_answers_that_wait_when_the_worker_is_closed_are_no_error(
    start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    pause = {"event": ["$consumerId", "producerpause", None]}
    worker = await start_worker(
        {"transport.consume": [{"reply": CONSUMER}], "consumer.requestKeyFrame": [pause, {"reply": None}]}
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    consumer.on("producerpause", worker.close)
    with pytest.raises(InvalidStateError):
        await consumer.request_key_frame()
    await worker.wait_closed()
    assert "was not made" not in caplog.text


async def test_what_the_worker_does_not_read_is_bounded(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    direct = await router.create_direct_transport()
    data_producer = await direct.produce_data()
    os.kill(worker.pid, signal.SIGSTOP)
    message = bytes(1 << 20)

    def send() -> None:
        for _ in range(100):
            data_producer.send(message)

    with pytest.raises(RequestError, match="does not keep up"):
        send()
    os.kill(worker.pid, signal.SIGKILL)


async def test_what_makes_no_sense_is_logged_and_skipped(
    start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = await start_worker(
        {
            "worker.createRouter": [
                {"raw": "{chicken"},
                {"raw": '{"id":77,"accepted":true}'},
                {"event": ["nobody", "score", []]},
                {"raw": "Efrom the worker's log"},
                {"reply": None},
                {"event": ["$routerId", "chicken", None]},
            ]
        }
    )
    router = await worker.create_router()
    await worker.create_router()
    assert isinstance(router, Router)
    text = caplog.text
    assert "not JSON" in text
    assert "request that was not made: id=77" in text
    assert "from the worker's log" in text
    assert "ignoring unknown event 'chicken'" in text


async def test_an_event_in_the_wrong_shape_is_logged(
    start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker = await start_worker({"producer.resume": [{"event": ["$producerId", "score", "chicken"]}, {"reply": None}]})
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_plain_transport(listen_ip="127.0.0.1")
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    await producer.resume()
    await producer.resume()
    assert producer.score == []
    assert "ignoring event score" in caplog.text


async def test_a_request_that_is_too_large_is_refused(start_worker: StartWorker) -> None:
    worker = await start_worker()
    with pytest.raises(RequestError, match="4194304"):
        await worker.update_settings(log_tags=["x" * 4_194_304])  # type: ignore[list-item]
    await worker.create_router()


async def test_payloads_in_both_directions(start_worker: StartWorker) -> None:
    worker = await start_worker(
        {
            "transport.consumeData": [
                {"reply": {**CONSUMER_DATA, "type": "direct"}},
                {"payload": ["$dataConsumerId", "message", {"ppid": 51}, "hello"]},
            ],
            "transport.enableTraceEvent": [{"reply": None}, {"payload": ["$transportId", "rtcp", None, "RTCP"]}],
        }
    )
    router = await worker.create_router()
    transport = await router.create_direct_transport()
    data_producer = await transport.produce_data(label="foo", protocol="bar")
    data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
    loop = asyncio.get_running_loop()
    message: asyncio.Future[tuple[bytes, int]] = loop.create_future()
    data_consumer.on("message", lambda data, ppid: message.set_result((data, ppid)))
    assert await asyncio.wait_for(message, PATIENCE_S) == (b"hello", 51)
    rtcp: asyncio.Future[bytes] = loop.create_future()
    transport.on("rtcp", rtcp.set_result)
    await transport.enable_trace_event(["bwe"])
    assert await asyncio.wait_for(rtcp, PATIENCE_S) == b"RTCP"

    for data, expected in (("hi", (51, "hi")), (b"hi", (53, "hi")), ("", (56, " ")), (b"", (57, "\0"))):
        data_producer.send(data)
        await data_consumer.send(data)
        ppid, text = expected
        *_, sent, requested = worker.app_data["fake"].heard
        assert (sent["event"], sent["data"], sent["payload"]) == ("dataProducer.send", {"ppid": ppid}, text)
        assert sent["internal"]["dataProducerId"] == data_producer.id
        assert (requested["method"], requested["data"], requested["payload"]) == (
            "dataConsumer.send",
            {"ppid": ppid},
            text,
        )
    transport.send_rtcp(b"\x80")
    with pytest.raises(TypeError):
        transport.send_rtcp("chicken")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        data_producer.send(1234)  # type: ignore[arg-type]


CONSUMER_DATA = {
    "id": "$dataConsumerId",
    "dataProducerId": "$dataProducerId",
    "label": "foo",
    "protocol": "bar",
    "bufferedAmountLowThreshold": 0,
}
