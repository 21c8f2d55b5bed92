"""The room's ``produce``, ``produceData`` and ``join`` with whatever a client may write, with a live worker behind.

Spoilt requests go over a WebSocket to a running server. A client makes some of them and leaves; somebody else in the
room is offered what was accepted. A finding is a worker that ends or meets a fault, a request without an answer, or one
that was a bug of ours to the server ("internal error").
"""

from __future__ import annotations

import asyncio
import atexit
import copy
import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import orjson

from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from miso.protoo.transport import MAX_MESSAGE_SIZE_BYTES
from tests.demo.client import RTP_CAPABILITIES, Rejected, RoomClient
from tests.fuzz.targets.produce import GOOD, NASTY, STREAM, spoil

DOCUMENTED = (Rejected,)
SEEDS = [bytes((number,)) * 8 for number in range(32)]

VISIT = 50  # requests of one client: more producers in a short time are refused for their number alone
NO_LIMITS = {
    name: 0
    for name in Settings.model_fields
    if name.endswith(("_per_address", "_per_minute")) or name in ("max_rooms", "max_peers_per_room")
}


class Bench:
    """A server, who is offered everything, and the client that asks at the moment."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="miso-fuzz-")
        self._client: RoomClient | None = None
        self._asked = 0
        self._visits = 0
        self.loop.run_until_complete(self._start())
        atexit.register(self._end)

    async def _start(self) -> None:
        settings = Settings(
            data_dir=Path(self._folder.name),
            workers=1,
            media_ip=["127.0.0.1"],
            https=False,
            http_port=0,
            webrtc_server_port=0,
            log_level="error",
            **NO_LIMITS,  # type: ignore[arg-type]
        )
        self.server = DemoServer(settings)
        await self.server.start()
        self._url = self.server.urls[0].replace("http", "ws", 1).replace("localhost", "127.0.0.1")
        self._listener = await RoomClient.connect(self._url, "r", "listener")
        await self._listener.join(data=True)
        (self._worker,) = self.server.workers.pool.workers

    def _end(self) -> None:
        self.loop.run_until_complete(self.server.close())
        self.loop.close()
        self._folder.cleanup()

    async def client(self) -> RoomClient:
        """Who asks next: joined, and not for long."""
        if self._client is None or self._asked >= VISIT:
            if self._client is not None:
                await self._client.close()
                self._listener.log.clear()
                self._listener.asked.clear()
            self._visits += 1
            self._asked = 0
            self._client = await RoomClient.connect(self._url, "r", f"visit-{self._visits}")
            await self._client.join(data=True)
            sctp = {"numStreams": {"OS": 1024, "MIS": 1024}}
            self._transport_id = (await self._client.transport(producing=True, sctpCapabilities=sctp))["id"]
        self._asked += 1
        return self._client

    async def ask(self, method: str, data: dict[str, Any]) -> None:
        """Asks. Raises Rejected with the server's reason."""
        client = await self.client()
        data = {"transportId": self._transport_id, **data} if method != "join" else data
        refusal: Rejected | None = None
        try:
            await client.ask(method, data)
        except Rejected as error:
            refusal = error
        assert not self._worker.closed, data
        assert self._worker.faults == 0, data
        if refusal is not None:
            assert refusal.reason != "internal error", data
            assert not refusal.reason.startswith("too many"), "the fuzz meets a limit, and nothing behind it"
            raise refusal


bench = functools.cache(Bench)


def request(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A request that was good before something was done to it."""
    data: Any
    method = chance.choice(["produce"] * 8 + ["produceData", "join"])
    if method == "produce":
        kind, good = chance.choice(GOOD)
        parameters = copy.deepcopy(good)
        for encoding in parameters["encodings"]:
            encoding["ssrc"] = chance.randrange(1, 1 << 32)
            encoding.pop("rtx", None)
        parameters["mid"] = str(chance.randrange(1 << 32))
        for _ in range(chance.randint(0, 3)):
            parameters = spoil(parameters, chance)
        data = {"kind": kind, "rtpParameters": parameters, "appData": {}}
    elif method == "produceData":
        data = {"sctpStreamParameters": {**STREAM, "streamId": chance.randrange(1024)}, "label": "chat"}
    else:
        data = {"displayName": "f", "device": {"name": "f"}, "rtpCapabilities": copy.deepcopy(RTP_CAPABILITIES)}
    if chance.random() < 0.3:
        data[chance.choice(list(data))] = copy.deepcopy(chance.choice(NASTY))
    if chance.random() < 0.3:
        data = spoil(data, chance)
    return method, data if isinstance(data, dict) else {}


def run(data: bytes) -> None:
    """Returns, or raises what the client is answered."""
    method, body = request(random.Random(data))
    try:
        text = json.dumps(body, allow_nan=False)
        orjson.loads(text)
    except ValueError as error:  # for the server it is no JSON: it drops the message (docs/signaling.md)
        raise Rejected(0, "no JSON") from error
    if len(text) > MAX_MESSAGE_SIZE_BYTES - 1000:
        raise Rejected(1009, "it would close the connection")
    bench().loop.run_until_complete(bench().ask(method, body))
