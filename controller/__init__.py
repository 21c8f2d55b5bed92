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

from miso.controller.active_speaker_observer import ActiveSpeakerObserver, ActiveSpeakerObserverDominantSpeaker
from miso.controller.audio_level_observer import AudioLevelObserver, AudioLevelObserverVolume
from miso.controller.consumer import Consumer
from miso.controller.data_consumer import DataConsumer
from miso.controller.data_producer import DataProducer
from miso.controller.direct_transport import DirectTransport
from miso.controller.errors import (
    ControllerError,
    InvalidStateError,
    NotFoundError,
    RequestError,
    UnsupportedError,
    WorkerStartError,
)
from miso.controller.pipe_pairs import PipeToRouterResult
from miso.controller.pipe_transport import PipeTransport
from miso.controller.plain_transport import PlainTransport
from miso.controller.producer import Producer
from miso.controller.router import Router
from miso.controller.rtp_observer import RtpObserver
from miso.controller.scalability_modes import parse_scalability_mode
from miso.controller.signaling import from_json, to_json
from miso.controller.supervision import BackOff, WorkerPool
from miso.controller.supported_rtp_capabilities import get_supported_rtp_capabilities
from miso.controller.transport import Transport
from miso.controller.watchdog import Watchdog
from miso.controller.web_rtc_server import WebRtcServer
from miso.controller.web_rtc_transport import WebRtcTransport
from miso.controller.worker import Worker, WorkerLogLevel, WorkerLogTag, create_worker, observer

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
