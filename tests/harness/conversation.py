"""A conversation over every command of the table: creates one of everything, asks everything, closes everything.

``hold`` yields an outcome for each exchange: the command and what was wrong with the answer, if anything. It checks the
answer's shape strictly: a missing field, a field too many or a wrong type is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from miso.worker.channel import commands
from miso.worker.channel.bodies.consumer import SetPriorityRequest
from miso.worker.channel.bodies.data_consumer import SetBufferedAmountLowThresholdRequest
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import (
    CloseRtpObserverRequest,
    CloseTransportRequest,
    CreateActiveSpeakerObserverRequest,
    CreateAudioLevelObserverRequest,
    CreateDirectTransportRequest,
    CreatePipeTransportRequest,
    CreatePlainTransportRequest,
    CreateWebRtcTransportRequest,
    CreateWebRtcTransportWithServerRequest,
    ListenIp,
)
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest
from miso.worker.channel.bodies.transport import (
    CloseConsumerRequest,
    CloseDataConsumerRequest,
    CloseDataProducerRequest,
    CloseProducerRequest,
    ConnectRequest,
    ConsumeDataRequest,
    ConsumeRequest,
    ConsumerLayers,
    DtlsFingerprint,
    DtlsParameters,
    EnableTraceEventRequest,
    NumSctpStreams,
    PipeTransportDump,
    PlainTransportDump,
    ProduceDataRequest,
    ProduceRequest,
    SctpStreamParameters,
    SetBitrateRequest,
    TransportDump,
    WebRtcTransportDump,
)
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.channel.bodies.worker import (
    CloseRouterRequest,
    CloseWebRtcServerRequest,
    CreateRouterRequest,
    UpdateSettingsRequest,
)
from miso.worker.channel.client_codec import Accepted, Refused
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from tests.harness import media
from tests.harness.client import WorkerClient
from tests.harness.shapes import compare_shape

LOCAL = "127.0.0.1"
FINGERPRINT = DtlsFingerprint(algorithm="sha-256", value=":".join(["82"] * 32))
SERVER = {"webRtcServerId": "server"}
ROUTER = {"routerId": "router"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one exchange: ``wrong`` is empty when all was well."""

    command: str
    about: str
    wrong: str


def on_transport(name: str) -> dict[str, str]:
    return {**ROUTER, "transportId": name}


def on_producer(transport: str, name: str) -> dict[str, str]:
    return {**on_transport(transport), "producerId": name}


def on_consumer(transport: str, name: str, producer: str) -> dict[str, str]:
    return {**on_transport(transport), "consumerId": name, "producerId": producer}


