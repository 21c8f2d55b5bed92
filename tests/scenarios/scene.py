"""A router in this process on a fake clock, and endpoints joined to it by seeded network paths.

The worker's sockets are real ones on loopback, because the data plane reads descriptors, but a datagram enters them
when the path says so, and time passes in steps of a millisecond.
"""

from __future__ import annotations

import base64
import itertools
import socket
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from miso.worker.channel.bodies.router import CreatePlainTransportRequest, CreateWebRtcTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, SrtpParameters
from miso.worker.errors import ParseError
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.data.sctp_association import is_sctp
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.transport.plain_transport import PlainTransport
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from miso.worker.rtcp.compound import Packet, build_compound, parse_compound
from tests.scenarios.encoding import Encoding
from tests.scenarios.network import Path
from tests.scenarios.protection import NoProtection, SrtpProtection
from tests.scenarios.simulcast import simulcast_options, simulcast_parameters
from tests.worker.rtc.parameters import MAPPED_SSRC, consume_body, produce_body, video_parameters
from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtc.world import World, enlarge_buffers
from tests.worker.rtp.packets import RtpPacket, parse_rtp

STEP_US = 1_000

Address = tuple[str, int]


class Actor(Protocol):
    """Something at an endpoint that sends and receives media."""

    def tick(self, now_us: int) -> None:
        """Time has passed."""

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """An RTP packet came."""

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """One packet of a compound came."""


class Endpoint:
    """A host with one transport to the worker; ``to_worker`` and ``from_worker`` are its network."""

    def __init__(self, scene: Scene, transport: Transport, sock: socket.socket, address: Address) -> None:
        self.scene = scene
        self.transport = transport
        self.to_worker, self.from_worker = Path(), Path()
        self.actors: list[Actor] = []
        self.on_sctp: Callable[[bytes, int], None] | None = None
        self.protection: NoProtection = NoProtection()
        self.move(sock, address)

    def move(self, sock: socket.socket, address: Address) -> None:
        """Speaks to the worker's ``address`` through another socket from now on."""
        enlarge_buffers(sock)
        sock.setblocking(False)
        self.socket, self._worker_address = sock, address

    def send_rtp(self, packet: bytes) -> None:
        """Puts an RTP packet on the way to the worker."""
        self.to_worker.send(self.protection.protect(packet, is_rtcp=False), self.scene.now_us)

    def send_rtcp(self, *packets: Any) -> None:
        """Puts a compound packet on the way to the worker."""
        self.send_raw_rtcp(build_compound(packets))

    def send_raw_rtcp(self, data: bytes) -> None:
        """Puts the bytes of a compound packet on the way to the worker."""
        self.to_worker.send(self.protection.protect(data, is_rtcp=True), self.scene.now_us)

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
        if data[0] < 128:  # STUN, DTLS (RFC 7983)
            if self.on_sctp is not None and is_sctp(data):
                self.on_sctp(data, now_us)
            return
        is_rtcp = 192 <= data[1] <= 223
        clear = self.protection.unprotect(data, is_rtcp=is_rtcp)
        if clear is None:
            return
        if not is_rtcp:
            for actor in self.actors:
                actor.on_rtp(parse_rtp(clear), now_us)
            return
        try:
            packets = parse_compound(clear)
        except ParseError as error:
            raise AssertionError(f"the worker sent malformed RTCP: {error}") from error
        for actor in self.actors:
            for packet in packets:
                actor.on_rtcp(packet, now_us)


