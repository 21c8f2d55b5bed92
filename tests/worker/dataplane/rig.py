"""Real sockets on loopback around a plane: a sending peer, receiving peers, pylibsrtp's own sessions on their side."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

from pylibsrtp import Policy, Session

from miso.worker.dataplane import (
    ConsumerPlane,
    Plane,
    ProducerPlane,
    ReceiveStream,
    SrtpSuite,
    TransportPlane,
    UdpSocket,
)
from miso.worker.rtcp.feedback import Nack
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.worker.rtp import packets
from tests.worker.rtp.packets import RtpPacket, parse_rtp

PROFILES = {
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    SrtpSuite.AEAD_AES_128_GCM: (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    SrtpSuite.AEAD_AES_256_GCM: (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
SSRC = 0x11111111
RTX_SSRC = 0x11111112
VP8, VP8_RTX, OPUS = 101, 102, 111  # as the sender numbers them
ROUTER_VP8, ROUTER_VP8_RTX, ROUTER_OPUS = 96, 97, 100
MID_ID, ABS_SEND_TIME_ID, TRANSPORT_WIDE_CC_ID, AUDIO_LEVEL_ID, ORIENTATION_ID = 1, 4, 5, 10, 11  # the router's
KEY_FRAME = bytes([0x10, 0x00])
DELTA_FRAME = bytes([0x10, 0x01])


def now_us() -> int:
    return time.monotonic_ns() // 1000


def udp(ip: str = "127.0.0.1") -> socket.socket:
    result = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    result.bind((ip, 0))
    result.setblocking(False)
    return result


def address_of(sock: socket.socket) -> tuple[str, int]:
    name = sock.getsockname()
    return name[0], name[1]


def srtp(suite: SrtpSuite, key: bytes, inbound: bool) -> Session:
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=PROFILES[suite][0],
    )
    policy.window_size = 1024
    return Session(policy)


def rtp(
    sequence_number: int,
    payload: bytes = DELTA_FRAME + bytes(200),
    *,
    ssrc: int = SSRC,
    payload_type: int = VP8,
    timestamp: int | None = None,
    marker: bool = False,
    extensions: dict[int, bytes] | None = None,
    padding: int = 0,
) -> bytes:
    """A packet of the sender's VP8 unless told otherwise."""
    return packets.rtp(
        sequence_number,
        payload,
        ssrc=ssrc,
        payload_type=payload_type,
        timestamp=timestamp,
        marker=marker,
        extensions=extensions,
        padding=padding,
    )


class Peer:
    """A remote end with a UDP socket: sends to the plane, reads what the plane sent."""

    def __init__(self, ip: str = "127.0.0.1", suite: SrtpSuite | None = None) -> None:
        self.socket = udp(ip)
        self.suite = suite
        self.renew_keys()

    def renew_keys(self) -> None:
        """Others from now on, and sessions that begin with them."""
        size = PROFILES[self.suite][1] if self.suite is not None else 0
        self.key, self.plane_key = os.urandom(size), os.urandom(size)
        if self.suite is not None:
            self.outgoing = srtp(self.suite, self.key, inbound=False)
            self.incoming = srtp(self.suite, self.plane_key, inbound=True)

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.socket)

    def send(self, packet: bytes, to: tuple[str, int]) -> None:
        self.socket.sendto(self.outgoing.protect(packet) if self.suite is not None else packet, to)

    def datagrams(self) -> Iterator[bytes]:
        while True:
            try:
                yield self.socket.recv(4096)
            except BlockingIOError:
                return

    def packets(self) -> list[RtpPacket]:
        """The RTP packets that wait, unprotected."""
        return [
            parse_rtp(self.incoming.unprotect(datagram) if self.suite is not None else datagram)
            for datagram in self.datagrams()
        ]


