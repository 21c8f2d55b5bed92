"""A participant made of pymediasoup and aiortc, over our protoo client."""

from __future__ import annotations

import asyncio
from typing import Any

from aiortc import MediaStreamTrack
from pymediasoup import AiortcHandler, Device
from pymediasoup.consumer import Consumer
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.producer import Producer
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters
from pymediasoup.transport import Transport

from protoo import ClientOptions, ClientPeer, IncomingRequest, Notification


class PymediasoupPeer:
    """Joins a room, sends tracks, and receives everything it is offered.

    Attributes:
        consumers: What it receives, by kind, in the order of coming.
        notifications: What the server told, in order.
    """

    def __init__(self, url: str, room: str, peer: str) -> None:
        self.consumers: asyncio.Queue[Consumer] = asyncio.Queue()
        self.notifications: list[tuple[str, Any]] = []
        self._protoo = ClientPeer(f"{url}/?roomId={room}&peerId={peer}", ClientOptions(proxy=None))
        self._protoo.on("request", self._on_request)
        self._protoo.on("notification", self._on_notification)
        self._device = Device(handlerFactory=AiortcHandler.createFactory())
        self._news = asyncio.Condition()
        self._consuming = asyncio.Lock()
        self._send: Transport
        self._receive: Transport

    async def join(self, *, force_tcp: bool = False) -> Any:
        """Connects, makes both transports, joins; gives the other peers."""
        await self._protoo.open()
        capabilities = await self._protoo.request("getRouterRtpCapabilities")
        await self._device.load(RtpCapabilities.model_validate(capabilities))
        self._send = await self._create_transport("send", force_tcp)
        self._receive = await self._create_transport("recv", force_tcp)
        joined = await self._protoo.request(
            "join",
            {
                "displayName": "pymediasoup",
                "device": {"flag": "python", "name": "pymediasoup", "version": "1.5"},
                "rtpCapabilities": _json(self._device.rtpCapabilities),
            },
        )
        assert isinstance(joined, dict)
        return joined["peers"]

    async def produce(self, track: MediaStreamTrack) -> Producer:
        """Sends a track."""
        return await self._send.produce(track=track, stopTracks=False)

    async def request(self, method: str, **data: object) -> Any:
        """Asks the server."""
        return await self._protoo.request(method, data)

    async def heard(self, method: str) -> Any:
        """Waits for a notification (since the beginning); gives its data."""

        def found() -> list[Any]:
            return [data for name, data in self.notifications if name == method]

        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(found)
        return found()[0]

    async def close(self) -> None:
        """Leaves."""
        for transport in (self._send, self._receive):
            await transport.close()
        await self._protoo.close()

    async def _create_transport(self, direction: str, force_tcp: bool) -> Transport:
        options = await self._protoo.request(
            "createWebRtcTransport",
            {"forceTcp": force_tcp, "producing": direction == "send", "consuming": direction == "recv"},
        )
        assert isinstance(options, dict)
        create = self._device.createSendTransport if direction == "send" else self._device.createRecvTransport
        transport = create(
            id=options["id"],
            iceParameters=IceParameters.model_validate(options["iceParameters"]),
            iceCandidates=[IceCandidate.model_validate(candidate) for candidate in options["iceCandidates"]],
            dtlsParameters=DtlsParameters.model_validate(options["dtlsParameters"]),
            sctpParameters=None,
        )

        async def connect(dtls_parameters: DtlsParameters) -> None:
            await self._protoo.request(
                "connectWebRtcTransport", {"transportId": transport.id, "dtlsParameters": _json(dtls_parameters)}
            )

        async def produce(kind: str, rtp_parameters: RtpParameters, app_data: object) -> str:
            produced = await self._protoo.request(
                "produce",
                {
                    "transportId": transport.id,
                    "kind": kind,
                    "rtpParameters": _json(rtp_parameters),
                    "appData": app_data,
                },
            )
            assert isinstance(produced, dict)
            producer_id: str = produced["id"]
            return producer_id

        transport.on("connect", connect)
        transport.on("produce", produce)
        return transport

    async def _on_request(self, request: IncomingRequest) -> None:
        assert request.method == "newConsumer"
        offered: Any = request.data
        async with self._consuming:  # aiortc negotiates one thing at a time
            consumer = await self._receive.consume(
                id=offered["id"],
                producerId=offered["producerId"],
                kind=offered["kind"],
                rtpParameters=RtpParameters.model_validate(offered["rtpParameters"]),
            )
        request.accept()
        self.consumers.put_nowait(consumer)

    async def _on_notification(self, notification: Notification) -> None:
        self.notifications.append((notification.method, notification.data))
        async with self._news:
            self._news.notify_all()


def _json(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True)
