"""What all transports share: producing, consuming, bitrates, statistics, one end."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Literal

from msgspec.structs import replace

from miso.controller.data.data_consumer import DataConsumer
from miso.controller.data.data_producer import DataProducer
from miso.controller.entity import Entity, check_app_data, keep_until_end
from miso.controller.json_form import from_json
from miso.controller.media.consumer import Consumer
from miso.controller.media.producer import Producer
from miso.controller.ortc import negotiation
from miso.controller.ortc.validation import (
    validate_rtp_capabilities,
    validate_rtp_parameters,
    validate_sctp_stream_parameters,
)
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.sctp_stream_ids import SctpStreamIds
from miso.controller.types import (
    AppData,
    ConsumerLayers,
    MediaKind,
    RtcpParameters,
    RtpCapabilities,
    RtpEncodingParameters,
    RtpParameters,
    SctpParameters,
    SctpStreamParameters,
    TransportDump,
    TransportStats,
)
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import DataType
from miso.worker.channel.bodies.transport import (
    ConsumeDataRequest,
    ConsumeRequest,
    EnableTraceEventRequest,
    ProduceDataRequest,
    ProduceRequest,
    SetBitrateRequest,
)
from miso.worker.channel.events import SctpStateChange

_logger = logging.getLogger(__name__)

TransportTraceEventType = Literal["probation", "bwe"]
"""What a transport can be traced for."""

# MIDs count up to here, so that none has more than 8 digits: workers write no longer one into packets.
_MID_COUNT = 100_000_000


class Transport(Entity):
    """The base of the four kinds of transport.

    Events:
        routerclose(): Its router closed, and it with it.
        listenserverclose(): The WebRTC server it uses closed, and it with it.
        sctpstatechange(SctpState): new, connecting, connected, failed, closed.
        trace(Trace): What ``enable_trace_event`` asked for.

    Observer events: close, newproducer(Producer), newconsumer(Consumer), newdataproducer(DataProducer),
    newdataconsumer(DataConsumer), sctpstatechange, trace.

    Attributes:
        sctp_parameters: The local SCTP parameters; None without SCTP, and on a direct transport.
        sctp_state: new, connecting, connected, failed, closed; None without SCTP.
    """

    _CLOSE = commands.TRANSPORT_CLOSE

    _SHARES_CNAME = True
    """Whether its producers are of one endpoint, and not of many as on a pipe."""
    _DATA_TYPE: DataType = "sctp"
    """How data messages come and go."""

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        router: RouterView,
        state: TransportDump,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self._router = router
        self.sctp_parameters: Final = SctpParameters.of_dump(state.sctp_parameters)
        self.sctp_state = state.sctp_state
        self._sctp_stream_ids = SctpStreamIds(self.sctp_parameters.mis) if self.sctp_parameters else None
        self._producers: dict[str, Producer] = {}
        self._consumers: dict[str, Consumer] = {}
        self._data_producers: dict[str, DataProducer] = {}
        self._data_consumers: dict[str, DataConsumer] = {}
        self._cname: str | None = None
        """Of all its producers, once there is one."""
        self._next_mid = 0
        """Of the next consumer whose MID nobody chooses."""

    async def dump(self) -> TransportDump:
        """The worker's view of it."""
        return await self._request(commands.TRANSPORT_DUMP)

    async def get_stats(self) -> list[TransportStats]:
        """Its statistics, one entry."""
        return await self._request(commands.TRANSPORT_GET_STATS)

    async def set_max_incoming_bitrate(self, bitrate: int) -> None:
        """Lets the remote side send at most so many bit/s (by REMB or transport-cc); 0 for no limit."""
        await self._request(commands.TRANSPORT_SET_MAX_INCOMING_BITRATE, SetBitrateRequest(bitrate=bitrate))

    async def set_max_outgoing_bitrate(self, bitrate: int) -> None:
        """Sends at most so many bit/s; 0 for no limit."""
        await self._request(commands.TRANSPORT_SET_MAX_OUTGOING_BITRATE, SetBitrateRequest(bitrate=bitrate))

    async def set_min_outgoing_bitrate(self, bitrate: int) -> None:
        """Never estimates the outgoing bandwidth below so many bit/s; 0 for no limit.

        Raises:
            RequestError: The worker does not know it (before mediasoup 3.11.17).
        """
        await self._request(commands.TRANSPORT_SET_MIN_OUTGOING_BITRATE, SetBitrateRequest(bitrate=bitrate))

    async def enable_trace_event(self, types: Iterable[TransportTraceEventType] = ()) -> None:
        """Chooses the kinds of ``trace`` events; none turns them off."""
        await self._request(commands.TRANSPORT_ENABLE_TRACE_EVENT, EnableTraceEventRequest(types=list(types)))

    async def produce(
        self,
        *,
        kind: MediaKind,
        rtp_parameters: RtpParameters | Mapping[str, object],
        id: str | None = None,
        paused: bool = False,
        key_frame_request_delay: int = 0,
        app_data: AppData | None = None,
    ) -> Producer:
        """Takes a media source in.

        Args:
            kind: Audio or video.
            rtp_parameters: What the remote side sends, as struct or in its JSON form.
            id: The producer's id; a new UUID if not given.
            paused: Start it paused.
            key_frame_request_delay: At least so many ms between two key frame requests to the remote side.
            app_data: The application's own data.

        Raises:
            TypeError: The parameters are malformed or contradict others of the transport, or the id is taken.
            UnsupportedError: The router does not have such codecs.
        """
        if id is not None and id in self._producers:
            raise TypeError(f'a Producer with same id "{id}" already exists')
        if kind not in ("audio", "video"):
            raise TypeError(f'invalid kind "{kind}"')
        app_data = check_app_data(app_data)
        capabilities = self._router.rtp_capabilities
        params = negotiation.match_producer_codecs(
            self._with_cname(validate_rtp_parameters(rtp_parameters)), capabilities
        )
        mapping = negotiation.get_producer_rtp_parameters_mapping(params, capabilities)
        consumable = negotiation.get_consumable_rtp_parameters(kind, params, capabilities, mapping)
        producer_id = id or str(uuid.uuid4())
        path = {**self._path, "producerId": producer_id}
        body = ProduceRequest(
            producer_id=producer_id,
            kind=kind,
            rtp_parameters=params,
            rtp_mapping=mapping,
            key_frame_request_delay=key_frame_request_delay,
            paused=paused,
        )
        status = await self._request(commands.TRANSPORT_PRODUCE, body)
        self._check_open()
        producer = Producer(self._channel, path, body, status.type, consumable, app_data)
        keep_until_end(producer, self._producers, self._router.producers)
        self.observer.emit("newproducer", producer)
        return producer

    async def consume(
        self,
        *,
        producer_id: str,
        rtp_capabilities: RtpCapabilities | Mapping[str, object],
        paused: bool = False,
        mid: str | None = None,
        preferred_layers: ConsumerLayers | Mapping[str, object] | None = None,
        ignore_dtx: bool = False,
        enable_rtx: bool | None = None,
        pipe: bool = False,
        ssrcs_of: RtpParameters | Mapping[str, object] | None = None,
        app_data: AppData | None = None,
    ) -> Consumer:
        """Sends a producer of the router to the remote side.

        Args:
            producer_id: The producer.
            rtp_capabilities: What the remote side can receive, as struct or in its JSON form.
            paused: Start it paused: recommended for video, to be resumed when the remote side is ready for it.
            mid: The MID to send; 0, 1, 2 … in this order if not given.
            preferred_layers: The layers to send at most (simulcast and svc); the highest if not given.
            ignore_dtx: Drop the packets by which a silent Opus sender keeps its stream alive.
            enable_rtx: Retransmit what was lost; by default for video and not for audio.
            pipe: Send all streams of the producer as they are.
            ssrcs_of: The RTP parameters of an earlier consumer of it, which is gone: the SSRCs are the same again.
                Random ones if not given. Not with SRTP, whose keys are for one stream of an SSRC only (RFC 3711 section
                9.1).
            app_data: The application's own data.

        Raises:
            TypeError: The capabilities, layers or earlier parameters are malformed, those are not of this producer, or
                the transport has SRTP.
            NotFoundError: The router has no such producer.
            UnsupportedError: The remote side has none of the producer's codecs.
        """
        if mid is not None and (not isinstance(mid, str) or not mid):
            raise TypeError("if given, mid must be non empty string")
        app_data = check_app_data(app_data)
        capabilities = validate_rtp_capabilities(rtp_capabilities)
        producer = self._router_producer(producer_id)
        params = negotiation.get_consumer_rtp_parameters(
            consumable=producer.consumable_rtp_parameters,
            remote_capabilities=capabilities,
            pipe=pipe,
            enable_rtx=producer.kind == "video" if enable_rtx is None else enable_rtx,
        )
        if ssrcs_of is not None:
            if self._is_encrypted:
                raise TypeError("ssrcs_of cannot be given on a transport with SRTP")
            params = negotiation.with_ssrcs_of(from_json(RtpParameters, ssrcs_of), params)
        layers = None if preferred_layers is None else from_json(ConsumerLayers, preferred_layers)
        if not pipe:
            params = replace(params, mid=mid or self._take_mid())
        body = ConsumeRequest(
            consumer_id=str(uuid.uuid4()),
            producer_id=producer_id,
            kind=producer.kind,
            rtp_parameters=params,
            type="pipe" if pipe else producer.type,
            consumable_rtp_encodings=producer.consumable_rtp_parameters.encodings,
            paused=paused,
            preferred_layers=layers,
            ignore_dtx=ignore_dtx,
        )
        return await self._consume(body, app_data)

    async def produce_data(
        self,
        *,
        id: str | None = None,
        sctp_stream_parameters: SctpStreamParameters | Mapping[str, object] | None = None,
        label: str = "",
        protocol: str = "",
        app_data: AppData | None = None,
    ) -> DataProducer:
        """Takes a source of data messages in.

        Args:
            id: The data producer's id; a new UUID if not given.
            sctp_stream_parameters: The stream they come on, as struct or in its JSON form; required unless direct.
            label: The data channel's label.
            protocol: The data channel's sub-protocol.
            app_data: The application's own data.

        Raises:
            TypeError: The parameters are malformed or contradict others of the transport, or the id is taken.
        """
        if id is not None and id in self._data_producers:
            raise TypeError(f'a DataProducer with same id "{id}" already exists')
        app_data = check_app_data(app_data)
        params: SctpStreamParameters | None = None
        if self._DATA_TYPE == "sctp":
            params = validate_sctp_stream_parameters(sctp_stream_parameters)
        elif sctp_stream_parameters is not None:
            _logger.warning("transport=%s is direct and has no SCTP stream: parameters ignored", self.id)
        data_producer_id = id or str(uuid.uuid4())
        path = {**self._path, "dataProducerId": data_producer_id}
        body = ProduceDataRequest(
            data_producer_id=data_producer_id,
            type=self._DATA_TYPE,
            sctp_stream_parameters=params,
            label=label,
            protocol=protocol,
        )
        await self._request(commands.TRANSPORT_PRODUCE_DATA, body)
        self._check_open()
        data_producer = DataProducer(self._channel, path, body, app_data)
        keep_until_end(data_producer, self._data_producers, self._router.data_producers)
        self.observer.emit("newdataproducer", data_producer)
        return data_producer

    async def consume_data(
        self,
        *,
        data_producer_id: str,
        ordered: bool | None = None,
        max_packet_life_time: int | None = None,
        max_retransmits: int | None = None,
        stream_id: int | None = None,
        app_data: AppData | None = None,
    ) -> DataConsumer:
        """Sends a data producer of the router to the remote side.

        What is not given of the three that say how reliable the stream is, is as the data producer has it.

        Args:
            data_producer_id: The data producer.
            ordered: Deliver messages in order.
            max_packet_life_time: Give a message up after so many ms.
            max_retransmits: Give a message up after so many retransmissions.
            stream_id: The SCTP stream; a free one if not given.
            app_data: The application's own data.

        Raises:
            TypeError: The transport has no SCTP.
            NotFoundError: The router has no such data producer.
            UnsupportedError: The SCTP stream, or every one of the transport, is in use.
        """
        if not data_producer_id or not isinstance(data_producer_id, str):
            raise TypeError("missing data_producer_id")
        app_data = check_app_data(app_data)
        data_producer = self._router.data_producer(data_producer_id)
        given = {"ordered": ordered, "max_packet_life_time": max_packet_life_time, "max_retransmits": max_retransmits}
        given = {name: value for name, value in given.items() if value is not None}
        params: SctpStreamParameters | None = None
        if self._DATA_TYPE == "sctp":
            # A direct data producer says nothing: what is partially reliable is not ordered then, everything else is.
            source = data_producer.sctp_stream_parameters or SctpStreamParameters(
                stream_id=0, ordered=max_packet_life_time is None and max_retransmits is None
            )
            params = replace(source, stream_id=self._take_sctp_stream_id(stream_id), **given)
        elif given or stream_id is not None:
            _logger.warning("transport=%s is direct and has no SCTP stream: parameters ignored", self.id)
        data_consumer_id = str(uuid.uuid4())
        body = ConsumeDataRequest(
            data_consumer_id=data_consumer_id,
            data_producer_id=data_producer_id,
            type=self._DATA_TYPE,
            sctp_stream_parameters=params,
            label=data_producer.label,
            protocol=data_producer.protocol,
        )
        try:
            await self._request(commands.TRANSPORT_CONSUME_DATA, body)
            self._check_open()
        except BaseException:
            self._free_sctp_stream_id(params)
            raise
        path = {**self._path, "dataConsumerId": data_consumer_id}
        data_consumer = DataConsumer(self._channel, path, body, app_data)
        keep_until_end(data_consumer, self._data_consumers)
        data_consumer.at_end(lambda: self._free_sctp_stream_id(params))
        self.observer.emit("newdataconsumer", data_consumer)
        return data_consumer

    @property
    def _is_encrypted(self) -> bool:
        """Whether it has SRTP."""
        return False

    async def _consume(self, body: ConsumeRequest, app_data: AppData) -> Consumer:
        state = await self._request(commands.TRANSPORT_CONSUME, body)
        self._check_open()
        path = {**self._path, "consumerId": body.consumer_id}
        consumer = Consumer(self._channel, path, body, state, app_data)
        keep_until_end(consumer, self._consumers)
        self.observer.emit("newconsumer", consumer)
        return consumer

    def _router_producer(self, producer_id: str) -> Producer:
        if not producer_id or not isinstance(producer_id, str):
            raise TypeError("missing producer_id")
        return self._router.producer(producer_id)

    def _with_cname(self, params: RtpParameters) -> RtpParameters:
        """All producers of a remote endpoint have one CNAME: the first one it gives (RFC 8834 section 4.9)."""
        encodings = params.encodings or [RtpEncodingParameters()]
        rtcp = params.rtcp or RtcpParameters()
        if self._SHARES_CNAME:
            self._cname = self._cname or rtcp.cname or str(uuid.uuid4())[:8]
            rtcp = replace(rtcp, cname=self._cname)
        return replace(params, encodings=encodings, rtcp=rtcp)

    def _take_mid(self) -> str:
        mid = self._next_mid
        self._next_mid = (mid + 1) % _MID_COUNT
        return str(mid)

    def _take_sctp_stream_id(self, wanted: int | None) -> int:
        if self._sctp_stream_ids is None:
            raise TypeError("missing sctp_parameters.mis: the transport was created without SCTP")
        return self._sctp_stream_ids.take(wanted)

    def _free_sctp_stream_id(self, params: SctpStreamParameters | None) -> None:
        if self._sctp_stream_ids is not None and params is not None:
            self._sctp_stream_ids.free(params.stream_id)

    def _end_children(self) -> None:
        if self.sctp_state is not None:
            self.sctp_state = "closed"
        children: tuple[Producer | Consumer | DataProducer | DataConsumer, ...] = (
            *self._producers.values(),
            *self._consumers.values(),
            *self._data_producers.values(),
            *self._data_consumers.values(),
        )
        for child in children:
            child.closed_by("transportclose")

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {"trace": partial(self._tell, "trace"), "sctpstatechange": self._on_sctp_state_change}

    def _on_sctp_state_change(self, event: SctpStateChange) -> None:
        self.sctp_state = event.sctp_state
        self._tell("sctpstatechange", event.sctp_state)
