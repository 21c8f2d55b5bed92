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

from controller.active_speaker_observer import ActiveSpeakerObserver, ActiveSpeakerObserverDominantSpeaker
from controller.audio_level_observer import AudioLevelObserver, AudioLevelObserverVolume
from controller.consumer import Consumer
from controller.data_consumer import DataConsumer
from controller.data_producer import DataProducer
from controller.direct_transport import DirectTransport
from controller.errors import (
    ControllerError,
    InvalidStateError,
    NotFoundError,
    RequestError,
    UnsupportedError,
    WorkerStartError,
)
from controller.pipe_pairs import PipeToRouterResult
from controller.pipe_transport import PipeTransport
from controller.plain_transport import PlainTransport
from controller.producer import Producer
from controller.router import Router
from controller.rtp_observer import RtpObserver
from controller.scalability_modes import parse_scalability_mode
from controller.signaling import from_json, to_json
from controller.supervision import BackOff, WorkerPool
from controller.supported_rtp_capabilities import get_supported_rtp_capabilities
from controller.transport import Transport
from controller.watchdog import Watchdog
from controller.web_rtc_server import WebRtcServer
from controller.web_rtc_transport import WebRtcTransport
from controller.worker import Worker, WorkerLogLevel, WorkerLogTag, create_worker, observer

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
