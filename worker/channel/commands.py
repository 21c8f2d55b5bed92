"""The one table of commands: what a controller may ask of a worker, on both channels and in both dialects.

A row names the command, the types of its request and response bodies, and the ids that the 3.10 dialect carries in
``internal`` and the 3.12 dialect in the body: the codec brings both into the body. Eight closes have a second name in
the 3.12 dialect, of which the parent is the target (``router.closeTransport``); both dialects accept both names, and
the parent's handler does the work.

A handler is tagged with its row::

    class Router:
        @handles(TRANSPORT_CLOSE)
        def close_transport(self, body: CloseTransportRequest) -> None: ...

        @handles(ROUTER_DUMP)
        def dump(self) -> RouterDump: ...

It takes the body unless the row's request is ``NoneType``, then, on the payload channel, the payload; it returns the
response or raises ``BodyError``, ``InvalidStateError`` or ``CommandError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, Final, Generic, TypeVar

import msgspec

from .bodies.consumer import ConsumerDump, SetPriorityRequest, SetPriorityResponse
from .bodies.data_consumer import (
    DataConsumerDump,
    DataConsumerStats,
    GetBufferedAmountResponse,
    SetBufferedAmountLowThresholdRequest,
)
from .bodies.data_producer import DataMessage, DataProducerDump, DataProducerStats
from .bodies.producer import ProducerDump
from .bodies.router import (
    CloseRtpObserverRequest,
    CloseTransportRequest,
    CreateActiveSpeakerObserverRequest,
    CreateAudioLevelObserverRequest,
    CreateDirectTransportRequest,
    CreatePipeTransportRequest,
    CreatePlainTransportRequest,
    CreateWebRtcTransportRequest,
    CreateWebRtcTransportWithServerRequest,
    RouterDump,
)
from .bodies.rtp import RtpStreamStats
from .bodies.rtp_observer import ObservedProducerRequest
from .bodies.transport import (
    CloseConsumerRequest,
    CloseDataConsumerRequest,
    CloseDataProducerRequest,
    CloseProducerRequest,
    ConnectRequest,
    ConnectResponse,
    ConsumeDataRequest,
    ConsumeRequest,
    ConsumeResponse,
    ConsumerLayers,
    EnableTraceEventRequest,
    PipeTransportDump,
    PlainTransportDump,
    ProduceDataRequest,
    ProduceRequest,
    ProduceResponse,
    RestartIceResponse,
    SetBitrateRequest,
    TransportDump,
    TransportStats,
    WebRtcTransportDump,
)
from .bodies.web_rtc_server import CreateWebRtcServerRequest, WebRtcServerDump
from .bodies.worker import (
    CloseRouterRequest,
    CloseWebRtcServerRequest,
    CreateRouterRequest,
    LoadReport,
    ResourceUsage,
    UpdateSettingsRequest,
    WorkerDump,
)

_PARENT_ID_NAMES: Final = {
    **dict.fromkeys(("transport", "rtpObserver"), ("routerId",)),
    **dict.fromkeys(("producer", "consumer", "dataProducer", "dataConsumer"), ("transportId", "routerId")),
}

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Command(Generic[RequestT, ResponseT]):
    """One command.

    Attributes:
        name: As in the 3.10 dialect, ``object.verb``.
        request: Type of the request's body; ``NoneType`` when there is none.
        response: Type of the response's body; ``NoneType`` when there is none. ``transport.dump`` answers with a
            subclass, by the transport's kind; ``consumer.setPreferredLayers`` without a body where there are no layers.
        ids: The ids, first the one to create or close, that stand in ``internal`` in the 3.10 dialect.
        alias: The 3.12 name of a close.
        reply_first: Whether the events that it causes follow its reply, since the controller has to know the object
            or the answer before; else they come first, so that who awaits ``producer.pause`` finds the consumers told.
    """

    name: str
    request: type[RequestT]
    response: type[ResponseT]
    ids: tuple[str, ...] = ()
    alias: str | None = None
    reply_first: bool = False

    @cached_property
    def target(self) -> str:
        """The kind of object that handles it: worker, webRtcServer, router, transport, producer and so on."""
        return (self.alias or self.name).partition(".")[0]

    @cached_property
    def handler_id_name(self) -> str:
        """What the 3.10 dialect calls the id of that object."""
        return f"{self.target}Id"

    @cached_property
    def parent_id_names(self) -> tuple[str, ...]:
        """Likewise, the ids of the object's parent, and of that one's."""
        return _PARENT_ID_NAMES.get(self.target, ())

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[RequestT]:
        """Reads the request's body."""
        return msgspec.json.Decoder(self.request)


