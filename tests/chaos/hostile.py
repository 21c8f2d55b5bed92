"""The hostile people: ``python -m tests.chaos.hostile WS-PORT MEDIA-PORT [VICTIM-IP:PORT …]``.

Ten of them at once, each from an address of its own, until a line comes on standard input; then it prints as JSON what
each has done. They say when each has begun. Their process has a low priority: it is the server that has to bear them,
not this machine.

Each is refused sooner or later, and comes back.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from websockets.exceptions import WebSocketException

from miso.worker.rtcp.feedback import Nack
from miso.worker.rtcp.reports import ReceiverReport
from tests.chaos import frames
from tests.chaos.guest import AUDIO_SSRC, Guest
from tests.chaos.spoof import Spoofer
from tests.demo.client import AUDIO, Rejected, RoomClient
from tests.worker.rtp.packets import rtp

Address = tuple[str, int]

TICK_S = 0.01
REPORTERS_PER_S = 3_000
EMPTY_FRAMES_BYTES_PER_S = 1_000_000
CHECKS_PER_S = 10_000
SPOOFED_PER_S = 50
COMPOUNDS_PER_S = 500
REPORTS_OF_COMPOUND = 150
NACKS_PER_S = 2_000
SILENT_PER_S = 450
COME_BACK_S = 0.2
ROOMS_PER_S = 50
TRANSPORTS_OF_VISIT = 20
DEAF = 5
PRODUCERS = 64
PATIENCE_S = 60.0
TOO_LONG = "x" * 300
_REFUSED = (OSError, WebSocketException, Rejected, TimeoutError, asyncio.IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom it is about.

    Attributes:
        port: Of the server's signaling, on 127.0.0.1.
        media_port: Where the worker of the call takes media, UDP and TCP.
        victims: From where honest people send.
    """

    port: int
    media_port: int
    victims: list[Address]

    @property
    def url(self) -> str:
        """For protoo."""
        return f"ws://127.0.0.1:{self.port}"


