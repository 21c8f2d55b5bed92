"""Makes the transports of a room's people, each of which counts for the address that it is for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar

from miso.controller import PlainTransport, WebRtcTransport
from miso.demo.json import Json
from miso.demo.limits.per_address import AddressLimits
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.workers.media_workers import MediaWorkers

TransportT = TypeVar("TransportT", PlainTransport, WebRtcTransport)


class Transports:
    """A room's.

    Args:
        workers: Where they are made.
        limits: How many an address may have.
    """

    def __init__(self, workers: MediaWorkers, limits: AddressLimits) -> None:
        self._workers = workers
        self._limits = limits

    async def create_plain(
        self, shard: RoomShard, address: str, *, rtcp_mux: bool, comedia: bool, num_sctp_streams: object
    ) -> PlainTransport:
        """A transport for plain RTP; see :meth:`.MediaWorkers.create_plain_transport`.

        Raises:
            RequestError: The address has too many.
        """
        making = self._workers.create_plain_transport(
            shard.media, rtcp_mux=rtcp_mux, comedia=comedia, num_sctp_streams=num_sctp_streams
        )
        return await self._counted(address, making)

    async def create_web_rtc(
        self, shard: RoomShard, address: str, *, force_tcp: bool, num_sctp_streams: object, app_data: Json
    ) -> WebRtcTransport:
        """A transport for a peer from that address; see :meth:`.MediaWorkers.create_transport`.

        Raises:
            RequestError: The address has too many.
        """
        making = self._workers.create_transport(
            shard.media, force_tcp=force_tcp, num_sctp_streams=num_sctp_streams, app_data=app_data
        )
        return await self._counted(address, making)

    async def _counted(self, address: str, making: Coroutine[None, None, TransportT]) -> TransportT:
        """Makes a transport that counts for an address until it closes."""
        try:
            give_back = self._limits.take("transports", address)
        except BaseException:
            making.close()
            raise
        try:
            transport = await making
        except BaseException:
            give_back()
            raise
        if transport.closed:
            give_back()
        transport.observer.once("close", give_back)
        return transport
