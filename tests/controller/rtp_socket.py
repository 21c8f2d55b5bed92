"""A peer of plain transports that sends and receives RTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from miso.controller import PlainTransport, Router
from tests.patience import PATIENCE_S
from tests.worker.rtp.packets import KEY_FRAME, rtp


class RtpSocket(asyncio.DatagramProtocol):
    """One UDP port."""

    def __init__(self) -> None:
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, transport: PlainTransport) -> RtpSocket:
        """A socket that talks to a plain transport with comedia."""
        address = (transport.tuple.local_ip, transport.tuple.local_port)
        _, socket = await asyncio.get_running_loop().create_datagram_endpoint(cls, remote_addr=address)
        return socket

    @classmethod
    async def receiver(cls, router: Router) -> tuple[RtpSocket, PlainTransport]:
        """A socket to which a new plain transport of the router sends."""
        transport = await router.create_plain_transport(listen_ip="127.0.0.1")
        socket = await cls.open(transport)
        assert socket._transport is not None
        ip, port = socket._transport.get_extra_info("sockname")
        await transport.connect(ip=ip, port=port)
        return socket, transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(data) >= 12 and not 192 <= data[1] <= 223:
            self._received.put_nowait(data)

    def send(self, packet: bytes) -> None:
        """Sends one datagram."""
        assert self._transport is not None
        self._transport.sendto(packet)

    async def packet(self, within_s: float = PATIENCE_S) -> bytes:
        """The next RTP packet. Raises ``TimeoutError``."""
        return await asyncio.wait_for(self._received.get(), within_s)

    async def drain(self) -> None:
        """Throws away what has come."""
        await asyncio.sleep(0)
        while not self._received.empty():
            self._received.get_nowait()

    def close(self) -> None:
        """Gives the port back."""
        assert self._transport is not None
        self._transport.close()


async def flow(
    sender: RtpSocket, ssrcs: Iterable[int], payload_type: int, receiver: RtpSocket, first: int = 0
) -> bytes:
    """Sends key frames on all these SSRCs, numbered from ``first`` on, until one arrives; that one."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PATIENCE_S
    number = first
    while True:
        for ssrc in ssrcs:
            sender.send(rtp(number, KEY_FRAME, ssrc=ssrc, payload_type=payload_type))
        try:
            return await receiver.packet(within_s=0.02)
        except TimeoutError:
            assert loop.time() < end_s, "no packet arrived"
        number += 1
