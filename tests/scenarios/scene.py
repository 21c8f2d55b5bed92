"""A router in this process on a fake clock, and endpoints joined to it by seeded network paths.

The worker's sockets are real ones on loopback, because the data plane reads descriptors, but a datagram enters them when the
path says so, and time passes in steps of a millisecond.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from tests.scenarios.network import Path
from tests.worker.rtc.path_world import World, enlarge_buffers
from tests.worker.rtc.rig import Rtp, consume_body, parse_rtp, produce_body
from worker.channel.bodies.router import CreatePlainTransportRequest
from worker.channel.bodies.transport import ConnectRequest
from worker.errors import ParseError
from worker.rtc.consumer import Consumer
from worker.rtc.plain_transport import PlainTransport
from worker.rtc.producer import Producer
from worker.rtc.transport import Transport
from worker.rtcp.compound import Packet, build_compound, parse_compound

STEP_US = 1_000


class Actor(Protocol):
    """Something at an endpoint that sends and receives media."""

    def tick(self, now_us: int) -> None:
        """Time has passed."""

    def on_rtp(self, packet: Rtp, now_us: int) -> None:
        """An RTP packet came."""

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """One packet of a compound came."""


class Protection(Protocol):
    """SRTP, as ``pylibsrtp.Session`` pairs give it."""

    def protect(self, data: bytes, *, is_rtcp: bool) -> bytes: ...
    def unprotect(self, data: bytes, *, is_rtcp: bool) -> bytes: ...


@dataclass
class NoProtection:
    """Plain RTP."""

    def protect(self, data: bytes, *, is_rtcp: bool) -> bytes:
        return data

    def unprotect(self, data: bytes, *, is_rtcp: bool) -> bytes:
        return data


class Endpoint:
    """A host with one transport to the worker; ``to_worker`` and ``from_worker`` are its network."""

    def __init__(self, scene: Scene, transport: Transport, address: tuple[str, int], to: Path, back: Path) -> None:
        self.scene = scene
        self.transport = transport
        self.to_worker, self.from_worker = to, back
        self.actors: list[Actor] = []
        self.protection: Protection = NoProtection()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        enlarge_buffers(self.socket)
        self.socket.setblocking(False)
        self._worker_address = address

    def send_rtp(self, packet: bytes) -> None:
        """Puts an RTP packet on the way to the worker."""
        self.to_worker.send(self.protection.protect(packet, is_rtcp=False), self.scene.now_us)

    def send_rtcp(self, *packets: Any) -> None:
        """Puts a compound packet on the way to the worker."""
        data = self.protection.protect(build_compound(packets), is_rtcp=True)
        self.to_worker.send(data, self.scene.now_us)

    def deliver(self) -> bool:
        """What the network has carried goes into the worker's socket; whether there was anything."""
        arrived = self.to_worker.take_due(self.scene.now_us)
        for data in arrived:
            self.socket.sendto(data, self._worker_address)
        return bool(arrived)

    def collect(self) -> None:
        """What the worker has sent goes into the network, and what the network has carried to the actors."""
        now_us = self.scene.now_us
        while True:
            try:
                self.from_worker.send(self.socket.recv(2048), now_us)
            except BlockingIOError:
                break
        for data in self.from_worker.take_due(now_us):
            self._receive(data, now_us)

    def _receive(self, data: bytes, now_us: int) -> None:
        if 192 <= data[1] <= 223:
            try:
                packets = parse_compound(self.protection.unprotect(data, is_rtcp=True))
            except ParseError as error:
                raise AssertionError(f"the worker sent malformed RTCP: {error}") from error
            for actor in self.actors:
                for packet in packets:
                    actor.on_rtcp(packet, now_us)
            return
        rtp = parse_rtp(self.protection.unprotect(data, is_rtcp=False))
        for actor in self.actors:
            actor.on_rtp(rtp, now_us)


class Scene:
    """One router, its endpoints, and the time of all of them."""

    def __init__(self) -> None:
        self.world = World()
        self.endpoints: list[Endpoint] = []
        self._numbers = itertools.count(1)

    @property
    def now_us(self) -> int:
        """The time of the worker and of everybody else."""
        return self.world.scheduler.now_us()

    def ntp(self) -> int:
        """The wall clock of everybody, as 64-bit NTP time."""
        return self.world.scheduler.ntp_now()

    def connect(self, to: Path | None = None, back: Path | None = None) -> Endpoint:
        """An endpoint on a connected plain transport; without paths the network is perfect."""
        name = f"transport{next(self._numbers)}"
        options = {"transportId": name, "listenIp": {"ip": "127.0.0.1"}}
        body = msgspec.convert(options, CreatePlainTransportRequest)
        transport = PlainTransport(self.world.context, self.world.tables, name, body)
        address = ("127.0.0.1", transport.dump().tuple.local_port)
        endpoint = Endpoint(self, transport, address, to or Path(), back or Path())
        transport.connect(ConnectRequest(ip="127.0.0.1", port=endpoint.socket.getsockname()[1]))
        self.endpoints.append(endpoint)
        return endpoint

    def produce(self, endpoint: Endpoint, **options: Any) -> Producer:
        """A producer of the endpoint's media; options as ``rig.produce_body`` has them."""
        body = produce_body(f"producer{next(self._numbers)}", **options)
        endpoint.transport.produce(body)
        return endpoint.transport.producers[body.producer_id]

    def consume(self, endpoint: Endpoint, producer: Producer, **options: Any) -> Consumer:
        """A consumer towards the endpoint; its SSRC is 5000 plus its number, that of its RTX 1000 more."""
        number = next(self._numbers)
        body = consume_body(f"consumer{number}", producer, ssrc=5000 + number, **options)
        endpoint.transport.consume(body)
        return endpoint.transport.consumers[body.consumer_id]

    def run(self, seconds: float, each: Callable[[], None] | None = None) -> None:
        """Lets time pass; ``each`` is called every millisecond."""
        for _ in range(int(seconds * 1_000_000) // STEP_US):
            for endpoint in self.endpoints:
                for actor in endpoint.actors:
                    actor.tick(self.now_us)
            delivered = [endpoint.deliver() for endpoint in self.endpoints]
            if any(delivered):
                while self.world.sockets.poll(0):
                    pass
            self.world.scheduler.advance(STEP_US)
            for endpoint in self.endpoints:
                endpoint.collect()
            if each is not None:
                each()

    def close(self) -> None:
        """Closes the router; nothing of it may remain."""
        self.world.tables.close()
        for endpoint in self.endpoints:
            endpoint.transport.close()
            endpoint.socket.close()
        assert self.world.registry.objects == {}
        assert self.world.scheduler.waiting == 0
        assert not self.world.sockets.all
