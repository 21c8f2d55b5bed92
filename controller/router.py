"""A router: where producers and consumers meet."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeVar

from msgspec import structs

from miso.controller.data.data_producer import DataProducer
from miso.controller.entity import Entity, check_app_data, keep_until_end
from miso.controller.errors import InvalidStateError
from miso.controller.json_form import from_json
from miso.controller.media.producer import Producer
from miso.controller.observers.active_speaker_observer import ActiveSpeakerObserver
from miso.controller.observers.audio_level_observer import AudioLevelObserver
from miso.controller.observers.rtp_observer import RtpObserver
from miso.controller.ortc import negotiation
from miso.controller.ortc.validation import validate_num_sctp_streams
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.direct_transport import DirectTransport
from miso.controller.transports.pipe_pairs import PipePairs
from miso.controller.transports.pipe_transport import PipeTransport
from miso.controller.transports.piping import PipeToRouterResult, pipe_data_producer, pipe_producer
from miso.controller.transports.plain_transport import PlainTransport
from miso.controller.transports.transport import Transport
from miso.controller.transports.web_rtc_transport import WebRtcTransport
from miso.controller.types import AppData, ListenIp, NumSctpStreams, RouterDump, RtpCapabilities, SrtpCryptoSuite
from miso.controller.web_rtc_server import WebRtcServer
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import (
    CreateActiveSpeakerObserverRequest,
    CreateAudioLevelObserverRequest,
    CreateDirectTransportRequest,
    CreatePipeTransportRequest,
    CreatePlainTransportRequest,
    CreateTransportRequest,
    CreateWebRtcTransportRequest,
    CreateWebRtcTransportWithServerRequest,
    WebRtcTransportOptions,
)
from miso.worker.channel.commands import Command

_logger = logging.getLogger(__name__)

TransportT = TypeVar("TransportT", bound=Transport)
RequestT = TypeVar("RequestT", bound=CreateTransportRequest | CreateDirectTransportRequest)

ListenIpLike = str | ListenIp | Mapping[str, object]
"""An IP address to bind; or it and the one to announce, as struct or ``{"ip": …, "announcedIp": …}``."""

NumSctpStreamsLike = NumSctpStreams | Mapping[str, int]
"""Numbers of SCTP streams, as struct or ``{"OS": …, "MIS": …}``."""

_NUM_SCTP_STREAMS = NumSctpStreams(os=1024, mis=1024)


class Router(Entity):
    """Where producers and consumers meet. Made by ``Worker.create_router``.

    Events:
        workerclose(): Its worker closed or died, and it with it.

    Observer events: close, newtransport(Transport), newrtpobserver(RtpObserver).

    Attributes:
        rtp_capabilities: What producers may send to it: the basis of what endpoints negotiate.
    """

    _KIND = "router"
    _CLOSE = commands.ROUTER_CLOSE

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        rtp_capabilities: RtpCapabilities,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self.rtp_capabilities: Final = rtp_capabilities
        self._view = RouterView(rtp_capabilities, {}, {})
        self._transports: dict[str, Transport] = {}
        self._rtp_observers: dict[str, RtpObserver] = {}
        self._pipes = PipePairs(self.id)

    def producer(self, producer_id: str) -> Producer | None:
        """The producer with that id."""
        return self._view.producers.get(producer_id)

    def data_producer(self, data_producer_id: str) -> DataProducer | None:
        """The data producer with that id."""
        return self._view.data_producers.get(data_producer_id)

    async def dump(self) -> RouterDump:
        """The worker's view of it."""
        return await self._request(commands.ROUTER_DUMP)

    def can_consume(self, *, producer_id: str, rtp_capabilities: object) -> bool:
        """Whether an endpoint with these capabilities can consume a producer; never raises.

        Args:
            producer_id: The producer.
            rtp_capabilities: What the endpoint can receive, as struct or in its JSON form.
        """
        producer = self.producer(producer_id)
        if producer is None:
            _logger.error("can_consume(): Producer with id %r not found", producer_id)
            return False
        try:
            return negotiation.can_consume(producer.consumable_rtp_parameters, rtp_capabilities)
        except TypeError as error:
            _logger.error("can_consume(): %s", error)
            return False

    async def create_web_rtc_transport(
        self,
        *,
        web_rtc_server: WebRtcServer | None = None,
        listen_ips: Iterable[ListenIpLike] | None = None,
        port: int | None = None,
        enable_udp: bool = True,
        enable_tcp: bool = False,
        prefer_udp: bool = False,
        prefer_tcp: bool = False,
        initial_available_outgoing_bitrate: int = 600_000,
        enable_sctp: bool = False,
        num_sctp_streams: NumSctpStreamsLike = _NUM_SCTP_STREAMS,
        max_sctp_message_size: int = 262_144,
        sctp_send_buffer_size: int = 262_144,
        ice_consent_timeout: int = 30,
        app_data: AppData | None = None,
    ) -> WebRtcTransport:
        """Creates a transport to a browser or another WebRTC endpoint.

        Args:
            web_rtc_server: Use its ports; or else
            listen_ips: Bind ports of its own on these addresses, in the order of preference.
            port: The port to bind; one of the worker's range if not given.
            enable_udp: Offer UDP candidates.
            enable_tcp: Offer TCP candidates.
            prefer_udp: Give UDP candidates the higher priority.
            prefer_tcp: Give TCP candidates the higher priority.
            initial_available_outgoing_bitrate: What the bandwidth estimation starts from, in bit/s.
            enable_sctp: With data channels.
            num_sctp_streams: How many SCTP streams at first (OS), and at most (MIS).
            max_sctp_message_size: Of received messages, in bytes.
            sctp_send_buffer_size: Bytes.
            ice_consent_timeout: Seconds without a STUN check until the endpoint counts as gone (RFC 7675); 0: never.
            app_data: The application's own data.

        Raises:
            TypeError: Neither a server nor addresses are given, or an option is wrong.
            InvalidStateError: The router is closed, or it or the server closes meanwhile.
            RequestError: A port is taken, or an address is not of this machine.
        """
        if web_rtc_server is None and (listen_ips is None or isinstance(listen_ips, str)):
            raise TypeError("missing web_rtc_server and listen_ips (one of them is mandatory)")
        app_data = check_app_data(app_data)
        transport_id = str(uuid.uuid4())
        options = structs.asdict(
            WebRtcTransportOptions(
                transport_id=transport_id,
                enable_udp=enable_udp,
                enable_tcp=enable_tcp,
                prefer_udp=prefer_udp,
                prefer_tcp=prefer_tcp,
                initial_available_outgoing_bitrate=initial_available_outgoing_bitrate,
                enable_sctp=enable_sctp,
                num_sctp_streams=validate_num_sctp_streams(num_sctp_streams),
                max_sctp_message_size=max_sctp_message_size,
                sctp_send_buffer_size=sctp_send_buffer_size,
                is_data_channel=True,
                ice_consent_timeout=ice_consent_timeout,
            )
        )
        if web_rtc_server is not None:
            state = await self._request(
                commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER,
                CreateWebRtcTransportWithServerRequest(web_rtc_server_id=web_rtc_server.id, **options),
            )
        else:
            addresses = [_listen_ip(listen_ip) for listen_ip in listen_ips or ()]
            state = await self._request(
                commands.ROUTER_CREATE_WEB_RTC_TRANSPORT,
                CreateWebRtcTransportRequest(listen_ips=addresses, port=port, **options),
            )
        path = self._path_to(transport_id)
        transport = WebRtcTransport(self._channel, path, router=self._view, state=state, app_data=app_data)
        self._enter(transport, self._transports, "newtransport")
        if web_rtc_server is not None:
            if web_rtc_server.closed:  # and in the worker the transport with it
                transport.closed_by("listenserverclose")
                raise InvalidStateError("WebRtcServer closed")
            web_rtc_server.handle_web_rtc_transport(transport)
        return transport

    async def create_plain_transport(
        self,
        *,
        listen_ip: ListenIpLike,
        port: int | None = None,
        rtcp_mux: bool = True,
        comedia: bool = False,
        enable_sctp: bool = False,
        num_sctp_streams: NumSctpStreamsLike = _NUM_SCTP_STREAMS,
        max_sctp_message_size: int = 262_144,
        sctp_send_buffer_size: int = 262_144,
        enable_srtp: bool = False,
        srtp_crypto_suite: SrtpCryptoSuite = "AES_CM_128_HMAC_SHA1_80",
        app_data: AppData | None = None,
    ) -> PlainTransport:
        """Creates a transport for plain RTP, or SRTP with keys that the application exchanges.

        Args:
            listen_ip: The address to bind.
            port: The port to bind; one of the worker's range if not given.
            rtcp_mux: RTP and RTCP on one port (RFC 5761).
            comedia: Learn the remote address from the first packet.
            enable_sctp: With data channels.
            num_sctp_streams: How many SCTP streams at first (OS), and at most (MIS).
            max_sctp_message_size: Of received messages, in bytes.
            sctp_send_buffer_size: Bytes.
            enable_srtp: Encrypt.
            srtp_crypto_suite: How.
            app_data: The application's own data.

        Raises:
            TypeError: An option is wrong.
            RequestError: The port is taken, or the address is not of this machine.
        """
        app_data = check_app_data(app_data)
        transport_id = str(uuid.uuid4())
        body = CreatePlainTransportRequest(
            transport_id=transport_id,
            listen_ip=_listen_ip(listen_ip),
            port=port,
            rtcp_mux=rtcp_mux,
            comedia=comedia,
            enable_sctp=enable_sctp,
            num_sctp_streams=validate_num_sctp_streams(num_sctp_streams),
            max_sctp_message_size=max_sctp_message_size,
            sctp_send_buffer_size=sctp_send_buffer_size,
            is_data_channel=False,
            enable_srtp=enable_srtp,
            srtp_crypto_suite=srtp_crypto_suite,
        )
        return await self._create(PlainTransport, commands.ROUTER_CREATE_PLAIN_TRANSPORT, body, app_data)

    async def create_pipe_transport(
        self,
        *,
        listen_ip: ListenIpLike,
        port: int | None = None,
        enable_sctp: bool = False,
        num_sctp_streams: NumSctpStreamsLike = _NUM_SCTP_STREAMS,
        max_sctp_message_size: int = 268_435_456,
        sctp_send_buffer_size: int = 268_435_456,
        enable_rtx: bool = False,
        enable_srtp: bool = False,
        app_data: AppData | None = None,
    ) -> PipeTransport:
        """Creates a transport to another router.

        Args:
            listen_ip: The address to bind.
            port: The port to bind; one of the worker's range if not given.
            enable_sctp: With data messages.
            num_sctp_streams: How many SCTP streams at first (OS), and at most (MIS).
            max_sctp_message_size: Of received messages, in bytes.
            sctp_send_buffer_size: Bytes.
            enable_rtx: Retransmit what is lost on the way.
            enable_srtp: Encrypt.
            app_data: The application's own data.

        Raises:
            TypeError: An option is wrong.
            RequestError: The port is taken, or the address is not of this machine.
        """
        app_data = check_app_data(app_data)
        transport_id = str(uuid.uuid4())
        body = CreatePipeTransportRequest(
            transport_id=transport_id,
            listen_ip=_listen_ip(listen_ip),
            port=port,
            enable_sctp=enable_sctp,
            num_sctp_streams=validate_num_sctp_streams(num_sctp_streams),
            max_sctp_message_size=max_sctp_message_size,
            sctp_send_buffer_size=sctp_send_buffer_size,
            is_data_channel=False,
            enable_rtx=enable_rtx,
            enable_srtp=enable_srtp,
        )
        return await self._create(PipeTransport, commands.ROUTER_CREATE_PIPE_TRANSPORT, body, app_data)

    async def create_direct_transport(
        self, *, max_message_size: int = 262_144, app_data: AppData | None = None
    ) -> DirectTransport:
        """Creates a transport to the application itself.

        Args:
            max_message_size: Of data messages, in bytes.
            app_data: The application's own data.
        """
        app_data = check_app_data(app_data)
        transport_id = str(uuid.uuid4())
        body = CreateDirectTransportRequest(transport_id=transport_id, max_message_size=max_message_size, direct=True)
        return await self._create(DirectTransport, commands.ROUTER_CREATE_DIRECT_TRANSPORT, body, app_data)

    async def pipe_to_router(
        self,
        *,
        router: Router,
        producer_id: str | None = None,
        data_producer_id: str | None = None,
        listen_ip: ListenIpLike = "127.0.0.1",
        enable_sctp: bool = True,
        num_sctp_streams: NumSctpStreamsLike = _NUM_SCTP_STREAMS,
        enable_rtx: bool = False,
        enable_srtp: bool = False,
    ) -> PipeToRouterResult:
        """Makes a producer or data producer of this router known in another one, which must be of another worker.

        All of them share one pair of pipe transports, made by the first call, in either direction, with its options.

        Args:
            router: The other router.
            producer_id: What to pipe, or
            data_producer_id: What to pipe. It keeps its id.
            listen_ip: Where the pipe transports listen.
            enable_sctp: With data messages.
            num_sctp_streams: How many SCTP streams at first (OS), and at most (MIS).
            enable_rtx: Retransmit what is lost on the way.
            enable_srtp: Encrypt.

        Raises:
            TypeError: Not exactly one id is given, or it is not known here, or the router is this one.
            InvalidStateError: The producer was closed meanwhile.
            RequestError: The worker refuses it.
        """
        if not producer_id and not data_producer_id:
            raise TypeError("missing producer_id or data_producer_id")
        if producer_id and data_producer_id:
            raise TypeError("just producer_id or data_producer_id can be given")
        if not router:
            raise TypeError("Router not found")
        if router is self:
            raise TypeError("cannot use this Router as destination")
        producer = self.producer(producer_id) if producer_id else None
        data_producer = self.data_producer(data_producer_id) if data_producer_id else None
        if producer is None and data_producer is None:
            raise TypeError("Producer not found" if producer_id else "DataProducer not found")

        def create(end: Router) -> Coroutine[Any, Any, PipeTransport]:
            return end.create_pipe_transport(
                listen_ip=listen_ip,
                enable_sctp=enable_sctp,
                num_sctp_streams=num_sctp_streams,
                enable_rtx=enable_rtx,
                enable_srtp=enable_srtp,
            )

        here, there = await self._pipes.join(router._pipes, lambda: create(self), lambda: create(router))
        if producer is not None:
            return await pipe_producer(producer, here, there)
        assert data_producer is not None
        return await pipe_data_producer(data_producer, here, there)

    async def create_active_speaker_observer(
        self, *, interval: int = 300, app_data: AppData | None = None
    ) -> ActiveSpeakerObserver:
        """Creates an observer of who leads the conversation.

        Args:
            interval: How often it looks, in ms.
            app_data: The application's own data.
        """
        app_data = check_app_data(app_data)
        observer_id = str(uuid.uuid4())
        body = CreateActiveSpeakerObserverRequest(rtp_observer_id=observer_id, interval=interval)
        await self._request(commands.ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER, body)
        path = {**self._path, "rtpObserverId": observer_id}
        observer = ActiveSpeakerObserver(self._channel, path, router=self._view, app_data=app_data)
        self._enter(observer, self._rtp_observers, "newrtpobserver")
        return observer

    async def create_audio_level_observer(
        self, *, max_entries: int = 1, threshold: int = -80, interval: int = 1000, app_data: AppData | None = None
    ) -> AudioLevelObserver:
        """Creates an observer of who is loud.

        Args:
            max_entries: How many producers it names at most.
            threshold: From which loudness on, in dBvo, -127 to 0.
            interval: How often it tells, in ms.
            app_data: The application's own data.

        Raises:
            TypeError: An option is wrong.
        """
        app_data = check_app_data(app_data)
        observer_id = str(uuid.uuid4())
        body = CreateAudioLevelObserverRequest(
            rtp_observer_id=observer_id, max_entries=max_entries, threshold=threshold, interval=interval
        )
        await self._request(commands.ROUTER_CREATE_AUDIO_LEVEL_OBSERVER, body)
        path = {**self._path, "rtpObserverId": observer_id}
        observer = AudioLevelObserver(self._channel, path, router=self._view, app_data=app_data)
        self._enter(observer, self._rtp_observers, "newrtpobserver")
        return observer

    def _path_to(self, transport_id: str) -> dict[str, str]:
        return {**self._path, "transportId": transport_id}

    async def _create(
        self,
        kind: Callable[..., TransportT],
        command: Command[RequestT, Any],
        body: RequestT,
        app_data: AppData,
    ) -> TransportT:
        state = await self._request(command, body)
        path = self._path_to(body.transport_id)
        transport = kind(self._channel, path, router=self._view, state=state, app_data=app_data)
        self._enter(transport, self._transports, "newtransport")
        return transport

    def _enter(self, child: Transport | RtpObserver, siblings: dict[str, Any], event: str) -> None:
        if self.closed:
            child.closed_by("routerclose")
        self._check_open()
        keep_until_end(child, siblings)
        self.observer.emit(event, child)

    def _end_children(self) -> None:
        for transport in list(self._transports.values()):
            transport.closed_by("routerclose")
        for observer in list(self._rtp_observers.values()):
            observer.closed_by("routerclose")


def _listen_ip(value: object) -> ListenIp:
    if not value:
        raise TypeError("missing listen_ip")
    if isinstance(value, str):
        return ListenIp(ip=value)
    if isinstance(value, Mapping | ListenIp):
        return from_json(ListenIp, value)
    raise TypeError("wrong listen_ip")
