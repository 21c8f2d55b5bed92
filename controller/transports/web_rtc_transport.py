"""A WebRTC transport: ICE, DTLS and SRTP to a browser or another WebRTC endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec.structs import replace

from miso.controller.json_form import from_json
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.transports.transport import Transport
from miso.controller.types import AppData, DtlsParameters, IceParameters
from miso.worker.channel import commands
from miso.worker.channel.bodies.transport import ConnectRequest, WebRtcTransportDump
from miso.worker.channel.events import DtlsStateChange, IceSelectedTupleChange, IceStateChange


class WebRtcTransport(Transport):
    """ICE, DTLS and SRTP to a browser or another WebRTC endpoint.

    Events:
        icestatechange(IceState): new, connected, completed, disconnected, closed.
        iceselectedtuplechange(TransportTuple): Packets go over another pair of addresses.
        dtlsstatechange(DtlsState): new, connecting, connected, failed, closed.
        routerclose(), listenserverclose(), sctpstatechange(SctpState), trace(Trace): As of every ``Transport``.

    Observer events: all but the closes, and those of every ``Transport``.

    Attributes:
        ice_role: Always controlled: the worker is an ICE-lite agent (RFC 8445 section 2.5).
        ice_parameters: The local ICE credentials.
        ice_candidates: The local addresses.
        ice_state: new, connected, completed, disconnected, closed.
        ice_selected_tuple: The pair of addresses in use.
        dtls_parameters: The local fingerprints, and the local role: auto until connected to.
        dtls_state: new, connecting, connected, failed, closed.
        dtls_remote_cert: The remote certificate in PEM form, once DTLS is connected.
    """

    _KIND = "webRtcTransport"

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        router: RouterView,
        state: WebRtcTransportDump,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, router=router, state=state, app_data=app_data)
        self.ice_role: Final = state.ice_role
        self.ice_parameters = state.ice_parameters
        self.ice_candidates: Final = state.ice_candidates
        self.ice_state = state.ice_state
        self.ice_selected_tuple = state.ice_selected_tuple
        self.dtls_parameters = DtlsParameters(
            role=state.dtls_parameters.role, fingerprints=state.dtls_parameters.fingerprints
        )
        self.dtls_state = state.dtls_state
        self.dtls_remote_cert: str | None = None

    async def connect(self, *, dtls_parameters: DtlsParameters | Mapping[str, object]) -> None:
        """Tells the remote side's DTLS role and fingerprints, as struct or in their JSON form.

        Raises:
            TypeError: They are malformed.
            RequestError: It was told before.
        """
        body = ConnectRequest(dtls_parameters=from_json(DtlsParameters, dtls_parameters))
        answer = await self._request(commands.TRANSPORT_CONNECT, body)
        if answer.dtls_local_role is not None:
            self.dtls_parameters = replace(self.dtls_parameters, role=answer.dtls_local_role)

    async def restart_ice(self) -> IceParameters:
        """Makes new local ICE credentials, to be signaled to the remote side."""
        self.ice_parameters = (await self._request(commands.TRANSPORT_RESTART_ICE)).ice_parameters
        return self.ice_parameters

    def _end_children(self) -> None:
        self.ice_state = "closed"
        self.ice_selected_tuple = None
        self.dtls_state = "closed"
        super()._end_children()

    @property
    def _is_encrypted(self) -> bool:
        return True

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {
            **super()._event_handlers(),
            "icestatechange": self._on_ice_state_change,
            "iceselectedtuplechange": self._on_ice_selected_tuple_change,
            "dtlsstatechange": self._on_dtls_state_change,
        }

    def _on_ice_state_change(self, event: IceStateChange) -> None:
        self.ice_state = event.ice_state
        self._tell("icestatechange", event.ice_state)

    def _on_ice_selected_tuple_change(self, event: IceSelectedTupleChange) -> None:
        self.ice_selected_tuple = event.ice_selected_tuple
        self._tell("iceselectedtuplechange", event.ice_selected_tuple)

    def _on_dtls_state_change(self, event: DtlsStateChange) -> None:
        self.dtls_state = event.dtls_state
        if event.dtls_state == "connected":
            self.dtls_remote_cert = event.dtls_remote_cert
        self._tell("dtlsstatechange", event.dtls_state)
