"""Observers of loudness in a scripted worker."""

from __future__ import annotations

import pytest

from miso.controller import (
    NotFoundError,
    Router,
)
from tests.controller.conftest import AUDIO, MEDIA_CODECS, StartWorker
from tests.controller.objects import produce, record, transport_of


async def test_observer_s_state(router: Router) -> None:
    created = record(router.observer, "newrtpobserver")
    observer = await router.create_audio_level_observer(max_entries=2)
    assert created == [("newrtpobserver", observer)]
    producer = await produce(await transport_of(router))
    observed = record(observer.observer, "pause", "resume", "addproducer", "removeproducer")
    await observer.pause()
    await observer.pause()
    assert observer.paused
    await observer.resume()
    await observer.add_producer(producer.id)
    await observer.remove_producer(producer.id)
    assert observed == [("pause",), ("resume",), ("addproducer", producer), ("removeproducer", producer)]
    with pytest.raises(NotFoundError):
        await observer.add_producer("chicken")


async def test_observers_name_producers(start_worker: StartWorker) -> None:
    volumes = [{"producerId": "gone", "volume": -10}, {"producerId": "mine", "volume": -20}]
    worker = await start_worker(
        {
            "rtpObserver.pause": [
                {"event": ["$rtpObserverId", "volumes", volumes]},
                {"event": ["$rtpObserverId", "volumes", volumes[:1]]},
                {"event": ["$rtpObserverId", "silence", None]},
                {"reply": None},
            ],
            "rtpObserver.resume": [
                {"event": ["$rtpObserverId", "dominantspeaker", {"producerId": "mine"}]},
                {"event": ["$rtpObserverId", "dominantspeaker", {"producerId": "gone"}]},
                {"reply": None},
            ],
        }
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    levels = await router.create_audio_level_observer()
    speaker = await router.create_active_speaker_observer()
    seen = record(levels, "volumes", "silence")
    observed = record(levels.observer, "volumes", "silence")
    speakers = record(speaker, "dominantspeaker")
    await levels.pause()
    await speaker.resume()
    await worker.create_router()
    assert seen == [("volumes", [(producer, -20)]), ("silence",)]
    assert seen == observed
    assert [event.producer for _, event in speakers] == [producer]
