"""A creating call that nobody waits for any more leaves nothing behind in the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from miso.controller import Router, Worker
from tests.controller.conftest import AUDIO, MEDIA_CODECS, StartWorker

Create = Callable[[Worker, Router], Coroutine[Any, Any, Any]]
IN_WORKER: dict[str, Create] = {
    "router": lambda worker, router: worker.create_router(),
    "webrtc server": lambda worker, router: worker.create_web_rtc_server(
        listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}]
    ),
}
IN_ROUTER: dict[str, Create] = {
    "webrtc transport": lambda worker, router: router.create_web_rtc_transport(listen_ips=["127.0.0.1"]),
    "plain transport": lambda worker, router: router.create_plain_transport(listen_ip="127.0.0.1"),
    "pipe transport": lambda worker, router: router.create_pipe_transport(listen_ip="127.0.0.1"),
    "direct transport": lambda worker, router: router.create_direct_transport(),
    "audio level observer": lambda worker, router: router.create_audio_level_observer(),
    "active speaker observer": lambda worker, router: router.create_active_speaker_observer(),
}


@pytest.fixture
async def router(worker: Worker) -> Router:
    return await worker.create_router(media_codecs=MEDIA_CODECS)


async def cancel(call: Coroutine[Any, Any, Any], after_s: float = 0.0) -> None:
    """Gives a call up when its request is on its way; closes what it made if it was faster."""
    task = asyncio.create_task(call)
    await asyncio.sleep(after_s)
    task.cancel()
    try:
        made = await task
    except asyncio.CancelledError:
        return
    made.close()


@pytest.mark.parametrize("create", IN_WORKER.values(), ids=IN_WORKER)
async def test_nothing_is_left_in_the_worker(worker: Worker, router: Router, create: Create) -> None:
    await cancel(create(worker, router))
    dump = await worker.dump()
    assert (dump.router_ids, dump.web_rtc_server_ids) == ([router.id], [])


@pytest.mark.parametrize("create", IN_ROUTER.values(), ids=IN_ROUTER)
async def test_nothing_is_left_in_the_router(worker: Worker, router: Router, create: Create) -> None:
    await cancel(create(worker, router))
    dump = await router.dump()
    assert (dump.transport_ids, dump.rtp_observer_ids) == ([], [])


async def test_nothing_is_left_on_a_transport(router: Router) -> None:
    transport = await router.create_direct_transport()
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    data_producer = await transport.produce_data()
    other = await router.create_direct_transport()
    await cancel(other.produce(kind="audio", rtp_parameters=AUDIO))
    await cancel(other.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities))
    await cancel(other.produce_data())
    await cancel(other.consume_data(data_producer_id=data_producer.id))
    dump = await other.dump()
    assert (dump.producer_ids, dump.consumer_ids) == ([], [])
    assert (dump.data_producer_ids, dump.data_consumer_ids) == ([], [])


async def test_nothing_is_left_whenever_the_cancellation_comes(router: Router) -> None:
    for attempt in range(60):
        await cancel(router.create_direct_transport(), attempt * 30e-6)
    assert (await router.dump()).transport_ids == []


async def test_the_close_follows_the_request_that_is_not_answered(start_worker: StartWorker) -> None:
    worker = await start_worker({"router.createPlainTransport": [{"never answer": None}]})
    router = await worker.create_router()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(router.create_plain_transport(listen_ip="127.0.0.1"), 0.05)
    await worker.get_resource_usage()
    fake = worker.app_data["fake"]
    (create,), (close,) = fake.heard_of("router.createPlainTransport"), fake.heard_of("transport.close")
    assert close["internal"] == create["internal"]


async def test_cancelling_another_request_says_nothing_more(start_worker: StartWorker) -> None:
    worker = await start_worker({"router.dump": [{"never answer": None}]})
    router = await worker.create_router()
    await cancel(router.dump())
    await worker.get_resource_usage()
    methods = [message["method"] for message in worker.app_data["fake"].heard[-2:]]
    assert methods == ["router.dump", "worker.getResourceUsage"]