def handles(command: Command[Any, Any]) -> Callable[[Handler], Handler]:
    """Tags a method as the handler of ``command`` for the objects of its class."""

    def tag(handler: Handler) -> Handler:
        handler.__dict__["command"] = command
        return handler

    return tag


def handlers_of(kind: type) -> dict[str, Callable[..., Any]]:
    """The tagged functions of a class and its bases, by the command's 3.10 name; the subclass's win."""
    found: dict[str, Callable[..., Any]] = {}
    for base in reversed(kind.__mro__):
        for member in vars(base).values():
            command = getattr(member, "__dict__", {}).get("command")
            if isinstance(command, Command):
                found[command.name] = member
    return found


# ---------------------------------------------------------------- worker

WORKER_CLOSE: Final = Command("worker.close", NoneType, NoneType)
WORKER_DUMP: Final = Command("worker.dump", NoneType, WorkerDump)
WORKER_GET_RESOURCE_USAGE: Final = Command("worker.getResourceUsage", NoneType, ResourceUsage)
WORKER_GET_LOAD: Final = Command("worker.getLoad", NoneType, LoadReport)
WORKER_UPDATE_SETTINGS: Final = Command("worker.updateSettings", UpdateSettingsRequest, NoneType)
WORKER_CREATE_WEB_RTC_SERVER: Final = Command(
    "worker.createWebRtcServer", CreateWebRtcServerRequest, NoneType, ("webRtcServerId",)
)
WORKER_CREATE_ROUTER: Final = Command("worker.createRouter", CreateRouterRequest, NoneType, ("routerId",))

# ---------------------------------------------------------------- webRtcServer

WEB_RTC_SERVER_CLOSE: Final = Command(
    "webRtcServer.close", CloseWebRtcServerRequest, NoneType, ("webRtcServerId",), "worker.closeWebRtcServer"
)
WEB_RTC_SERVER_DUMP: Final = Command("webRtcServer.dump", NoneType, WebRtcServerDump)

# ---------------------------------------------------------------- router

ROUTER_CLOSE: Final = Command("router.close", CloseRouterRequest, NoneType, ("routerId",), "worker.closeRouter")
ROUTER_DUMP: Final = Command("router.dump", NoneType, RouterDump)
ROUTER_CREATE_WEB_RTC_TRANSPORT: Final = Command(
    "router.createWebRtcTransport", CreateWebRtcTransportRequest, WebRtcTransportDump, ("transportId",)
)
ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER: Final = Command(
    "router.createWebRtcTransportWithServer",
    CreateWebRtcTransportWithServerRequest,
    WebRtcTransportDump,
    ("transportId", "webRtcServerId"),
)
ROUTER_CREATE_PLAIN_TRANSPORT: Final = Command(
    "router.createPlainTransport", CreatePlainTransportRequest, PlainTransportDump, ("transportId",)
)
ROUTER_CREATE_PIPE_TRANSPORT: Final = Command(
    "router.createPipeTransport", CreatePipeTransportRequest, PipeTransportDump, ("transportId",)
)
ROUTER_CREATE_DIRECT_TRANSPORT: Final = Command(
    "router.createDirectTransport", CreateDirectTransportRequest, TransportDump, ("transportId",)
)
ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER: Final = Command(
    "router.createActiveSpeakerObserver", CreateActiveSpeakerObserverRequest, NoneType, ("rtpObserverId",)
)
ROUTER_CREATE_AUDIO_LEVEL_OBSERVER: Final = Command(
    "router.createAudioLevelObserver", CreateAudioLevelObserverRequest, NoneType, ("rtpObserverId",)
)

