"""A plain transport: RTP, RTCP, SRTP or SCTP over UDP, without ICE and DTLS."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from miso.controller.json_form import from_json
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.transport import Transport
from miso.controller.types import AppData, SrtpParameters
from miso.worker.channel import commands
from miso.worker.channel.bodies.transport import ConnectRequest, PlainTransportDump
from miso.worker.channel.events import RtcpTupleChange, TupleChange


class PlainTransport(Transport):
    """RTP, RTCP, SRTP or SCTP over UDP, without ICE and DTLS.

    Events:
        tuple(TransportTuple): The remote address is known now (comedia).
        rtcptuple(TransportTuple): The remote RTCP address is known now (comedia without RTCP-mux).
        routerclose(), sctpstatechange(SctpState), trace(Trace): As of every ``Transport``.

    Observer events: all but the close, and those of every ``Transport``.

    Attributes:
        tuple: The local address, and the remote one once it is known.
        rtcp_tuple: The addresses for RTCP; None with RTCP-mux.
        srtp_parameters: The local SRTP keys; None without SRTP.
    """

    _KIND = "plainTransport"

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        router: RouterView,
        state: PlainTransportDump,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, router=router, state=state, app_data=app_data)
        self.tuple = state.tuple
        self.rtcp_tuple = state.rtcp_tuple
        self.srtp_parameters = state.srtp_parameters

    async def connect(
        self,
        *,
        ip: str | None = None,
        port: int | None = None,
        rtcp_port: int | None = None,
        srtp_parameters: SrtpParameters | Mapping[str, object] | None = None,
    ) -> None:
        """Tells the remote side's addresses (unless it is comedia) and SRTP keys (with SRTP).

        Args:
            ip: The remote IP address.
            port: Its port.
            rtcp_port: Its port for RTCP, without RTCP-mux.
            srtp_parameters: Its SRTP keys, as struct or in their JSON form.

        Raises:
            TypeError: Something is missing, malformed or does not fit the transport.
            RequestError: It was told before.
        """
        body = ConnectRequest(
            ip=ip,
            port=port,
            rtcp_port=rtcp_port,
            srtp_parameters=None if srtp_parameters is None else from_json(SrtpParameters, srtp_parameters),
        )
        answer = await self._request(commands.TRANSPORT_CONNECT, body)
        self.tuple = answer.tuple or self.tuple
        self.rtcp_tuple = answer.rtcp_tuple or self.rtcp_tuple
        self.srtp_parameters = answer.srtp_parameters

    @property
    def _is_encrypted(self) -> bool:
        return self.srtp_parameters is not None

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {
            **super()._event_handlers(),
            "tuple": self._on_tuple,
            "rtcptuple": self._on_rtcp_tuple,
        }

    def _on_tuple(self, event: TupleChange) -> None:
        self.tuple = event.tuple
        self._tell("tuple", event.tuple)

    def _on_rtcp_tuple(self, event: RtcpTupleChange) -> None:
        self.rtcp_tuple = event.rtcp_tuple
        self._tell("rtcptuple", event.rtcp_tuple)