class Rig:
    """A plane with one producer's transport; consumers are added."""

    def __init__(self, suite: SrtpSuite | None = None, ip: str = "127.0.0.1") -> None:
        self.plane = Plane()
        self.ip = ip
        self.suite = suite
        self.sockets: list[socket.socket] = []
        self.consumers: list[Consumer] = []
        self.sender = Peer(ip, suite)
        self.socket, self.udp = self.open()
        self.transport = self.transport_to(self.sender, self.udp)
        self.transport.set_receive_extensions(mid=1, rid=2, repaired_rid=3, abs_send_time=6, transport_wide_cc=7)
        self.input = self.make_input(self.transport)
        self.stream = self.add_video(self.input)

    def open(self) -> tuple[socket.socket, UdpSocket]:
        sock = udp(self.ip)
        self.sockets.append(sock)
        return sock, UdpSocket(self.plane, sock.fileno())

    def transport_to(self, peer: Peer, via: UdpSocket) -> TransportPlane:
        transport = TransportPlane(self.plane, peer.suite is not None)
        transport.accept_from(via, peer.address)
        transport.set_destination(via, peer.address)
        if peer.suite is not None:
            transport.set_srtp(peer.suite, peer.key, peer.plane_key)
        transport.connected = True
        return transport

    def make_input(self, transport: TransportPlane) -> ProducerPlane:
        result = transport.add_producer()
        result.map_payload_type(VP8, ROUTER_VP8)
        result.map_payload_type(OPUS, ROUTER_OPUS)
        result.map_extension("mid", 1, MID_ID)
        result.map_extension("abs_send_time", 6, ABS_SEND_TIME_ID)
        result.map_extension("transport_wide_cc", 7, TRANSPORT_WIDE_CC_ID)
        result.map_extension("audio_level", 8, AUDIO_LEVEL_ID)
        result.map_extension("video_orientation", 9, ORIENTATION_ID)
        return result

    def add_video(self, target: ProducerPlane, ssrc: int = SSRC) -> ReceiveStream:
        return target.add_stream(
            ssrc=ssrc,
            mapped_ssrc=ssrc + 1000,
            codec=Codec.VP8,
            payload_type=VP8,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
        )

    def add_audio(self, target: ProducerPlane, ssrc: int) -> ReceiveStream:
        return target.add_stream(
            ssrc=ssrc,
            mapped_ssrc=ssrc + 1000,
            codec=Codec.OPUS,
            payload_type=OPUS,
            clock_rate=48000,
            use_nack=False,
            use_pli=False,
        )

    def add_consumer(
        self, *, suite: SrtpSuite | None = None, via: UdpSocket | None = None, **options: object
    ) -> Consumer:
        consumer = Consumer(self, suite, via, **options)
        self.consumers.append(consumer)
        return consumer

    def send(self, *packets: bytes, at_us: int | None = None) -> list[object]:
        """The sender's packets arrive in one wake-up, now or at a time of CLOCK_MONOTONIC; the events."""
        for packet in packets:
            self.sender.send(packet, address_of(self.socket))
        return list(self.udp.receive(now_us() if at_us is None else at_us))

    def close(self) -> None:
        self.transport.close()
        self.udp.close()
        for sock in self.sockets:
            sock.close()
        self.sender.socket.close()
        for consumer in self.consumers:
            consumer.transport.close()
            consumer.udp.close()
            consumer.peer.socket.close()


class Consumer:
    """One output on a transport of its own, with the peer that receives it."""

    def __init__(self, rig: Rig, suite: SrtpSuite | None, via: UdpSocket | None, **options: object) -> None:
        self.peer = Peer(rig.ip, suite)
        if via is None:
            self.socket, via = rig.open()
        self.udp = via
        self.transport = rig.transport_to(self.peer, via)
        self.output = make_output(self.transport, **options)
        self.output.active = True
        rig.input.add_consumer(self.output)

    def packets(self) -> list[RtpPacket]:
        return self.peer.packets()

    def ask_again(self, sequence_numbers: list[int], now: int) -> int:
        """Its receiver sends a NACK; how many packets were sent again."""
        return ask_again(self.transport, self.output, sequence_numbers, now)


def ask_again(transport: TransportPlane, output: ConsumerPlane, sequence_numbers: list[int], now: int) -> int:
    """The receiver sends a NACK; how many packets were sent again."""
    before = output.packets_retransmitted
    transport.receive_rtcp(Nack(1, output.ssrc, tuple(sequence_numbers)).to_bytes(), now)
    return output.packets_retransmitted - before


def make_output(transport: TransportPlane, **options: object) -> ConsumerPlane:
    """An output for VP8 with RTX; ``options`` replace what is given here."""
    given: dict[str, object] = {
        "ssrc": 0x22222222,
        "rtx_ssrc": 0x22222223,
        "codec": Codec.VP8,
        "clock_rate": 90000,
        "payload_types": [ROUTER_VP8],
        "rtx_payload_types": {ROUTER_VP8: ROUTER_VP8_RTX},
        "mid": "7",
        "mid_id": MID_ID,
        "abs_send_time_id": ABS_SEND_TIME_ID,
        "transport_wide_cc_id": TRANSPORT_WIDE_CC_ID,
        "keep_for_retransmission": True,
        "selector": SimpleLayerSelector(True),
    }
    return ConsumerPlane(transport, **(given | options))  # type: ignore[arg-type]