# ---------------------------------------------------------------- transport

TRANSPORT_CLOSE: Final = Command(
    "transport.close", CloseTransportRequest, NoneType, ("transportId",), "router.closeTransport"
)
TRANSPORT_DUMP: Final = Command("transport.dump", NoneType, TransportDump)
TRANSPORT_GET_STATS: Final = Command("transport.getStats", NoneType, list[TransportStats])
TRANSPORT_CONNECT: Final = Command("transport.connect", ConnectRequest, ConnectResponse, reply_first=True)
TRANSPORT_DISCONNECT: Final = Command("transport.disconnect", NoneType, ConnectResponse, reply_first=True)
TRANSPORT_SET_MAX_INCOMING_BITRATE: Final = Command("transport.setMaxIncomingBitrate", SetBitrateRequest, NoneType)
TRANSPORT_SET_MAX_OUTGOING_BITRATE: Final = Command("transport.setMaxOutgoingBitrate", SetBitrateRequest, NoneType)
TRANSPORT_SET_MIN_OUTGOING_BITRATE: Final = Command("transport.setMinOutgoingBitrate", SetBitrateRequest, NoneType)
TRANSPORT_RESTART_ICE: Final = Command("transport.restartIce", NoneType, RestartIceResponse)
TRANSPORT_PRODUCE: Final = Command(
    "transport.produce", ProduceRequest, ProduceResponse, ("producerId",), reply_first=True
)
TRANSPORT_CONSUME: Final = Command(
    "transport.consume", ConsumeRequest, ConsumeResponse, ("consumerId", "producerId"), reply_first=True
)
TRANSPORT_PRODUCE_DATA: Final = Command(
    "transport.produceData", ProduceDataRequest, DataProducerDump, ("dataProducerId",), reply_first=True
)
TRANSPORT_CONSUME_DATA: Final = Command(
    "transport.consumeData",
    ConsumeDataRequest,
    DataConsumerDump,
    ("dataConsumerId", "dataProducerId"),
    reply_first=True,
)
TRANSPORT_ENABLE_TRACE_EVENT: Final = Command("transport.enableTraceEvent", EnableTraceEventRequest, NoneType)

# ---------------------------------------------------------------- producer

PRODUCER_CLOSE: Final = Command(
    "producer.close", CloseProducerRequest, NoneType, ("producerId",), "transport.closeProducer"
)
PRODUCER_DUMP: Final = Command("producer.dump", NoneType, ProducerDump)
PRODUCER_GET_STATS: Final = Command("producer.getStats", NoneType, list[RtpStreamStats])
PRODUCER_PAUSE: Final = Command("producer.pause", NoneType, NoneType)
PRODUCER_RESUME: Final = Command("producer.resume", NoneType, NoneType)
PRODUCER_ENABLE_TRACE_EVENT: Final = Command("producer.enableTraceEvent", EnableTraceEventRequest, NoneType)

# ---------------------------------------------------------------- consumer

