"""A pipe transport: between two routers, of the same machine or of two."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from miso.controller.entity import check_app_data
from miso.controller.json_form import from_json
from miso.controller.media.consumer import Consumer
from miso.controller.ortc import negotiation
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.transport import Transport
from miso.controller.types import AppData, RtpParameters, SrtpParameters
from miso.worker.channel import commands
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, PipeTransportDump


class PipeTransport(Transport):
    """RTP, RTCP, SRTP or SCTP between two routers.

    Events:
        routerclose(), sctpstatechange(SctpState), trace(Trace): As of every ``Transport``.

    Observer events: those of every ``Transport``.

    Attributes:
        tuple: The local address, and the remote one once it is connected.
        srtp_parameters: The local SRTP keys, others after ``disconnect``; None without SRTP.
    """

    _KIND = "pipeTransport"
    _SHARES_CNAME = False

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        router: RouterView,
        state: PipeTransportDump,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, router=router, state=state, app_data=app_data)
        self.tuple = state.tuple
        self._rtx = state.rtx
        self.srtp_parameters = state.srtp_parameters

    async def connect(
        self, *, ip: str, port: int, srtp_parameters: SrtpParameters | Mapping[str, object] | None = None
    ) -> None:
        """Tells the other pipe transport's address and SRTP keys (with SRTP).

        Raises:
            TypeError: Something is missing, malformed or does not fit the transport.
            RequestError: It was told before, and there was no ``disconnect`` since.
        """
        keys = None if srtp_parameters is None else from_json(SrtpParameters, srtp_parameters)
        body = ConnectRequest(ip=ip, port=port, srtp_parameters=keys)
        answer = await self._request(commands.TRANSPORT_CONNECT, body)
        self.tuple = answer.tuple or self.tuple

    async def disconnect(self) -> None:
        """Forgets the other pipe transport, which is gone, so that ``connect`` can tell of another one.

        Its consumers, producers, data consumers and data producers live on. Its SRTP key is a new one, which the other
        side has to know; data messages that waited are lost.

        Raises:
            RequestError: The worker is not Miso's: close the transport and make another one.
        """
        answer = await self._request(commands.TRANSPORT_DISCONNECT)
        self.tuple = answer.tuple or self.tuple
        self.srtp_parameters = answer.srtp_parameters

    async def consume(  # type: ignore[override]  # the other router takes what this one has: there is nothing to choose
        self,
        *,
        producer_id: str,
        ssrcs_of: RtpParameters | Mapping[str, object] | None = None,
        app_data: AppData | None = None,
    ) -> Consumer:
        """Sends all streams of a producer to the other router.

        Args:
            producer_id: The producer.
            ssrcs_of: The RTP parameters of an earlier consumer of it, which is gone: the SSRCs are the same again, so
                that the copy that was made with them goes on. Random ones if not given.
            app_data: The application's own data.

        Raises:
            TypeError: The earlier parameters are malformed, or not of this producer.
            NotFoundError: The router has no such producer.
        """
        app_data = check_app_data(app_data)
        producer = self._router_producer(producer_id)
        consumable = producer.consumable_rtp_parameters
        params = negotiation.get_pipe_consumer_rtp_parameters(consumable=consumable, enable_rtx=self._rtx)
        if ssrcs_of is not None:
            params = negotiation.with_ssrcs_of(from_json(RtpParameters, ssrcs_of), params)
        body = ConsumeRequest(
            consumer_id=str(uuid.uuid4()),
            producer_id=producer_id,
            kind=producer.kind,
            rtp_parameters=params,
            type="pipe",
            consumable_rtp_encodings=consumable.encodings,
        )
        return await self._consume(body, app_data)
