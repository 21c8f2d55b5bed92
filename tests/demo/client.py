"""A participant in its barest form: a WebSocket, and a list of everything that came over it, in order."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.patience import PATIENCE_S

RTP_CAPABILITIES = {
    "codecs": [
        {"kind": "audio", "mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48000, "channels": 2},
        {
            "kind": "video",
            "mimeType": "video/VP8",
            "preferredPayloadType": 101,
            "clockRate": 90000,
            "rtcpFeedback": [{"type": "nack"}, {"type": "nack", "parameter": "pli"}],
        },
        {
            "kind": "video",
            "mimeType": "video/rtx",
            "preferredPayloadType": 102,
            "clockRate": 90000,
            "parameters": {"apt": 101},
        },
    ],
    "headerExtensions": [],
}
AUDIO = {
    "mid": "0",
    "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
    "encodings": [{"ssrc": 11111}],
    "rtcp": {"cname": "a"},
}
VIDEO = {
    "mid": "1",
    "codecs": [
        {
            "mimeType": "video/VP8",
            "payloadType": 96,
            "clockRate": 90000,
            "rtcpFeedback": [{"type": "nack"}, {"type": "nack", "parameter": "pli"}],
        },
        {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
    ],
    "encodings": [{"ssrc": 22222, "rtx": {"ssrc": 22223}}],
    "rtcp": {"cname": "a"},
}
SCTP_CAPABILITIES = {"numStreams": {"OS": 1024, "MIS": 1024}}


class Rejected(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class RoomClient:
    """A participant. ``log`` has one entry for each message: answers as ``answer:METHOD``."""

    def __init__(self, connection: ClientConnection, *, answers: bool = True) -> None:
        self.log: list[tuple[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self._answers = answers
        self._connection = connection
        self._ids = itertools.count(1)
        self._pending: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())
        self.close_code: int | None = None

    @classmethod
    async def connect(
        cls, url: str, room: str, peer: str, *, answers: bool = True, query: str = "", local_ip: str = "127.0.0.1"
    ) -> RoomClient:
        connection = await connect(
            f"{url}/?roomId={room}&peerId={peer}{query}",
            subprotocols=[Subprotocol("protoo")],
            proxy=None,
            open_timeout=PATIENCE_S,
            local_addr=(local_ip, 0),
        )
        return cls(connection, answers=answers)

    @property
    def address(self) -> str:
        """``ip:port`` of this end."""
        host, port, *_ = self._connection.local_address
        return f"{host}:{port}"

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.log]

    async def request(self, method: str, **data: object) -> Any:
        return await self.ask(method, data)

    async def ask(self, method: str, data: object) -> Any:
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = (method, answer)
        await self.send(request=True, id=number, method=method, data=data)
        async with asyncio.timeout(PATIENCE_S):
            return await answer

    async def send(self, **message: object) -> None:
        await self._connection.send(json.dumps(message))

    async def answer(self, asked: dict[str, Any]) -> None:
        await self.send(response=True, id=asked["id"], ok=True, data={})

    async def refuse(self, asked: dict[str, Any]) -> None:
        await self.send(response=True, id=asked["id"], ok=False, errorCode=403, errorReason="I do not want to consume")

    async def seen(self, method: str, match: Callable[[Any], bool] = lambda data: True, *, count: int = 1) -> Any:
        """Waits until so many messages of that name have come (since the beginning); gives the last one's data."""

        def found() -> list[Any]:
            return [data for name, data in self.log if name == method and match(data)]

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def closed(self) -> int | None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.shield(self._reading)
        return self.close_code

    async def close(self) -> None:
        await self._connection.close()
        await self._reading

    def abort(self) -> None:
        """Cuts the connection."""
        self._connection.transport.abort()

    async def transport(self, **options: object) -> dict[str, Any]:
        transport: dict[str, Any] = await self.request(
            "createWebRtcTransport", **{"forceTcp": False, "producing": False, "consuming": False, **options}
        )
        return transport

    async def join(
        self, name: str = "N", *, capabilities: object = RTP_CAPABILITIES, data: bool = False
    ) -> dict[str, Any]:
        """Makes a transport to receive, and joins; with ``data`` it takes data channels."""
        sctp = {"sctpCapabilities": SCTP_CAPABILITIES} if data else {}
        await self.transport(consuming=True, **sctp)
        device = {"flag": "chrome", "name": "Chrome"}
        joined: dict[str, Any] = await self.request(
            "join", displayName=name, device=device, rtpCapabilities=capabilities, **sctp
        )
        return joined

    async def produce(self, kind: str, rtp_parameters: object, **app_data: object) -> str:
        """Makes a transport to send, and a producer; gives its id."""
        transport = await self.transport(producing=True)
        produced = await self.request(
            "produce", transportId=transport["id"], kind=kind, rtpParameters=rtp_parameters, appData=app_data
        )
        producer_id: str = produced["id"]
        return producer_id

    async def produce_data(self, label: str, **options: object) -> str:
        """Makes a transport to send, and a data producer; gives its id."""
        transport = await self.transport(producing=True, sctpCapabilities=SCTP_CAPABILITIES)
        stream = {"streamId": 0, "ordered": True}
        produced = await self.request(
            "produceData", transportId=transport["id"], sctpStreamParameters=stream, label=label, **options
        )
        data_producer_id: str = produced["id"]
        return data_producer_id

    async def _read(self) -> None:
        try:
            async for frame in self._connection:
                await self._take(json.loads(frame))
        except ConnectionClosed:
            pass
        self.close_code = self._connection.close_code

    async def _take(self, message: dict[str, Any]) -> None:
        if message.get("response"):
            if message["id"] not in self._pending:
                return  # it was asked with send(), by a test that does not wait for the answer
            method, answer = self._pending.pop(message["id"])
            self.log.append((f"answer:{method}", message.get("data")))
            if answer.cancelled():
                return
            if message.get("ok"):
                answer.set_result(message["data"])
            else:
                answer.set_exception(Rejected(message["errorCode"], message["errorReason"]))
        else:
            self.log.append((message["method"], message["data"]))
            if message.get("request"):
                self.asked.append(message)
                if self._answers:
                    await self.answer(message)
        async with self._news:
            self._news.notify_all()
