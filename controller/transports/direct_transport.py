"""A direct transport: RTP, RTCP and data messages from and to the application itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from miso.controller.errors import UnsupportedError
from miso.controller.transports.transport import Transport
from miso.worker.channel import commands


class DirectTransport(Transport):
    """RTP, RTCP and data messages from and to the application itself.

    Events:
        rtcp(bytes): A compound RTCP packet.
        routerclose(), trace(Trace): As of every ``Transport``.

    Observer events: rtcp, and those of every ``Transport``.
    """

    _KIND = "directTransport"
    _DATA_TYPE = "direct"

    async def connect(self) -> None:
        """Does nothing: there is nobody to connect to."""
        self._check_open()

    async def set_max_incoming_bitrate(self, bitrate: int) -> None:
        """Not supported.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError("set_max_incoming_bitrate() not implemented in DirectTransport")

    async def set_max_outgoing_bitrate(self, bitrate: int) -> None:
        """Not supported.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError("set_max_outgoing_bitrate() not implemented in DirectTransport")

    async def set_min_outgoing_bitrate(self, bitrate: int) -> None:
        """Not supported.

        Raises:
            UnsupportedError: Always.
        """
        raise UnsupportedError("set_min_outgoing_bitrate() not implemented in DirectTransport")

    def send_rtcp(self, rtcp_packet: bytes) -> None:
        """Gives the router an RTCP packet about what the application sends or receives.

        Raises:
            TypeError: The packet is not bytes.
            InvalidStateError: The transport is closed.
            RequestError: It is too large, or the worker has not read what was sent before.
        """
        if not isinstance(rtcp_packet, bytes | bytearray | memoryview):
            raise TypeError("rtcp_packet must be bytes")
        self._check_open()
        self._channel.notify(commands.TRANSPORT_SEND_RTCP, self._path, None, bytes(rtcp_packet))

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {**super()._event_handlers(), "rtcp": partial(self._tell, "rtcp")}
