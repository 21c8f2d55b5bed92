"""A pipe transport: between two routers, of the same machine or of two."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from miso.controller.entity import check_app_data
from miso.controller.json_form import from_json
from miso.controller.media.consumer import Consumer
from miso.controller.ortc import negotiation
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.transport import Transport
from miso.controller.types import AppData, SrtpParameters
from miso.worker.channel import commands
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, PipeTransportDump


class PipeTransport(Transport):
    """RTP, RTCP, SRTP or SCTP between two routers.

    Events:
        routerclose(), sctpstatechange(SctpState), trace(Trace): As of every ``Transport``.

    Observer events: those of every ``Transport``.

    Attributes:
        tuple: The local address, and the remote one once it is connected.
        srtp_parameters: The local SRTP keys; None without SRTP.
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
        self.srtp_parameters: Final = state.srtp_parameters

    async def connect(
        self, *, ip: str, port: int, srtp_parameters: SrtpParameters | Mapping[str, object] | None = None
    ) -> None:
        """Tells the other pipe transport's address and SRTP keys (with SRTP).

        Raises:
            TypeError: Something is missing, malformed or does not fit the transport.
            RequestError: It was told before.
        """
        keys = None if srtp_parameters is None else from_json(SrtpParameters, srtp_parameters)
        body = ConnectRequest(ip=ip, port=port, srtp_parameters=keys)
        answer = await self._request(commands.TRANSPORT_CONNECT, body)
        self.tuple = answer.tuple or self.tuple

    async def consume(  # type: ignore[override]  # the other router takes what this one has: there is nothing to choose
        self, *, producer_id: str, app_data: AppData | None = None
    ) -> Consumer:
        """Sends all streams of a producer to the other router.

        Raises:
            NotFoundError: The router has no such producer.
        """
        app_data = check_app_data(app_data)
        producer = self._router_producer(producer_id)
        consumable = producer.consumable_rtp_parameters
        body = ConsumeRequest(
            consumer_id=str(uuid.uuid4()),
            producer_id=producer_id,
            kind=producer.kind,
            rtp_parameters=negotiation.get_pipe_consumer_rtp_parameters(consumable=consumable, enable_rtx=self._rtx),
            type="pipe",
            consumable_rtp_encodings=consumable.encodings,
        )
        return await self._consume(body, app_data)