CONSUMER_CLOSE: Final = Command(
    "consumer.close", CloseConsumerRequest, NoneType, ("consumerId",), "transport.closeConsumer"
)
CONSUMER_DUMP: Final = Command("consumer.dump", NoneType, ConsumerDump)
CONSUMER_GET_STATS: Final = Command("consumer.getStats", NoneType, list[RtpStreamStats])
CONSUMER_PAUSE: Final = Command("consumer.pause", NoneType, NoneType)
CONSUMER_RESUME: Final = Command("consumer.resume", NoneType, NoneType)
CONSUMER_SET_PREFERRED_LAYERS: Final = Command(
    "consumer.setPreferredLayers", ConsumerLayers, ConsumerLayers, reply_first=True
)
CONSUMER_SET_PRIORITY: Final = Command(
    "consumer.setPriority", SetPriorityRequest, SetPriorityResponse, reply_first=True
)
CONSUMER_REQUEST_KEY_FRAME: Final = Command("consumer.requestKeyFrame", NoneType, NoneType)
CONSUMER_ENABLE_TRACE_EVENT: Final = Command("consumer.enableTraceEvent", EnableTraceEventRequest, NoneType)

# ---------------------------------------------------------------- dataProducer, dataConsumer

DATA_PRODUCER_CLOSE: Final = Command(
    "dataProducer.close", CloseDataProducerRequest, NoneType, ("dataProducerId",), "transport.closeDataProducer"
)
DATA_PRODUCER_DUMP: Final = Command("dataProducer.dump", NoneType, DataProducerDump)
DATA_PRODUCER_GET_STATS: Final = Command("dataProducer.getStats", NoneType, list[DataProducerStats])

DATA_CONSUMER_CLOSE: Final = Command(
    "dataConsumer.close", CloseDataConsumerRequest, NoneType, ("dataConsumerId",), "transport.closeDataConsumer"
)
DATA_CONSUMER_DUMP: Final = Command("dataConsumer.dump", NoneType, DataConsumerDump)
DATA_CONSUMER_GET_STATS: Final = Command("dataConsumer.getStats", NoneType, list[DataConsumerStats])
DATA_CONSUMER_GET_BUFFERED_AMOUNT: Final = Command(
    "dataConsumer.getBufferedAmount", NoneType, GetBufferedAmountResponse
)
DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD: Final = Command(
    "dataConsumer.setBufferedAmountLowThreshold", SetBufferedAmountLowThresholdRequest, NoneType, reply_first=True
)

# ---------------------------------------------------------------- rtpObserver

RTP_OBSERVER_CLOSE: Final = Command(
    "rtpObserver.close", CloseRtpObserverRequest, NoneType, ("rtpObserverId",), "router.closeRtpObserver"
)
RTP_OBSERVER_PAUSE: Final = Command("rtpObserver.pause", NoneType, NoneType)
RTP_OBSERVER_RESUME: Final = Command("rtpObserver.resume", NoneType, NoneType)
RTP_OBSERVER_ADD_PRODUCER: Final = Command(
    "rtpObserver.addProducer", ObservedProducerRequest, NoneType, ("producerId",)
)
RTP_OBSERVER_REMOVE_PRODUCER: Final = Command(
    "rtpObserver.removeProducer", ObservedProducerRequest, NoneType, ("producerId",)
)

# ---------------------------------------------------------------- payload channel

TRANSPORT_SEND_RTCP: Final = Command("transport.sendRtcp", NoneType, NoneType)
PRODUCER_SEND: Final = Command("producer.send", NoneType, NoneType)
DATA_PRODUCER_SEND: Final = Command("dataProducer.send", DataMessage, NoneType)
DATA_CONSUMER_SEND: Final = Command("dataConsumer.send", DataMessage, NoneType)

