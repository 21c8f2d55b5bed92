"""A router in a ``World``, with peers on pipe transports that speak RTP and RTCP to it."""

from __future__ import annotations

import itertools
import select
import socket
from typing import Any, Protocol

import msgspec

from miso.worker.channel.bodies.router import CreatePipeTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.transport.pipe_transport import PipeTransport
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtcp.compound import Packet, build_compound, parse_compound
from tests.worker.rtc.parameters import consume_body, produce_body
from tests.worker.rtc.world import World
from tests.worker.rtp.packets import RtpPacket, parse_rtp


class OnTransport(Protocol):
    """Who sends and receives over a transport, of whatever kind."""

    @property
    def transport(self) -> Transport:
        """See above."""

    def send(self, *packets: bytes) -> None:
        """RTP packets come in."""

    def send_rtcp(self, *packets: Any) -> None:
        """One compound RTCP packet comes in."""


class Inside:
    """What comes in over any transport, as if its SRTP had let it pass."""

    def __init__(self, rig: Rig, transport: Transport) -> None:
        self.rig = rig
        self.transport = transport

    def send(self, *packets: bytes) -> None:
        """RTP packets come in."""
        for packet in packets:
            now_us = self.rig.clock.now_us()
            deliver(self.transport.plane.receive(packet, now_us), now_us)
        self.rig.pump()

    def send_rtcp(self, *packets: Any) -> None:
        """One compound RTCP packet comes in."""
        now_us = self.rig.clock.now_us()
        deliver(self.transport.plane.receive_rtcp(build_compound(packets), now_us), now_us)
        self.rig.pump()


class Peer:
    """Who is at the other end of a pipe transport."""

    def __init__(self, rig: Rig, transport: PipeTransport) -> None:
        self.rig = rig
        self.transport = transport
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._rtp: list[RtpPacket] = []
        self._rtcp: list[Packet] = []

    def connect(self) -> None:
        """Makes the transport and the peer know each other."""
        local = self.transport.dump().tuple
        self._socket.connect((local.local_ip, local.local_port))
        ip, port = self._socket.getsockname()
        self.transport.connect(ConnectRequest(ip=ip, port=port))

    def send(self, *packets: bytes) -> None:
        """Sends datagrams and has the worker read them."""
        for packet in packets:
            self._socket.send(packet)
        self.rig.pump()

    def send_rtcp(self, *packets: Any) -> None:
        """Sends one compound packet."""
        self.send(build_compound(packets))

    def rtp(self) -> list[RtpPacket]:
        """The RTP packets received since the last call."""
        self._read()
        packets, self._rtp = self._rtp, []
        return packets

    def rtcp(self, *kinds: type) -> list[Any]:
        """The RTCP packets received since the last call; only those of these kinds when some are given."""
        self._read()
        packets, self._rtcp = self._rtcp, []
        return [packet for packet in packets if not kinds or isinstance(packet, kinds)]

    def _read(self) -> None:
        while select.select([self._socket], [], [], 0)[0]:
            data = self._socket.recv(2048)
            if 192 <= data[1] <= 223:
                self._rtcp.extend(parse_compound(data))
            else:
                self._rtp.append(parse_rtp(data))

    def close(self) -> None:
        self._socket.close()


class Rig:
    """One router."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.clock = self.world.clock
        self.notifier = self.world.notifier
        self.context = self.world.context
        self.tables = self.world.tables
        self._peers: list[Peer] = []
        self._numbers = itertools.count(1)

    def connect(self) -> Peer:
        """A connected transport and the peer at its other end."""
        peer = self.prepare()
        peer.connect()
        return peer

    def prepare(self) -> Peer:
        """A transport that is not connected yet."""
        options = {"transportId": f"transport{next(self._numbers)}", "listenIp": {"ip": "127.0.0.1"}}
        body = msgspec.convert(options, CreatePipeTransportRequest)
        peer = Peer(self, PipeTransport(self.context, self.tables, body.transport_id, body))
        self._peers.append(peer)
        return peer

    def produce(self, peer: OnTransport, **options: Any) -> Producer:
        """A producer; see ``produce_body`` for the options."""
        body = produce_body(f"producer{next(self._numbers)}", **options)
        peer.transport.produce(body)
        return peer.transport.producers[body.producer_id]

    def consume(self, peer: OnTransport, producer: Producer, **options: Any) -> Consumer:
        """A consumer of the producer; its SSRC is 5000 plus its number."""
        number = next(self._numbers)
        body = consume_body(f"consumer{number}", producer, ssrc=5000 + number, **options)
        peer.transport.consume(body)
        return peer.transport.consumers[body.consumer_id]

    def pump(self) -> None:
        """Has the worker do what it wanted to do soon, and read everything that waits."""
        self.clock.settle()
        self.world.sockets.pump()
        self.clock.settle()

    def close(self) -> None:
        """Closes the router; nothing of it may remain."""
        self.tables.close()
        for peer in self._peers:
            peer.close()
        self.world.check_that_nothing_is_left()
