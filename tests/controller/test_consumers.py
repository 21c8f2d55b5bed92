"""Consumers' state, events and mistakes, in a scripted worker."""

from __future__ import annotations

from typing import Any

import pytest

from miso.controller import (
    Consumer,
    NotFoundError,
    Producer,
    Router,
    UnsupportedError,
)
from tests.controller.conftest import MEDIA_CODECS, VIDEO, StartWorker
from tests.controller.objects import consume, produce, record, transport_of


async def test_consumers_are_numbered_unless_they_are_named_or_piped(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    consumers = [
        await consume(transport, producer, router, **options)
        for options in ({}, {"mid": "mine"}, {}, {"pipe": True}, {})
    ]
    assert [consumer.rtp_parameters.mid for consumer in consumers] == ["0", "mine", "1", None, "2"]
    assert [consumer.type for consumer in consumers] == ["simple", "simple", "simple", "pipe", "simple"]


async def test_consumer_retransmits_video_but_not_audio_by_default(router: Router) -> None:
    transport = await transport_of(router)
    audio = await produce(transport)
    video = await transport.produce(kind="video", rtp_parameters=VIDEO)

    async def has_nack(producer: Producer, **options: Any) -> bool:
        consumer = await consume(transport, producer, router, **options)
        feedback = consumer.rtp_parameters.codecs[0].rtcp_feedback
        return any((fb.type, fb.parameter) == ("nack", "") for fb in feedback)

    assert not await has_nack(audio)
    assert await has_nack(audio, enable_rtx=True)
    assert await has_nack(video)
    assert not await has_nack(video, enable_rtx=False)


async def test_wrong_consumers(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    with pytest.raises(NotFoundError, match='Producer with id "chicken" not found'):
        await transport.consume(producer_id="chicken", rtp_capabilities=router.rtp_capabilities)
    with pytest.raises(TypeError, match="missing producer_id"):
        await transport.consume(producer_id="", rtp_capabilities=router.rtp_capabilities)
    with pytest.raises(TypeError, match="mid"):
        await consume(transport, producer, router, mid="")
    with pytest.raises(TypeError, match="caps is not an object"):
        await transport.consume(producer_id=producer.id, rtp_capabilities=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="spatialLayer"):
        await consume(transport, producer, router, preferred_layers={"spatialLayer": "high"})
    with pytest.raises(UnsupportedError):
        await transport.consume(producer_id=producer.id, rtp_capabilities={})
    assert router.can_consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    assert not router.can_consume(producer_id=producer.id, rtp_capabilities={})
    assert not router.can_consume(producer_id=producer.id, rtp_capabilities="chicken")
    assert not router.can_consume(producer_id="chicken", rtp_capabilities=router.rtp_capabilities)


async def scripted_consumer(start_worker: StartWorker, *steps: dict[str, object]) -> tuple[Consumer, Router]:
    """A consumer whose worker follows the steps on ``request_key_frame``."""
    worker = await start_worker(
        {
            "consumer.requestKeyFrame": [*steps, {"reply": None}],
            "consumer.setPreferredLayers": [{"reply": {"spatialLayer": 1, "temporalLayer": 2}}],
        }
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    return await consume(transport, await produce(transport), router), router


async def test_consumer_s_own_pause_is_not_its_producer_s(start_worker: StartWorker) -> None:
    toggle: list[dict[str, object]] = [
        {"event": ["$consumerId", "producerpause", None]},
        {"event": ["$consumerId", "producerpause", None]},
        {"event": ["$consumerId", "producerresume", None]},
        {"event": ["$consumerId", "producerresume", None]},
    ]
    consumer, router = await scripted_consumer(start_worker, *toggle)
    seen = record(consumer, "producerpause", "producerresume")
    observed = record(consumer.observer, "pause", "resume")
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert seen == [("producerpause",), ("producerresume",)]
    assert observed == [("pause",), ("resume",)]
    await consumer.pause()
    assert (consumer.paused, consumer.producer_paused) == (True, False)
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert observed == [("pause",), ("resume",), ("pause",)]
    await consumer.resume()
    assert observed[3:] == [("resume",)]


async def test_consumer_s_events(start_worker: StartWorker) -> None:
    events: dict[str, object] = {
        "score": {"score": 5, "producerScore": 6, "producerScores": [6]},
        "layerschange": {"spatialLayer": 1, "temporalLayer": 0},
        "trace": {"type": "rtp", "timestamp": 1, "direction": "out", "info": {}},
    }
    steps: list[dict[str, object]] = [{"event": ["$consumerId", name, data]} for name, data in events.items()]
    consumer, router = await scripted_consumer(start_worker, *steps, {"event": ["$consumerId", "layerschange", None]})
    seen = record(consumer, *events)
    observed = record(consumer.observer, *events)
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert [name for name, _ in seen] == [*events, "layerschange"]
    assert seen == observed
    assert seen[1][1].spatial_layer == 1
    assert consumer.score.score == 5
    assert consumer.current_layers is None


async def test_consumer_closes_with_its_producer(start_worker: StartWorker) -> None:
    consumer, router = await scripted_consumer(start_worker, {"event": ["$consumerId", "producerclose", None]})
    seen = record(consumer, "producerclose")
    observed = record(consumer.observer, "close")
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert consumer.closed
    assert (seen, observed) == ([("producerclose",)], [("close",)])


async def test_consumer_s_layers_and_priority(start_worker: StartWorker) -> None:
    consumer, _ = await scripted_consumer(start_worker)
    assert (consumer.priority, consumer.preferred_layers) == (1, None)
    await consumer.set_priority(2)
    assert consumer.priority == 2
    await consumer.set_preferred_layers(2, 2)
    assert consumer.preferred_layers is not None
    assert consumer.preferred_layers.spatial_layer == 1