class Scene:
    """One router, its endpoints, and the time of all of them."""

    def __init__(self) -> None:
        self.world = World()
        self.endpoints: list[Endpoint] = []
        self._numbers = itertools.count(1)

    @property
    def now_us(self) -> int:
        """The time of the worker and of everybody else."""
        return self.world.clock.now_us()

    def ntp(self) -> int:
        """The wall clock of everybody, as 64-bit NTP time."""
        return self.world.clock.ntp_now()

    def connect(
        self, to: Path | None = None, back: Path | None = None, *, suite: str | None = None, sctp: bool = False
    ) -> Endpoint:
        """An endpoint on a connected plain transport; without paths the network is perfect.

        Args:
            to: the network towards the worker.
            back: the network from there.
            suite: of SRTP, None for plain RTP.
            sctp: whether data may go, too.
        """
        name = f"transport{next(self._numbers)}"
        options: dict[str, object] = {"transportId": name, "listenIp": {"ip": "127.0.0.1"}}
        if suite is not None:
            options |= {"enableSrtp": True, "srtpCryptoSuite": suite}
        if sctp:
            options |= {"enableSctp": True, "numSctpStreams": {"OS": 16, "MIS": 16}, "maxSctpMessageSize": 262_144}
        body = msgspec.convert(options, CreatePlainTransportRequest)
        transport = PlainTransport(self.world.context, self.world.tables, name, body)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        dump = transport.dump()
        endpoint = Endpoint(self, transport, sock, ("127.0.0.1", dump.tuple.local_port))
        endpoint.to_worker, endpoint.from_worker = to or Path(), back or Path()
        keys = None
        if suite is not None:
            assert dump.srtp_parameters is not None
            remote_key = base64.b64decode(dump.srtp_parameters.key_base64)
            local_key = bytes(range(len(remote_key)))
            keys = SrtpParameters(crypto_suite=suite, key_base64=base64.b64encode(local_key).decode())
            endpoint.protection = SrtpProtection(suite, local_key, remote_key)
        transport.connect(ConnectRequest(ip="127.0.0.1", port=sock.getsockname()[1], srtp_parameters=keys))
        self.endpoints.append(endpoint)
        return endpoint

    def connect_webrtc(self) -> tuple[Endpoint, WebRtcPeer]:
        """An endpoint on a WebRTC transport after ICE and DTLS, and who has spoken these."""
        name = f"transport{next(self._numbers)}"
        options = {"transportId": name, "listenIps": [{"ip": "127.0.0.1"}], "iceConsentTimeout": 0}
        body = msgspec.convert(options, CreateWebRtcTransportRequest)
        transport = WebRtcTransport(self.world.context, self.world.tables, name, body)
        peer = WebRtcPeer(self.world, transport.dump())
        peer.connect_ice()
        connected = peer.connect_dtls(transport)
        endpoint = Endpoint(self, transport, peer.socket, peer.remote)
        endpoint.protection = SrtpProtection("AEAD_AES_256_GCM", connected.local_key, connected.remote_key)
        assert connected.srtp_suite == 8, "not the profile of the keys"
        self.endpoints.append(endpoint)
        return endpoint, peer

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

    def produce_simulcast(self, endpoint: Endpoint, encodings: list[Encoding], temporal_layers: int = 3) -> Producer:
        """A producer of all encodings of a camera."""
        return self.produce(endpoint, parameters=simulcast_parameters(encodings, temporal_layers))

    def produce_svc(self, endpoint: Endpoint, encoding: Encoding, mode: str) -> Producer:
        """A producer of one VP9 stream with spatial layers, ``mode`` as ``L3T3_KEY``."""
        described = [{"ssrc": encoding.ssrc, "rtx": {"ssrc": encoding.rtx_ssrc}, "scalabilityMode": mode}]
        return self.produce(endpoint, parameters=_as_vp9(video_parameters(encodings=described)))

    def consume_svc(self, endpoint: Endpoint, producer: Producer, mode: str) -> Consumer:
        """A consumer of a choice of layers of an SVC producer."""
        ssrc = 5000 + next(self._numbers)
        parameters = _as_vp9(_unmanaged(consume_body("parameters", producer, ssrc=ssrc)))
        parameters["encodings"][0]["scalabilityMode"] = mode
        return self.consume(
            endpoint,
            producer,
            type="svc",
            rtpParameters=parameters,
            consumableRtpEncodings=[{"ssrc": MAPPED_SSRC, "scalabilityMode": mode}],
        )

    def consume_simulcast(
        self, endpoint: Endpoint, producer: Producer, temporal_layers: int = 3, *, managed: bool = False
    ) -> Consumer:
        """A consumer of one layer at a time of a simulcast producer; ``managed``: its bandwidth is estimated."""
        ssrc = 5000 + next(self._numbers)
        count = len(producer.rtp_parameters.encodings)
        return self.consume(endpoint, producer, **simulcast_options(count, ssrc, temporal_layers, managed=managed))

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
            self.world.clock.advance(STEP_US / 1000)
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
        self.world.check_that_nothing_is_left()


def _unmanaged(body: ConsumeRequest) -> dict[str, Any]:
    """Without congestion control: the consumer has the layers it prefers."""
    parameters: dict[str, Any] = msgspec.to_builtins(body.rtp_parameters)
    for codec in parameters["codecs"]:
        feedback = codec.get("rtcpFeedback", [])
        codec["rtcpFeedback"] = [one for one in feedback if one["type"] not in ("transport-cc", "goog-remb")]
    return parameters


def _as_vp9(parameters: dict[str, Any]) -> dict[str, Any]:
    parameters["codecs"] = [
        codec | {"mimeType": "video/VP9"} if codec["mimeType"] == "video/VP8" else codec
        for codec in parameters["codecs"]
    ]
    return parameters