COMMANDS: Final[tuple[Command[Any, Any], ...]] = (
    WORKER_CLOSE,
    WORKER_DUMP,
    WORKER_GET_RESOURCE_USAGE,
    WORKER_GET_LOAD,
    WORKER_UPDATE_SETTINGS,
    WORKER_CREATE_WEB_RTC_SERVER,
    WORKER_CREATE_ROUTER,
    WEB_RTC_SERVER_CLOSE,
    WEB_RTC_SERVER_DUMP,
    ROUTER_CLOSE,
    ROUTER_DUMP,
    ROUTER_CREATE_WEB_RTC_TRANSPORT,
    ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER,
    ROUTER_CREATE_PLAIN_TRANSPORT,
    ROUTER_CREATE_PIPE_TRANSPORT,
    ROUTER_CREATE_DIRECT_TRANSPORT,
    ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER,
    ROUTER_CREATE_AUDIO_LEVEL_OBSERVER,
    TRANSPORT_CLOSE,
    TRANSPORT_DUMP,
    TRANSPORT_GET_STATS,
    TRANSPORT_CONNECT,
    TRANSPORT_DISCONNECT,
    TRANSPORT_SET_MAX_INCOMING_BITRATE,
    TRANSPORT_SET_MAX_OUTGOING_BITRATE,
    TRANSPORT_SET_MIN_OUTGOING_BITRATE,
    TRANSPORT_RESTART_ICE,
    TRANSPORT_PRODUCE,
    TRANSPORT_CONSUME,
    TRANSPORT_PRODUCE_DATA,
    TRANSPORT_CONSUME_DATA,
    TRANSPORT_ENABLE_TRACE_EVENT,
    PRODUCER_CLOSE,
    PRODUCER_DUMP,
    PRODUCER_GET_STATS,
    PRODUCER_PAUSE,
    PRODUCER_RESUME,
    PRODUCER_ENABLE_TRACE_EVENT,
    CONSUMER_CLOSE,
    CONSUMER_DUMP,
    CONSUMER_GET_STATS,
    CONSUMER_PAUSE,
    CONSUMER_RESUME,
    CONSUMER_SET_PREFERRED_LAYERS,
    CONSUMER_SET_PRIORITY,
    CONSUMER_REQUEST_KEY_FRAME,
    CONSUMER_ENABLE_TRACE_EVENT,
    DATA_PRODUCER_CLOSE,
    DATA_PRODUCER_DUMP,
    DATA_PRODUCER_GET_STATS,
    DATA_CONSUMER_CLOSE,
    DATA_CONSUMER_DUMP,
    DATA_CONSUMER_GET_STATS,
    DATA_CONSUMER_GET_BUFFERED_AMOUNT,
    DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD,
    RTP_OBSERVER_CLOSE,
    RTP_OBSERVER_PAUSE,
    RTP_OBSERVER_RESUME,
    RTP_OBSERVER_ADD_PRODUCER,
    RTP_OBSERVER_REMOVE_PRODUCER,
)
"""The 57 commands of the 3.10 dialect, and three more: ``EXTENSIONS``."""

EXTENSIONS: Final[tuple[Command[Any, Any], ...]] = (
    WORKER_GET_LOAD,
    TRANSPORT_DISCONNECT,
    TRANSPORT_SET_MIN_OUTGOING_BITRATE,
)
"""What mediasoup 3.10 refuses: the last is of 3.11.17, the others are Miso's own (docs/controller.md)."""

PAYLOAD_REQUESTS: Final[tuple[Command[Any, Any], ...]] = (DATA_CONSUMER_SEND,)
"""On the payload channel, answered there."""

PAYLOAD_NOTIFICATIONS: Final[tuple[Command[Any, Any], ...]] = (TRANSPORT_SEND_RTCP, PRODUCER_SEND, DATA_PRODUCER_SEND)
"""On the payload channel, not answered."""


def _by_name(commands: tuple[Command[Any, Any], ...]) -> dict[str, Command[Any, Any]]:
    names = {command.name: command for command in commands}
    names.update({command.alias: command for command in commands if command.alias})
    return names


BY_NAME: Final = _by_name(COMMANDS)
"""The commands by both of their names."""
PAYLOAD_REQUESTS_BY_NAME: Final = _by_name(PAYLOAD_REQUESTS)
PAYLOAD_NOTIFICATIONS_BY_NAME: Final = _by_name(PAYLOAD_NOTIFICATIONS)
