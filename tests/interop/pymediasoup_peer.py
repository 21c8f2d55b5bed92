"""A participant made of pymediasoup and aiortc, over our protoo client."""

from __future__ import annotations

import asyncio
from typing import Any

from aiortc import MediaStreamTrack
from pymediasoup import AiortcHandler, Device
from pymediasoup.consumer import Consumer
from pymediasoup.data_producer import DataProducer
from pymediasoup.models.transport import DtlsParameters, IceCandidate, IceParameters
from pymediasoup.producer import Producer
from pymediasoup.rtp_parameters import RtpCapabilities, RtpParameters
from pymediasoup.sctp_parameters import SctpParameters, SctpStreamParameters
from pymediasoup.transport import Transport

from miso.protoo import ClientOptions, ClientPeer, IncomingRequest, Notification
from tests.patience import PATIENCE_S


class PymediasoupPeer:
    """Joins a room, sends tracks, and receives everything it is offered.

    Attributes:
        consumers: What it receives, by kind, in the order of coming.
        texts: What it is written, with the id of who wrote it, None for the bot.
        notifications: What the server told, in order.
    """

    def __init__(self, url: str, room: str, peer: str) -> None:
        self.consumers: asyncio.Queue[Consumer] = asyncio.Queue()
        self.texts: asyncio.Queue[tuple[str | None, str]] = asyncio.Queue()
        self._listens_to: set[str] = set()
        self._sctp: dict[str, Any] = {}
        self.notifications: list[tuple[str, Any]] = []
        self._protoo = ClientPeer(f"{url}/?roomId={room}&peerId={peer}", ClientOptions(proxy=None))
        self._protoo.on("request", self._on_request)
        self._protoo.on("notification", self._on_notification)
        self._device = Device(handlerFactory=AiortcHandler.createFactory())
        self._news = asyncio.Condition()
        self._consuming = asyncio.Lock()
        self._send: Transport
        self._receive: Transport

    async def join(self, *, force_tcp: bool = False, data: bool = False) -> Any:
        """Connects, makes both transports, joins; gives the other peers.

        With ``data`` the transports have data channels. aiortc then often decodes nothing of a video that comes after
        the first channel, from the reference's worker as from ours: do not mix them.
        """
        await self._protoo.open()
        capabilities = await self._protoo.request("getRouterRtpCapabilities")
        await self._device.load(RtpCapabilities.model_validate(capabilities))
        if data:
            self._sctp = {"sctpCapabilities": _json(self._device.sctpCapabilities)}
        self._send = await self._create_transport("send", force_tcp)
        self._receive = await self._create_transport("recv", force_tcp)
        joined = await self._protoo.request(
            "join",
            {
                "displayName": "pymediasoup",
                "device": {"flag": "python", "name": "pymediasoup", "version": "1.5"},
                "rtpCapabilities": _json(self._device.rtpCapabilities),
                **self._sctp,
            },
        )
        assert isinstance(joined, dict)
        return joined["peers"]

    async def produce(self, track: MediaStreamTrack) -> Producer:
        """Sends a track."""
        return await self._send.produce(track=track, stopTracks=False)

    async def produce_data(self, label: str) -> DataProducer:
        """Opens a data channel; returns once it is open."""
        producer = await self._send.produceData(label=label)
        opened = asyncio.Event()
        producer.on("open", opened.set)
        if producer.readyState != "open":
            async with asyncio.timeout(PATIENCE_S):
                await opened.wait()
        return producer

    async def listens_to(self, label: str) -> None:
        """Waits until a channel of this label, which it has been offered, is open."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: label in self._listens_to)

    async def request(self, method: str, **data: object) -> Any:
        """Asks the server."""
        return await self._protoo.request(method, data)

    async def heard(self, method: str) -> Any:
        """Waits for a notification (since the beginning); gives its data."""

        def found() -> list[Any]:
            return [data for name, data in self.notifications if name == method]

        async with asyncio.timeout(PATIENCE_S), self._news:
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
            {
                "forceTcp": force_tcp,
                "producing": direction == "send",
                "consuming": direction == "recv",
                **self._sctp,
            },
        )
        assert isinstance(options, dict)
        sctp = options.get("sctpParameters")
        create = self._device.createSendTransport if direction == "send" else self._device.createRecvTransport
        transport = create(
            id=options["id"],
            iceParameters=IceParameters.model_validate(options["iceParameters"]),
            iceCandidates=[IceCandidate.model_validate(candidate) for candidate in options["iceCandidates"]],
            dtlsParameters=DtlsParameters.model_validate(options["dtlsParameters"]),
            sctpParameters=SctpParameters.model_validate(sctp) if sctp is not None else None,
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

        async def produce_data(
            sctpStreamParameters: SctpStreamParameters,
            label: str,
            protocol: str | None,
            appData: object,
        ) -> str:
            produced = await self._protoo.request(
                "produceData",
                {
                    "transportId": transport.id,
                    "sctpStreamParameters": _json(sctpStreamParameters),
                    "label": label,
                    "protocol": protocol,
                    "appData": appData,
                },
            )
            assert isinstance(produced, dict)
            data_producer_id: str = produced["id"]
            return data_producer_id

        transport.on("connect", connect)
        transport.on("producedata", produce_data)
        transport.on("produce", produce)
        return transport

    async def _on_request(self, request: IncomingRequest) -> None:
        offered: Any = request.data
        if request.method == "newDataConsumer":
            await self._consume_data(request, offered)
            return
        assert request.method == "newConsumer"
        async with self._consuming:  # aiortc negotiates one thing at a time
            consumer = await self._receive.consume(
                id=offered["id"],
                producerId=offered["producerId"],
                kind=offered["kind"],
                rtpParameters=RtpParameters.model_validate(offered["rtpParameters"]),
            )
        request.accept()
        self.consumers.put_nowait(consumer)

    async def _consume_data(self, request: IncomingRequest, offered: Any) -> None:
        async with self._consuming:
            consumer = await self._receive.consumeData(
                id=offered["id"],
                dataProducerId=offered["dataProducerId"],
                sctpStreamParameters=SctpStreamParameters.model_validate(offered["sctpStreamParameters"]),
                label=offered["label"],
                protocol=offered["protocol"],
            )
        consumer.on("message", lambda text: self.texts.put_nowait((offered["peerId"], text)))
        opened = asyncio.Event()
        consumer.on("open", opened.set)
        request.accept()
        if consumer.readyState != "open":  # what is sent before is lost
            await opened.wait()
        self._listens_to.add(offered["label"])
        async with self._news:
            self._news.notify_all()

    async def _on_notification(self, notification: Notification) -> None:
        self.notifications.append((notification.method, notification.data))
        async with self._news:
            self._news.notify_all()


def _json(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True)
