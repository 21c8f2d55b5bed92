"""Piping producers from one router to another, in scripted workers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from miso.controller import InvalidStateError, PipeTransport, Producer, RequestError, Router
from tests.controller.conftest import AUDIO, CONSUMER, MEDIA_CODECS, VIDEO, Script, StartWorker
from tests.patience import PATIENCE_S


async def two_routers(start_worker: StartWorker, script: Script | None = None) -> tuple[Router, Router]:
    """Routers of two workers; the script is the second one's."""
    workers = [await start_worker(), await start_worker(script)]
    first, second = [await worker.create_router(media_codecs=MEDIA_CODECS) for worker in workers]
    return first, second


async def producer_in(router: Router, **options: Any) -> Producer:
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    return await transport.produce(kind="video", rtp_parameters=VIDEO, **options)


async def test_a_producer_gets_a_copy_with_its_id(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    producer = await producer_in(here, app_data={"foo": 1})
    result = await here.pipe_to_router(router=there, producer_id=producer.id)
    consumer, copy = result.pipe_consumer, result.pipe_producer
    assert consumer is not None
    assert copy is not None
    assert (result.pipe_data_consumer, result.pipe_data_producer) == (None, None)
    assert (consumer.type, consumer.rtp_parameters.mid) == ("pipe", None)
    assert (copy.id, copy.kind, copy.app_data) == (producer.id, "video", {"foo": 1})
    assert there.producer(producer.id) is copy
    assert copy.rtp_parameters.rtcp is not None
    assert copy.rtp_parameters.rtcp.cname == "FOOBAR"
    copy.close()
    assert consumer.closed


async def test_a_data_producer_gets_a_copy_with_its_id(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    transport = await here.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    producer = await transport.produce_data(sctp_stream_parameters={"streamId": 7}, label="foo", protocol="bar")
    result = await here.pipe_to_router(router=there, data_producer_id=producer.id)
    consumer, copy = result.pipe_data_consumer, result.pipe_data_producer
    assert consumer is not None
    assert copy is not None
    assert (copy.id, copy.label, copy.protocol) == (producer.id, "foo", "bar")
    assert copy.sctp_stream_parameters == consumer.sctp_stream_parameters
    consumer.close()
    assert copy.closed


def pipe_transports(router: Router) -> list[PipeTransport]:
    """Collects the pipe transports that a router creates from now on."""
    created: list[PipeTransport] = []
    router.observer.on("newtransport", lambda new: created.append(new) if isinstance(new, PipeTransport) else None)
    return created


async def test_concurrent_and_reverse_calls_share_one_pair(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    ours, theirs = pipe_transports(here), pipe_transports(there)
    producers = [await producer_in(here), await producer_in(here)]
    reverse = await producer_in(there)
    await asyncio.gather(
        *(here.pipe_to_router(router=there, producer_id=producer.id) for producer in producers),
        there.pipe_to_router(router=here, producer_id=reverse.id),
    )
    await here.pipe_to_router(router=there, producer_id=(await producer_in(here)).id)
    assert (len(ours), len(theirs)) == (1, 1)
    assert ours[0].tuple.remote_ip is not None


async def test_the_pair_closes_with_either_end_and_is_made_anew(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    ours, theirs = pipe_transports(here), pipe_transports(there)
    first = await here.pipe_to_router(router=there, producer_id=(await producer_in(here)).id)
    theirs[0].close()
    assert ours[0].closed
    assert first.pipe_consumer is not None
    assert first.pipe_consumer.closed
    second = await producer_in(there)
    await there.pipe_to_router(router=here, producer_id=second.id)
    assert (len(ours), len(theirs)) == (2, 2)
    here.close()
    assert theirs[1].closed


async def test_a_failed_pair_leaves_nothing_and_can_be_tried_again(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker, {"transport.connect": [{"error": ["Error", "no route"]}]})
    ours, theirs = pipe_transports(here), pipe_transports(there)
    producer = await producer_in(here)
    for count in (1, 2):
        with pytest.raises(RequestError, match="no route"):
            await here.pipe_to_router(router=there, producer_id=producer.id)
        assert (len(ours), len(theirs)) == (count, count)
        assert all(transport.closed for transport in (*ours, *theirs))


async def test_a_refused_copy_closes_its_consumer(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker, {"transport.produce": [{"error": ["Error", "id exists"]}]})
    producer = await producer_in(here)
    ours = pipe_transports(here)
    consumers: list[Any] = []
    here.observer.once("newtransport", lambda pipe: pipe.observer.on("newconsumer", consumers.append))
    with pytest.raises(RequestError, match="id exists"):
        await here.pipe_to_router(router=there, producer_id=producer.id)
    assert [consumer.closed for consumer in consumers] == [True]
    assert not ours[0].closed


async def test_a_producer_that_closes_meanwhile_is_not_piped(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    producer = await producer_in(here)
    there.observer.once("newtransport", lambda transport: transport.observer.once("newproducer", close(producer)))
    with pytest.raises(InvalidStateError, match="original Producer closed"):
        await here.pipe_to_router(router=there, producer_id=producer.id)
    assert there.producer(producer.id) is None


def close(producer: Producer) -> Any:
    return lambda copy: producer.close()


async def test_a_copy_pauses_and_resumes_with_its_original(start_worker: StartWorker) -> None:
    first = await start_worker(
        {
            "transport.consume": [{"reply": {**CONSUMER, "producerPaused": True}}],
            "consumer.requestKeyFrame": [{"event": ["$consumerId", "producerresume", None]}, {"reply": None}],
        }
    )
    second = await start_worker()
    here = await first.create_router(media_codecs=MEDIA_CODECS)
    there = await second.create_router(media_codecs=MEDIA_CODECS)
    producer = await producer_in(here, paused=True)
    result = await here.pipe_to_router(router=there, producer_id=producer.id)
    consumer, copy = result.pipe_consumer, result.pipe_producer
    assert consumer is not None
    assert copy is not None
    assert (consumer.producer_paused, copy.paused) == (True, True)
    resumed = asyncio.get_running_loop().create_future()
    copy.observer.on("resume", lambda: resumed.set_result(None))
    await consumer.request_key_frame()
    await asyncio.wait_for(resumed, PATIENCE_S)
    assert not copy.paused


async def test_a_copy_follows_what_changed_while_it_was_made(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    producer = await producer_in(here, paused=True)
    # The scripted worker says that the producer is not paused.
    result = await here.pipe_to_router(router=there, producer_id=producer.id)
    assert result.pipe_producer is not None
    assert result.pipe_producer.paused


async def test_wrong_calls(start_worker: StartWorker) -> None:
    here, there = await two_routers(start_worker)
    producer = await (await here.create_direct_transport()).produce(kind="audio", rtp_parameters=AUDIO)
    for options, message in (
        ({"router": there}, "missing producer_id or data_producer_id"),
        ({"router": there, "producer_id": "a", "data_producer_id": "b"}, "just producer_id or data_producer_id"),
        ({"router": None, "producer_id": producer.id}, "Router not found"),
        ({"router": here, "producer_id": producer.id}, "cannot use this Router as destination"),
        ({"router": there, "producer_id": "chicken"}, "Producer not found"),
        ({"router": there, "data_producer_id": "chicken"}, "DataProducer not found"),
    ):
        with pytest.raises(TypeError, match=message):
            await here.pipe_to_router(**options)