class Attacker:
    """One hostile peer. ``done`` counts what it did, so that a chaos without attacks is noticed."""

    def __init__(self, target: Target, ip: str, done: Counter[str]) -> None:
        self.target, self.ip, self.done = target, ip, done
        self._numbers = itertools.count()
        self._guests: list[Guest] = []

    def leave(self) -> None:
        """Forgets its guests, without a word."""
        for guest in self._guests:
            guest.vanish()
        self._guests.clear()

    async def guest(self) -> Guest:
        """A new connection, to a room of its own."""
        room = f"hostile-{self.ip}-{next(self._numbers)}"
        guest = await asyncio.wait_for(Guest.connect(self.target.url, room, "x", self.ip), PATIENCE_S)
        self._guests.append(guest)
        return guest

    async def joined(self) -> Guest:
        """A guest with connected media paths and a consumer of its own sound."""
        guest = await self.guest()
        await asyncio.wait_for(guest.join(), PATIENCE_S)
        return guest

    async def send_new_reporters(self) -> None:
        """SRTCP from ever-new senders: each would be one more stream in libsrtp's list."""
        guest = await self.joined()
        async for count in ticks(REPORTERS_PER_S):
            for _ in range(count):
                guest.sending.send_rtcp(ReceiverReport(next(self._numbers) + 1, ()).to_bytes())
            self.done["reporters"] += count
            _check_open(guest.client)

    async def send_wrong_parameters(self) -> None:
        """Parameters that fit no field on the wire, and media of those that were taken."""
        guest = await self.joined()
        transport_id = (await guest.client.transport(producing=True))["id"]
        for wrong in (
            {"rtcp": {"cname": TOO_LONG}},
            {"mid": TOO_LONG},
            {"encodings": [{"ssrc": 2**40}]},
            {"encodings": [{"rid": TOO_LONG}]},
            {"headerExtensions": [{"uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 5000}]},
            {"codecs": [{"mimeType": "audio/opus", "payloadType": 300, "clockRate": 48000, "channels": 2}]},
        ):
            try:
                await guest.client.request(
                    "produce", transportId=transport_id, kind="audio", rtpParameters=AUDIO | wrong, appData={}
                )
            except Rejected:
                pass
            self.done["parameters"] += 1
        for number in range(50):
            guest.sending.send_rtp(rtp(number, bytes(20), ssrc=AUDIO_SSRC, payload_type=111))
            await asyncio.sleep(0.02)

    async def send_pings(self) -> None:
        """Nothing but empty control frames."""
        await self._flood(frames.frame(frames.PING) * 200 + frames.frame(frames.PONG) * 200)

    async def send_fragments(self) -> None:
        """A message that does not end, a byte at a time, between empty ones."""
        piece = frames.frame(frames.CONTINUATION, b"x", fin=False)
        await self._flood(frames.frame(frames.TEXT) * 200 + frames.frame(frames.TEXT, b"x", fin=False) + piece * 200)

    async def send_spoofed_checks(self) -> None:
        """Good checks for a transport of its own, as if they came from somebody else's address."""
        guest = await self.joined()
        spoofer = Spoofer()
        try:
            async for count in ticks(SPOOFED_PER_S):
                for victim in self.target.victims:
                    for _ in range(count):
                        spoofer.send(guest.sending.check(), victim, guest.sending.remote)
                        self.done["spoofed"] += 1
                _check_open(guest.client)
        finally:
            spoofer.close()

    async def make_copies(self) -> None:
        """Many copies of many producers, and names of 90 kB, for everybody in the room."""
        query = "&consumerReplicas=32"
        guests = [
            await RoomClient.connect(self.target.url, "copies", name, query=query, local_ip=self.ip) for name in "ab"
        ]
        for client in guests:
            await client.join()
        transport_id = (await guests[0].transport(producing=True))["id"]
        for number in range(PRODUCERS):
            parameters = AUDIO | {"encodings": [{"ssrc": 5_000 + number}], "mid": str(number)}
            try:
                await guests[0].request(
                    "produce", transportId=transport_id, kind="audio", rtpParameters=parameters, appData={}
                )
            except Rejected:
                pass
            self.done["copied"] += 1
        for client in guests:
            await client.close()

    async def listen_to_nothing(self) -> None:
        """Connections that do not read, and one that makes them be told much."""
        room = f"deaf-{next(self._numbers)}"
        path = f"/?roomId={room}&peerId="
        deaf = [await frames.open_websocket(self.ip, self.target.port, f"{path}{number}") for number in range(DEAF)]
        loud = await RoomClient.connect(self.target.url, room, "loud", local_ip=self.ip)
        try:
            for number, (_, writer) in enumerate(deaf):
                join = {"request": True, "id": 1, "method": "join", "data": {"displayName": f"{number}", "device": {}}}
                writer.write(frames.frame(frames.TEXT, json.dumps(join).encode()))
            await loud.join()
            async for _ in ticks(50):
                await loud.request("changeDisplayName", displayName="😀" * 60)
                self.done["told"] += DEAF
        finally:
            for _, writer in deaf:
                writer.close()

    async def send_checks(self) -> None:
        """Checks with the right fragment, every other one with a wrong signature."""
        guest = await self.joined()
        right = guest.sending.check()
        wrong = right[:60] + bytes(8) + right[68:]
        async for count in ticks(CHECKS_PER_S):
            for _ in range(count // 2):
                guest.sending.send(right)
                guest.sending.send(wrong)
            self.done["checks"] += count
            _check_open(guest.client)

    async def send_reports(self) -> None:
        """Compound packets of many tiny reports, and requests for packets that nobody lost."""
        guest = await self.joined()
        compound = ReceiverReport(1, ()).to_bytes() * REPORTS_OF_COMPOUND
        async for count in ticks(COMPOUNDS_PER_S):
            for _ in range(count):
                guest.sending.send_rtcp(compound)
                for _ in range(NACKS_PER_S // COMPOUNDS_PER_S):
                    guest.sending.send_rtcp(Nack(1, AUDIO_SSRC, tuple(range(17))).to_bytes())
            self.done["reports"] += count
            _check_open(guest.client)

    async def connect_in_silence(self) -> None:
        """ICE-TCP connections that say nothing."""
        writers: list[asyncio.StreamWriter] = []
        try:
            async for count in ticks(SILENT_PER_S):
                for _ in range(count):
                    opened = asyncio.open_connection("127.0.0.1", self.target.media_port, local_addr=(self.ip, 0))
                    writers.append((await opened)[1])
                    self.done["silent"] += 1
                while len(writers) > SILENT_PER_S:
                    writers.pop(0).close()
        finally:
            for writer in writers:
                writer.close()

    async def make_rooms(self) -> None:
        """A new room with every visit, full of transports."""
        async for count in ticks(ROOMS_PER_S):
            for _ in range(count):
                visit = await self.guest()
                for _ in range(TRANSPORTS_OF_VISIT):
                    await visit.client.transport(producing=True)
                    self.done["transports"] += 1
                self.leave()
                self.done["rooms"] += 1

    async def _flood(self, block: bytes) -> None:
        path = f"/?roomId=flood-{next(self._numbers)}&peerId=x"
        _, writer = await asyncio.wait_for(frames.open_websocket(self.ip, self.target.port, path), PATIENCE_S)
        try:
            async for count in ticks(EMPTY_FRAMES_BYTES_PER_S // len(block)):
                writer.write(block * count)
                await asyncio.wait_for(writer.drain(), PATIENCE_S)
                self.done["frames"] += 400 * count
        finally:
            writer.close()


ATTACKS: tuple[Callable[[Attacker], Awaitable[None]], ...] = (
    Attacker.send_wrong_parameters,
    Attacker.send_new_reporters,
    Attacker.send_pings,
    Attacker.send_fragments,
    Attacker.send_spoofed_checks,
    Attacker.make_copies,
    Attacker.listen_to_nothing,
    Attacker.send_checks,
    Attacker.send_reports,
    Attacker.connect_in_silence,
    Attacker.make_rooms,
)
COUNTS = (
    *("parameters", "reporters", "frames", "copied", "told", "checks", "reports", "silent", "rooms", "transports"),
    "spoofed",
)
"""What must have happened, by the end; the last one as root only."""


async def ticks(per_s: int) -> AsyncIterator[int]:
    """How many to send now, again and again; never more than a tenth of a second's at once."""
    loop = asyncio.get_running_loop()
    began_s, sent = loop.time(), 0
    while True:
        await asyncio.sleep(TICK_S)
        due = int((loop.time() - began_s) * per_s)
        count = min(due - sent, max(1, per_s // 10))
        sent = due
        if count > 0:
            yield count


async def run(target: Target) -> None:
    """Until a line comes on standard input."""
    done: Counter[str] = Counter()
    tasks = [
        asyncio.create_task(_again_and_again(attack, Attacker(target, f"127.0.66.{number}", done)))
        for number, attack in enumerate(ATTACKS, 1)
    ]
    wanted = COUNTS if os.geteuid() == 0 else COUNTS[:-1]
    while not all(done[name] for name in wanted):  # noqa: ASYNC110  # a count is no event
        await asyncio.sleep(TICK_S)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    bugs = [repr(task.exception()) for task in tasks if task.done()]
    print(json.dumps({"done": done, "bugs": bugs}), flush=True)
    os._exit(0)  # as rudely as they came


async def _again_and_again(attack: Callable[[Attacker], Awaitable[None]], attacker: Attacker) -> None:
    while True:
        try:
            await attack(attacker)
        except PermissionError:
            return  # no raw sockets
        except _REFUSED:
            attacker.done["refused"] += 1
        finally:
            attacker.leave()
        await asyncio.sleep(COME_BACK_S)


def _check_open(client: RoomClient) -> None:
    if client.close_code is not None:
        raise ConnectionError("closed by the server")


if __name__ == "__main__":
    os.nice(10)
    _victims = [(ip, int(port)) for ip, _, port in (text.partition(":") for text in sys.argv[3:])]
    asyncio.run(run(Target(int(sys.argv[1]), int(sys.argv[2]), _victims)))
