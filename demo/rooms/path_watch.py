"""Watches whether transports get through ICE and DTLS, and tells a client what it has not done for that.

A path needs three things, in any order: ICE checks of the client, its DTLS parameters (``connectWebRtcTransport``), and
then its part of the DTLS handshake. Without the first or the second nothing happens, and nobody would say why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum
from typing import ClassVar

from miso.controller import ControllerError, WebRtcTransport
from miso.controller.types import DtlsParameters, DtlsState, IceState


class Missing(Enum):
    """What a transport waits for. The value is what its client is told."""

    CONNECT = "connectWebRtcTransport"
    ICE = "iceChecks"
    DTLS = "dtlsHandshake"


REASONS = {
    Missing.CONNECT: (
        "ICE is connected, but connectWebRtcTransport has not come: DTLS cannot begin without the client's fingerprints"
    ),
    Missing.ICE: (
        "connectWebRtcTransport has come, but no ICE check: the client does not reach the media ports, or has not begun"
    ),
    Missing.DTLS: (
        "ICE is connected and connectWebRtcTransport has come, but DTLS does not complete: "
        "the client does not answer, or not in the role that it named"
    ),
}

ICE_SHARE = 3
"""ICE may take so many times as long as the rest: a client has many pairs of addresses to try."""


class PathWatch:
    """What one transport waits for, and since when. Time is an argument, in seconds.

    Args:
        timeout_s: How long it may wait; 0: for ever.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._ice_connected = False
        self._dtls_connected = False
        self._connect_called = False
        self._since_s = 0.0
        self._told: set[Missing] = set()

    @property
    def missing(self) -> Missing | None:
        """What it waits for; None when it has all, or its client has not begun."""
        if self._dtls_connected:
            return None
        if self._ice_connected:
            return Missing.DTLS if self._connect_called else Missing.CONNECT
        return Missing.ICE if self._connect_called else None

    @property
    def deadline_s(self) -> float | None:
        """When it will have waited too long; None: never, or that was told."""
        missing = self.missing
        if missing is None or missing in self._told or not self._timeout_s:
            return None
        return self._since_s + self._timeout_s * (ICE_SHARE if missing is Missing.ICE else 1)

    def overdue(self, now_s: float) -> Missing | None:
        """What it has waited for too long; each is given once."""
        deadline_s = self.deadline_s
        missing = self.missing
        if deadline_s is None or now_s < deadline_s or missing is None:
            return None
        self._told.add(missing)
        return missing

    def connect_called(self, now_s: float) -> None:
        """The client's DTLS parameters are there."""
        self._connect_called = True
        self._since_s = now_s

    def ice_changed(self, state: IceState, now_s: float) -> None:
        """ICE has another state."""
        connected = state in ("connected", "completed")
        if connected != self._ice_connected:
            self._ice_connected = connected
            self._since_s = now_s

    def dtls_changed(self, state: DtlsState) -> None:
        """DTLS has another state."""
        self._dtls_connected = state == "connected"


class TransportWatch:
    """Watches a transport until it closes.

    Args:
        transport: The transport.
        timeout_s: See :class:`PathWatch`.
        given: DTLS parameters that its client gave when it asked for the transport, and perhaps gives nowhere else.
        on_stalled: Called with what it has waited for too long.
        start_task: Runs something beside.
    """

    GRACE_S: ClassVar[float] = 1.0
    """So long after ICE is connected a client may still send what it has given already, perhaps with another role."""

    def __init__(
        self,
        transport: WebRtcTransport,
        timeout_s: float,
        given: DtlsParameters | None,
        on_stalled: Callable[[Missing], None],
        start_task: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._transport = transport
        self._path = PathWatch(timeout_s)
        self._given = given
        self._on_stalled = on_stalled
        self._start_task = start_task
        self._used_given = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        transport.on("icestatechange", self._on_ice_state)
        transport.on("dtlsstatechange", self._on_dtls_state)
        transport.observer.once("close", self._stop)

    async def connect(self, dtls_parameters: Mapping[str, object] | DtlsParameters) -> None:
        """Gives the transport its client's DTLS parameters.

        Raises:
            TypeError: They are malformed.
            ControllerError: It has others already.
        """
        if self._used_given and self._is_given(dtls_parameters):
            return  # the client says again what the handshake goes on with
        await self._connect(dtls_parameters)

    async def _connect(self, dtls_parameters: Mapping[str, object] | DtlsParameters) -> None:
        self._cancel_grace()
        await self._transport.connect(dtls_parameters=dtls_parameters)
        self._path.connect_called(self._loop.time())
        self._arm()

    def _is_given(self, dtls_parameters: Mapping[str, object] | DtlsParameters) -> bool:
        if self._given is None:
            return False
        if isinstance(dtls_parameters, DtlsParameters):
            return dtls_parameters == self._given
        return dtls_parameters.get("fingerprints") == [
            {"algorithm": one.algorithm, "value": one.value} for one in self._given.fingerprints
        ]

    def _on_ice_state(self, state: IceState) -> None:
        self._path.ice_changed(state, self._loop.time())
        if self._path.missing is Missing.CONNECT and self._given is not None and self._grace is None:
            self._grace = self._loop.call_later(self.GRACE_S, self._begin_with_given, self._given)
        self._arm()

    def _on_dtls_state(self, state: DtlsState, *_: object) -> None:
        self._path.dtls_changed(state)
        self._arm()

    def _begin_with_given(self, given: DtlsParameters) -> None:
        self._grace = None
        if self._path.missing is Missing.CONNECT:
            self._start_task(self._connect_with(given))

    async def _connect_with(self, given: DtlsParameters) -> None:
        self._used_given = True
        try:
            await self._connect(given)
        except ControllerError:
            self._used_given = False
            if not self._transport.closed:
                raise

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_s = self._path.deadline_s
        if deadline_s is not None:
            self._timer = self._loop.call_at(deadline_s, self._ring)

    def _ring(self) -> None:
        missing = self._path.overdue(self._loop.time())
        if missing is not None:
            self._on_stalled(missing)
        self._arm()

    def _cancel_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _stop(self) -> None:
        self._cancel_grace()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
