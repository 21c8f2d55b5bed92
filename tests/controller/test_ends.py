"""What closes with what, and what a closed object refuses, in a scripted worker."""

from __future__ import annotations

import asyncio
import gc

import pytest

from miso.controller import (
    InvalidStateError,
    PlainTransport,
    Router,
    RtpObserver,
)
from tests.controller.conftest import AUDIO, MEDIA_CODECS, StartWorker
from tests.controller.objects import consume, produce, record, transport_of


def living() -> list[object]:
    return [thing for thing in gc.get_objects() if issubclass(type(thing), PlainTransport | RtpObserver)]


async def test_closing_goes_down_the_tree(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    consumer = await consume(transport, producer, router)
    data_producer = await transport.produce_data(sctp_stream_parameters={"streamId": 1})
    data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
    observer = await router.create_audio_level_observer()
    order: list[str] = []
    for name, entity, event in (
        ("transport", transport, "routerclose"),
        ("producer", producer, "transportclose"),
        ("consumer", consumer, "transportclose"),
        ("data_producer", data_producer, "transportclose"),
        ("data_consumer", data_consumer, "transportclose"),
        ("observer", observer, "routerclose"),
    ):
        entity.on(event, lambda name=name: order.append(name))
        entity.observer.on("close", lambda name=name: order.append(f"{name} close"))
    router.close()
    router.close()
    assert order == [
        *("producer", "producer close", "consumer", "consumer close"),
        *("data_producer", "data_producer close", "data_consumer", "data_consumer close"),
        *("transport", "transport close", "observer", "observer close"),
    ]


async def test_only_what_was_closed_is_closed_in_the_worker(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    producer = await produce(transport)
    producer.close()
    await produce(transport)
    observer = await router.create_active_speaker_observer()
    observer.close()
    router.close()
    await worker.create_router()
    fake = worker.app_data["fake"]
    methods = [message["method"] for message in fake.heard[1:] if message["method"].endswith("close")]
    assert methods == ["producer.close", "rtpObserver.close", "router.close"]


async def test_a_closed_object_refuses_at_once(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    router.close()
    for call in (router.dump, transport.dump, transport.get_stats, producer.dump, producer.pause, producer.get_stats):
        with pytest.raises(InvalidStateError):
            await call()
    with pytest.raises(InvalidStateError):
        producer.send(b"")
    with pytest.raises(InvalidStateError):
        await transport_of(router)


async def test_what_is_created_while_its_parent_closes_does_not_live(router: Router) -> None:
    transport = await transport_of(router)
    created = record(transport.observer, "newproducer")
    task = asyncio.create_task(produce(transport))
    await asyncio.sleep(0)
    transport.close()
    with pytest.raises(InvalidStateError):
        await task
    assert created == []
    assert router.producer(AUDIO["mid"]) is None


async def test_a_router_that_closes_meanwhile_leaves_no_transport_behind(start_worker: StartWorker) -> None:
    worker = await start_worker()
    known = living()  # other tests may have left some
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}])
    creating = asyncio.create_task(router.create_plain_transport(listen_ip="127.0.0.1"))
    observing = asyncio.create_task(router.create_audio_level_observer())
    await asyncio.sleep(0)
    router.close()
    for task in (creating, observing):
        with pytest.raises(InvalidStateError, match="Router closed"):
            await task
    del creating, observing, task
    await asyncio.sleep(0)
    gc.collect()
    assert [one for one in living() if all(one is not other for other in known)] == []
    other = await worker.create_router(media_codecs=MEDIA_CODECS)
    served = asyncio.create_task(other.create_web_rtc_transport(web_rtc_server=server))
    await asyncio.sleep(0)
    server.close()
    with pytest.raises(InvalidStateError, match="WebRtcServer closed"):
        await served
    assert (await other.create_web_rtc_transport(listen_ips=["127.0.0.1"])).closed is False