class Conversation:
    """One pass through the script with one worker."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def hold(self) -> Iterator[Outcome]:
        """Says everything, in the order in which objects come and go."""
        yield from self._worker_and_router()
        yield from self._transports()
        yield from self._producers()
        yield from self._consumers()
        yield from self._observers()
        yield from self._data()
        yield from self._sctp()
        yield from self._refusals()
        yield from self._closes()

    # ------------------------------------------------------------ scenes

    def _worker_and_router(self) -> Iterator[Outcome]:
        yield self._ask(commands.WORKER_DUMP, {}, check=self._check_worker_dump)
        yield self._ask(commands.WORKER_GET_RESOURCE_USAGE, {})
        yield self._ask(commands.WORKER_GET_LOAD, {})
        yield self._ask(commands.WORKER_UPDATE_SETTINGS, {}, UpdateSettingsRequest(log_level="warn", log_tags=["ice"]))
        infos = [ListenInfo(protocol="udp", ip=LOCAL, port=0), ListenInfo(protocol="tcp", ip=LOCAL, port=0)]
        yield self._ask(
            commands.WORKER_CREATE_WEB_RTC_SERVER,
            {},
            CreateWebRtcServerRequest(web_rtc_server_id="server", listen_infos=infos),
        )
        yield self._ask(commands.WEB_RTC_SERVER_DUMP, SERVER)
        yield self._ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        yield self._ask(commands.ROUTER_DUMP, ROUTER)

    def _transports(self) -> Iterator[Outcome]:
        listen_ip = ListenIp(ip=LOCAL)
        streams = NumSctpStreams(os=1024, mis=1024)
        yield self._ask(
            commands.ROUTER_CREATE_WEB_RTC_TRANSPORT,
            ROUTER,
            CreateWebRtcTransportRequest(
                transport_id="webrtc",
                listen_ips=[listen_ip],
                enable_tcp=True,
                enable_sctp=True,
                num_sctp_streams=streams,
                max_sctp_message_size=262_144,
                is_data_channel=True,
            ),
        )
        yield self._ask(
            commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER,
            ROUTER,
            CreateWebRtcTransportWithServerRequest(transport_id="webrtc2", web_rtc_server_id="server", enable_tcp=True),
        )
        yield self._ask(
            commands.ROUTER_CREATE_PLAIN_TRANSPORT,
            ROUTER,
            CreatePlainTransportRequest(transport_id="plain", listen_ip=listen_ip, rtcp_mux=False),
        )
        yield self._ask(
            commands.ROUTER_CREATE_PIPE_TRANSPORT,
            ROUTER,
            CreatePipeTransportRequest(transport_id="pipe", listen_ip=listen_ip),
        )
        yield self._ask(
            commands.ROUTER_CREATE_DIRECT_TRANSPORT,
            ROUTER,
            CreateDirectTransportRequest(transport_id="direct", max_message_size=262_144, direct=True),
        )
        dumps: dict[str, type] = {
            "webrtc": WebRtcTransportDump,
            "webrtc2": WebRtcTransportDump,
            "plain": PlainTransportDump,
            "pipe": PipeTransportDump,
            "direct": TransportDump,
        }
        connects = {
            "webrtc": ConnectRequest(dtls_parameters=DtlsParameters(fingerprints=[FINGERPRINT], role="client")),
            "webrtc2": ConnectRequest(dtls_parameters=DtlsParameters(fingerprints=[FINGERPRINT], role="server")),
            "plain": ConnectRequest(ip=LOCAL, port=9, rtcp_port=9),
            "pipe": ConnectRequest(ip=LOCAL, port=9),
            "direct": ConnectRequest(),
        }
        for name, kind in dumps.items():
            yield self._ask(commands.TRANSPORT_DUMP, on_transport(name), about=name, shape=kind)
            yield self._ask(commands.TRANSPORT_GET_STATS, on_transport(name), about=name)
            yield self._ask(commands.TRANSPORT_CONNECT, on_transport(name), connects[name], about=name)
        yield self._ask(commands.TRANSPORT_DISCONNECT, on_transport("pipe"), about="pipe")
        yield self._ask(commands.TRANSPORT_CONNECT, on_transport("pipe"), connects["pipe"], about="pipe")
        webrtc = on_transport("webrtc")
        yield self._ask(commands.TRANSPORT_SET_MAX_INCOMING_BITRATE, webrtc, SetBitrateRequest(bitrate=1_000_000))
        yield self._ask(commands.TRANSPORT_SET_MAX_OUTGOING_BITRATE, webrtc, SetBitrateRequest(bitrate=1_000_000))
        yield self._ask(commands.TRANSPORT_SET_MIN_OUTGOING_BITRATE, webrtc, SetBitrateRequest(bitrate=100_000))
        yield self._ask(commands.TRANSPORT_RESTART_ICE, webrtc)
        traces = EnableTraceEventRequest(types=["probation", "bwe"])
        yield self._ask(commands.TRANSPORT_ENABLE_TRACE_EVENT, webrtc, traces)

    def _producers(self) -> Iterator[Outcome]:
        for transport, name, parameters, mapping in (
            ("webrtc", "audio", media.AUDIO, media.AUDIO_MAPPING),
            ("webrtc", "video", media.VIDEO, media.VIDEO_MAPPING),
            ("plain", "simulcast", media.SIMULCAST, media.SIMULCAST_MAPPING),
        ):
            body = ProduceRequest(
                producer_id=name,
                kind="audio" if name == "audio" else "video",
                rtp_parameters=parameters,
                rtp_mapping=mapping,
            )
            yield self._ask(commands.TRANSPORT_PRODUCE, on_transport(transport), body, about=name)
            ids = on_producer(transport, name)
            yield self._ask(commands.PRODUCER_DUMP, ids, about=name)
            yield self._ask(commands.PRODUCER_GET_STATS, ids, about=name)
            yield self._ask(commands.PRODUCER_PAUSE, ids, about=name)
            yield self._ask(commands.PRODUCER_RESUME, ids, about=name)
            every = EnableTraceEventRequest(types=["rtp", "keyframe", "nack", "pli", "fir"])
            yield self._ask(commands.PRODUCER_ENABLE_TRACE_EVENT, ids, every, about=name)

    def _consumers(self) -> Iterator[Outcome]:
        bodies = (
            ConsumeRequest(
                consumer_id="audio-out",
                producer_id="audio",
                kind="audio",
                type="simple",
                rtp_parameters=media.consumer_audio(71111),
                consumable_rtp_encodings=media.CONSUMABLE_AUDIO,
            ),
            ConsumeRequest(
                consumer_id="video-out",
                producer_id="video",
                kind="video",
                type="simple",
                rtp_parameters=media.consumer_video(72222),
                consumable_rtp_encodings=media.CONSUMABLE_VIDEO,
                paused=True,
            ),
            ConsumeRequest(
                consumer_id="simulcast-out",
                producer_id="simulcast",
                kind="video",
                type="simulcast",
                rtp_parameters=media.consumer_video(73333, "L3T3"),
                consumable_rtp_encodings=media.CONSUMABLE_SIMULCAST,
                preferred_layers=ConsumerLayers(spatial_layer=1),
            ),
        )
        for body in bodies:
            name = body.consumer_id
            ids = on_consumer("webrtc2", name, body.producer_id)
            yield self._ask(commands.TRANSPORT_CONSUME, on_transport("webrtc2"), body, about=name)
            yield self._ask(commands.CONSUMER_DUMP, ids, about=name)
            yield self._ask(commands.CONSUMER_GET_STATS, ids, about=name)
            yield self._ask(commands.CONSUMER_PAUSE, ids, about=name)
            yield self._ask(commands.CONSUMER_RESUME, ids, about=name)
            layers = ConsumerLayers(spatial_layer=2, temporal_layer=1)
            yield self._ask(commands.CONSUMER_SET_PREFERRED_LAYERS, ids, layers, about=name)
            yield self._ask(commands.CONSUMER_SET_PRIORITY, ids, SetPriorityRequest(priority=2), about=name)
            yield self._ask(commands.CONSUMER_REQUEST_KEY_FRAME, ids, about=name)
            every = EnableTraceEventRequest(types=["rtp", "keyframe", "nack", "pli", "fir"])
            yield self._ask(commands.CONSUMER_ENABLE_TRACE_EVENT, ids, every, about=name)

    def _observers(self) -> Iterator[Outcome]:
        yield self._ask(
            commands.ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER,
            ROUTER,
            CreateActiveSpeakerObserverRequest(rtp_observer_id="speaker", interval=300),
        )
        yield self._ask(
            commands.ROUTER_CREATE_AUDIO_LEVEL_OBSERVER,
            ROUTER,
            CreateAudioLevelObserverRequest(rtp_observer_id="levels", max_entries=1, threshold=-80, interval=1000),
        )
        for name in ("speaker", "levels"):
            ids = {**ROUTER, "rtpObserverId": name}
            audio = ObservedProducerRequest(producer_id="audio")
            yield self._ask(commands.RTP_OBSERVER_ADD_PRODUCER, ids, audio, about=name)
            yield self._ask(commands.RTP_OBSERVER_PAUSE, ids, about=name)
            yield self._ask(commands.RTP_OBSERVER_RESUME, ids, about=name)
            yield self._ask(commands.RTP_OBSERVER_REMOVE_PRODUCER, ids, audio, about=name)

    def _data(self) -> Iterator[Outcome]:
        direct = on_transport("direct")
        not_sctp = "refused on a direct transport"
        yield self._ask(
            commands.TRANSPORT_PRODUCE_DATA,
            direct,
            ProduceDataRequest(data_producer_id="data", type="direct", label="a"),
        )
        yield self._ask(
            commands.TRANSPORT_CONSUME_DATA,
            direct,
            ConsumeDataRequest(data_consumer_id="data-out", data_producer_id="data", type="direct", label="a"),
        )
        producer = {**direct, "dataProducerId": "data"}
        consumer = {**producer, "dataConsumerId": "data-out"}
        yield self._ask(commands.DATA_PRODUCER_DUMP, producer)
        yield self._ask(commands.DATA_PRODUCER_GET_STATS, producer)
        yield self._ask(commands.DATA_CONSUMER_DUMP, consumer)
        yield self._ask(commands.DATA_CONSUMER_GET_STATS, consumer)
        yield self._ask(commands.DATA_CONSUMER_GET_BUFFERED_AMOUNT, consumer, about=not_sctp, refused=True)
        yield self._ask(
            commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD,
            consumer,
            SetBufferedAmountLowThresholdRequest(threshold=1),
            about=not_sctp,
            refused=True,
        )
        yield self._send_message(producer)
        reply = self._client.payload_request(commands.DATA_CONSUMER_SEND, consumer, DataMessage(ppid=51), b"hi")
        yield self._judge(commands.DATA_CONSUMER_SEND, not_sctp, reply, None, refused=True)

    def _sctp(self) -> Iterator[Outcome]:
        """A message crosses from one pipe transport to another, and on to a direct transport."""
        ports = {}
        for name in ("sctp", "sctp2"):
            body = CreatePipeTransportRequest(
                transport_id=name,
                listen_ip=ListenIp(ip=LOCAL),
                enable_sctp=True,
                num_sctp_streams=NumSctpStreams(os=16, mis=16),
                max_sctp_message_size=262_144,
            )
            reply = self._client.request(commands.ROUTER_CREATE_PIPE_TRANSPORT, ROUTER, body)
            yield self._judge(commands.ROUTER_CREATE_PIPE_TRANSPORT, "with SCTP", reply)
            if isinstance(reply, Refused) or not isinstance(reply.data, dict):
                return
            ports[name] = reply.data["tuple"]["localPort"]
        for name, other in (("sctp", "sctp2"), ("sctp2", "sctp")):
            peer = ConnectRequest(ip=LOCAL, port=ports[other])
            yield self._ask(commands.TRANSPORT_CONNECT, on_transport(name), peer, about=name)
        for name in ports:
            yield self._event("sctpstatechange", name)  # connecting
        for name in ports:
            yield self._event("sctpstatechange", name)  # connected
        stream = SctpStreamParameters(stream_id=3, ordered=True)
        near, far, direct = on_transport("sctp"), on_transport("sctp2"), on_transport("direct")
        producer = ProduceDataRequest(data_producer_id="far", type="sctp", sctp_stream_parameters=stream, label="b")
        yield self._ask(commands.TRANSPORT_PRODUCE_DATA, far, producer, about="SCTP")
        consumer = ConsumeDataRequest(
            data_consumer_id="near", data_producer_id="data", type="sctp", sctp_stream_parameters=stream, label="b"
        )
        yield self._ask(commands.TRANSPORT_CONSUME_DATA, near, consumer, about="SCTP")
        listener = ConsumeDataRequest(data_consumer_id="heard", data_producer_id="far", type="direct")
        yield self._ask(commands.TRANSPORT_CONSUME_DATA, direct, listener, about="of SCTP")
        ids = {**near, "dataProducerId": "data", "dataConsumerId": "near"}
        yield self._ask(commands.DATA_PRODUCER_DUMP, {**far, "dataProducerId": "far"}, about="SCTP")
        yield self._ask(commands.DATA_CONSUMER_DUMP, ids, about="SCTP")
        yield self._ask(commands.DATA_CONSUMER_GET_BUFFERED_AMOUNT, ids, about="SCTP")
        threshold = SetBufferedAmountLowThresholdRequest(threshold=1)
        yield self._ask(commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD, ids, threshold, about="SCTP")
        yield self._event("bufferedamountlow", "near")
        reply = self._client.payload_request(commands.DATA_CONSUMER_SEND, ids, DataMessage(ppid=51), b"hi")
        yield self._judge(commands.DATA_CONSUMER_SEND, "SCTP", reply)
        event, payload = self._client.wait_for_payload_event("message")
        fine = (event.target_id, event.data, payload) == ("heard", {"ppid": 51}, b"hi")
        yield Outcome("event message", "over SCTP", "" if fine else f"{event} {payload!r}")
        for name in ("sctp", "sctp2"):
            yield self._ask(commands.TRANSPORT_DUMP, on_transport(name), about="SCTP", shape=PipeTransportDump)
            yield self._ask(commands.TRANSPORT_GET_STATS, on_transport(name), about="SCTP")
            yield self._ask(
                commands.TRANSPORT_CLOSE, on_transport(name), CloseTransportRequest(transport_id=name), about=name
            )
        yield self._event("dataproducerclose", "heard")

    def _refusals(self) -> Iterator[Outcome]:
        refuse: Callable[..., Outcome] = self._refused
        create = commands.WORKER_CREATE_ROUTER
        yield refuse(create, {}, CreateRouterRequest(router_id="router"), "duplicate id", "Error")
        yield refuse(commands.ROUTER_DUMP, {"routerId": "nobody"}, None, "unknown handler", "Error")
        yield refuse(commands.ROUTER_CLOSE, {}, CloseRouterRequest(router_id="nobody"), "unknown id", "Error")
        wrong = ListenIp(ip="999.1.1.1")
        body = CreateWebRtcTransportRequest(transport_id="wrong", listen_ips=[wrong])
        yield refuse(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT, ROUTER, body, "wrong IP", "TypeError")
        priority = SetPriorityRequest(priority=0)
        ids = on_consumer("webrtc2", "video-out", "video")
        yield refuse(commands.CONSUMER_SET_PRIORITY, ids, priority, "out of range", "TypeError")
        again = ConnectRequest(dtls_parameters=DtlsParameters(fingerprints=[FINGERPRINT]))
        yield refuse(commands.TRANSPORT_CONNECT, on_transport("webrtc"), again, "connected twice", "Error")

    def _closes(self) -> Iterator[Outcome]:
        direct = on_transport("direct")
        producer = {**direct, "dataProducerId": "data"}
        consumer = {**producer, "dataConsumerId": "data-out"}
        yield self._ask(commands.DATA_CONSUMER_CLOSE, consumer, CloseDataConsumerRequest(data_consumer_id="data-out"))
        yield self._ask(commands.DATA_PRODUCER_CLOSE, producer, CloseDataProducerRequest(data_producer_id="data"))
        yield self._ask(
            commands.CONSUMER_CLOSE,
            on_consumer("webrtc2", "audio-out", "audio"),
            CloseConsumerRequest(consumer_id="audio-out"),
        )
        yield self._ask(
            commands.PRODUCER_CLOSE, on_producer("webrtc", "video"), CloseProducerRequest(producer_id="video")
        )
        yield self._event("producerclose", "video-out")
        for name in ("speaker", "levels"):
            ids = {**ROUTER, "rtpObserverId": name}
            body = CloseRtpObserverRequest(rtp_observer_id=name)
            yield self._ask(commands.RTP_OBSERVER_CLOSE, ids, body, about=name)
        for name in ("webrtc", "webrtc2", "plain", "pipe", "direct"):
            yield self._ask(
                commands.TRANSPORT_CLOSE, on_transport(name), CloseTransportRequest(transport_id=name), about=name
            )
        yield self._ask(commands.ROUTER_DUMP, ROUTER, about="empty again", check=_check_empty)
        yield self._ask(commands.ROUTER_CLOSE, ROUTER, CloseRouterRequest(router_id="router"))
        yield self._ask(commands.WEB_RTC_SERVER_CLOSE, SERVER, CloseWebRtcServerRequest(web_rtc_server_id="server"))
        self._client.send_request(commands.WORKER_CLOSE, {})
        code = self._client.wait_for_exit()
        yield Outcome("worker.close", "", "" if code == 0 else f"exit code {code}, expected 0")

    # ------------------------------------------------------------ judging

    def _ask(
        self,
        command: Command[Any, Any],
        internal: dict[str, str],
        body: Any = None,
        about: str = "",
        shape: Any = None,
        check: Callable[[Any], str] | None = None,
        refused: bool = False,
    ) -> Outcome:
        reply = self._client.request(command, internal, body)
        return self._judge(command, about, reply, shape, check, refused)

    def _judge(
        self,
        command: Command[Any, Any],
        about: str,
        reply: Accepted | Refused,
        shape: Any = None,
        check: Callable[[Any], str] | None = None,
        refused: bool = False,
    ) -> Outcome:
        name = command.alias if self._client.dialect is Dialect.V3_12 and command.alias else command.name
        if isinstance(reply, Refused):
            return Outcome(name, about, "" if refused else f"{reply.error}: {reply.reason}")
        if refused:
            return Outcome(name, about, "accepted, expected a refusal")
        kind = shape or command.response
        if reply.data is None:
            absent_is_right = kind is type(None) or command is commands.CONSUMER_SET_PREFERRED_LAYERS
            return Outcome(name, about, "" if absent_is_right or command.name == "transport.connect" else "no data")
        wrong = compare_shape(reply.data, kind)
        return Outcome(name, about, wrong or (check(reply.data) if check else ""))

    def _refused(
        self, command: Command[Any, Any], internal: dict[str, str], body: Any, about: str, error: str
    ) -> Outcome:
        reply = self._client.request(command, internal, body)
        if isinstance(reply, Accepted):
            return Outcome(command.name, about, f"accepted, expected {error}")
        return Outcome(command.name, about, "" if reply.error == error else f"{reply.error}, expected {error}")

    def _send_message(self, producer: dict[str, str]) -> Outcome:
        command = commands.DATA_PRODUCER_SEND
        dump = self._client.request(commands.DATA_PRODUCER_DUMP, producer)
        if isinstance(dump, Refused):
            return Outcome(command.name, "", f"{dump.error}: {dump.reason}")
        self._client.payload_notify(command, producer, DataMessage(ppid=51), b"hello")
        event, payload = self._client.wait_for_payload_event("message")
        fine = event.target_id == "data-out" and event.data == {"ppid": 51} and payload == b"hello"
        return Outcome(command.name, "", "" if fine else f"{event} {payload!r}")

    def _event(self, name: str, target_id: str) -> Outcome:
        self._client.wait_for_event(name, target_id)
        return Outcome(f"event {name}", target_id, "")

    def _check_worker_dump(self, data: dict[str, Any]) -> str:
        if data["pid"] != self._client.pid:
            return f"pid {data['pid']}, expected {self._client.pid}"
        has_handlers = "channelMessageHandlers" in data
        expected = self._client.dialect is Dialect.V3_12
        return "" if has_handlers == expected else "channelMessageHandlers belongs to the 3.12 dialect only"


def _check_empty(data: dict[str, Any]) -> str:
    left = [name for name, value in data.items() if name != "id" and value]
    return f"not empty: {', '.join(left)}" if left else ""
