"""Drives media workers: the API of a selective forwarding unit for WebRTC.

::

    worker = await create_worker()
    router = await worker.create_router(media_codecs=[{"mimeType": "audio/opus", "clockRate": 48000, "channels": 2}])
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    await transport.connect(dtls_parameters=…)              # from the browser, through your signaling
    producer = await transport.produce(kind="audio", rtp_parameters=…)
    consumer = await other_transport.consume(producer_id=producer.id, rtp_capabilities=…)

``docs/controller.md`` has a whole example. Everything here belongs to one asyncio event loop.
"""

from __future__ import annotations

if __name__ != "miso.controller":
    raise ImportError(f"{__name__} is imported as miso.controller")

from miso.controller.data.data_consumer import DataConsumer
from miso.controller.data.data_producer import DataProducer
from miso.controller.errors import (
    ControllerError,
    InvalidStateError,
    NotFoundError,
    RequestError,
    UnsupportedError,
    WorkerStartError,
)
from miso.controller.json_form import from_json, to_json
from miso.controller.media.consumer import Consumer
from miso.controller.media.producer import Producer
from miso.controller.observers.active_speaker_observer import (
    ActiveSpeakerObserver,
    ActiveSpeakerObserverDominantSpeaker,
)
from miso.controller.observers.audio_level_observer import AudioLevelObserver, AudioLevelObserverVolume
from miso.controller.observers.rtp_observer import RtpObserver
from miso.controller.ortc.supported_rtp_capabilities import get_supported_rtp_capabilities
from miso.controller.pool.watchdog import Watchdog
from miso.controller.pool.worker_pool import BackOff, WorkerPool
from miso.controller.process.settings import WorkerLogLevel, WorkerLogTag
from miso.controller.router import Router
from miso.controller.scalability_modes import parse_scalability_mode
from miso.controller.transports.direct_transport import DirectTransport
from miso.controller.transports.pipe_transport import PipeTransport
from miso.controller.transports.piping import PipeToRouterResult
from miso.controller.transports.plain_transport import PlainTransport
from miso.controller.transports.transport import Transport
from miso.controller.transports.web_rtc_transport import WebRtcTransport
from miso.controller.web_rtc_server import WebRtcServer
from miso.controller.worker import Worker, create_worker, observer

__all__ = [
    "ActiveSpeakerObserver",
    "ActiveSpeakerObserverDominantSpeaker",
    "AudioLevelObserver",
    "AudioLevelObserverVolume",
    "BackOff",
    "Consumer",
    "ControllerError",
    "DataConsumer",
    "DataProducer",
    "DirectTransport",
    "InvalidStateError",
    "NotFoundError",
    "PipeToRouterResult",
    "PipeTransport",
    "PlainTransport",
    "Producer",
    "RequestError",
    "Router",
    "RtpObserver",
    "Transport",
    "UnsupportedError",
    "Watchdog",
    "WebRtcServer",
    "WebRtcTransport",
    "Worker",
    "WorkerLogLevel",
    "WorkerLogTag",
    "WorkerPool",
    "WorkerStartError",
    "create_worker",
    "from_json",
    "get_supported_rtp_capabilities",
    "observer",
    "parse_scalability_mode",
    "to_json",
]
