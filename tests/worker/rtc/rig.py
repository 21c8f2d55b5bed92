"""A router with a fake clock, real UDP ports on localhost and peers that speak RTP and RTCP to them."""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from worker.channel.bodies.router import CreatePipeTransportRequest
from worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, ProduceRequest
from worker.dataplane.plane import Plane
from worker.errors import CommandError
from worker.rtc.consumer import Consumer
from worker.rtc.context import BoundSocket, Context
from worker.rtc.pipe_transport import PipeTransport
from worker.rtc.producer import Producer
from worker.rtc.router_tables import RouterTables
from worker.rtcp.compound import Packet, build_compound, parse_compound

START_US = 1_000_000_000
START_NTP = 0xE000_0000_0000_0000

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ORIENTATION_URI = "urn:3gpp:video-orientation"

# VP8: descriptor with the start bit, then the first byte of a key or delta frame (RFC 7741)
KEY_FRAME = b"\x10\x00\x00\x00\x9d\x01\x2a" + bytes(40)
DELTA_FRAME = b"\x10\x01" + bytes(40)


@dataclass(order=True)
class FakeTimer:
    due_us: int
    order: int
    callback: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self._now_us = START_US
        self._timers: list[FakeTimer] = []
        self._order = itertools.count()

    def now_us(self) -> int:
        return self._now_us

    def ntp_now(self) -> int:
        return START_NTP + ((self._now_us - START_US) << 32) // 1_000_000

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self._now_us + delay_us, next(self._order), callback)
        heapq.heappush(self._timers, timer)
        return timer

    def advance(self, milliseconds: float) -> None:
        end_us = self._now_us + int(milliseconds * 1000)
        while self._timers and self._timers[0].due_us <= end_us:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._now_us = timer.due_us
                timer.callback()
        self._now_us = end_us

    @property
    def waiting(self) -> int:
        """Timers that would wake the worker."""
        return sum(not timer.cancelled for timer in self._timers)


class Recorder:
    """The pipes to the controller: what was said on them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Any]] = []
        self.payloads: list[tuple[str, str, bytes]] = []
        self.payload_bodies: list[Any] = []

    def notify(self, target_id: str, event: str, body: object | None = None) -> None:
        self.events.append((target_id, event, msgspec.to_builtins(body)))

    def notify_with_payload(self, target_id: str, event: str, body: object | None, payload: bytes) -> None:
        self.payloads.append((target_id, event, payload))
        self.payload_bodies.append(msgspec.to_builtins(body))

    def take(self, target_id: str, event: str) -> list[Any]:
        """The bodies of an object's events of this name; they are gone afterwards."""
        bodies = [body for target, name, body in self.events if (target, name) == (target_id, event)]
        self.events = [entry for entry in self.events if entry[:2] != (target_id, event)]
        return bodies


class Ids:
    """The worker's object table."""

    def __init__(self) -> None:
        self.handlers: dict[str, object] = {}

    def add(self, handler: object, object_id: str, parent_id: str | None) -> None:
        if object_id in self.handlers:
            raise CommandError(f"{object_id} exists")
        self.handlers[object_id] = handler

    def remove(self, object_id: str, parent_id: str | None) -> None:
        self.handlers.pop(object_id, None)


class Port:
    """A bound UDP socket, read when the rig says so."""

    def __init__(self, ports: Ports, ip: str, port: int | None, on_readable: Callable[[], None]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, port or 0))
        self.socket.setblocking(False)
        self.on_readable = on_readable
        self._ports = ports
        ports.open.append(self)

    @property
    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def local_address(self) -> tuple[str, int]:
        ip, port = self.socket.getsockname()[:2]
        return ip, port

    def watch_writable(self, callback: Callable[[], None] | None) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._ports.open.remove(self)
        self.socket.close()


class Ports:
    """Opens sockets."""

    def __init__(self) -> None:
        self.open: list[Port] = []

    def open_udp(self, ip: str, port: int | None, on_readable: Callable[[], None]) -> BoundSocket:
        return Port(self, ip, port, on_readable)

    def listen_tcp(self, ip: str, port: int | None, on_connection: Callable[..., Any]) -> BoundSocket:
        raise NotImplementedError

    def pump(self) -> None:
        """Has everything that waits read."""
        while ready := [port for port in self.open if select.select([port.socket], [], [], 0)[0]]:
            for port in ready:
                port.on_readable()


@dataclass(frozen=True)
class Rtp:
    """An RTP packet as a peer sees it."""

    ssrc: int
    payload_type: int
    sequence_number: int
    timestamp: int
    marker: bool
    payload: bytes
    extensions: dict[int, bytes]


def rtp(
    sequence_number: int,
    payload: bytes = DELTA_FRAME,
    *,
    ssrc: int,
    payload_type: int,
    timestamp: int | None = None,
    extensions: dict[int, bytes] | None = None,
) -> bytes:
    """The bytes of a packet; header extensions in one-byte form (RFC 8285)."""
    head = 0x90 if extensions else 0x80
    timestamp = sequence_number * 3000 if timestamp is None else timestamp
    packet = struct.pack("!BBHII", head, payload_type, sequence_number & 0xFFFF, timestamp, ssrc)
    if extensions:
        body = b"".join(bytes((id_ << 4 | len(value) - 1,)) + value for id_, value in extensions.items())
        body += bytes(-len(body) % 4)
        packet += struct.pack("!HH", 0xBEDE, len(body) // 4) + body
    return packet + payload


def parse_rtp(data: bytes) -> Rtp:
    first, second, number, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    offset = 12
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        size = 4 * struct.unpack_from("!H", data, 14)[0]
        at, offset = 16, 16 + size
        while at < offset:
            if data[at] == 0:
                at += 1
                continue
            length = (data[at] & 15) + 1
            extensions[data[at] >> 4] = data[at + 1 : at + 1 + length]
            at += 1 + length
    return Rtp(ssrc, second & 0x7F, number, timestamp, bool(second & 0x80), data[offset:], extensions)


class Peer:
    """Who is at the other end of a transport."""

    def __init__(self, rig: Rig, transport: PipeTransport) -> None:
        self.rig = rig
        self.transport = transport
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._rtp: list[Rtp] = []
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
        self.rig.ports.pump()

    def send_rtcp(self, *packets: Any) -> None:
        """Sends one compound packet."""
        self.send(build_compound(packets))

    def rtp(self) -> list[Rtp]:
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

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.notifier = Recorder()
        self.ids = Ids()
        self.ports = Ports()
        # There is no DTLS on these transports, so nobody asks for the certificate.
        certificate = cast("Any", None)
        self.context = Context(self.notifier, self.clock, self.ports, self.ids, Plane(), certificate)
        self.tables = RouterTables("router")
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

    def produce(self, peer: Peer, **options: Any) -> Producer:
        """A producer; see ``produce_body`` for the options."""
        body = produce_body(f"producer{next(self._numbers)}", **options)
        peer.transport.produce(body)
        return peer.transport.producers[body.producer_id]

    def consume(self, peer: Peer, producer: Producer, **options: Any) -> Consumer:
        """A consumer of the producer; its SSRC is 5000 plus its number."""
        number = next(self._numbers)
        body = consume_body(f"consumer{number}", producer, ssrc=5000 + number, **options)
        peer.transport.consume(body)
        return peer.transport.consumers[body.consumer_id]

    def close(self) -> None:
        self.tables.close()
        for peer in self._peers:
            peer.close()
        assert self.ids.handlers == {}
        assert self.clock.waiting == 0
        assert self.ports.open == []


VIDEO_SSRC, VIDEO_RTX_SSRC, AUDIO_SSRC = 1111, 1112, 2222
MAPPED_SSRC = 9000
VIDEO_FEEDBACK = [
    {"type": "nack"},
    {"type": "nack", "parameter": "pli"},
    {"type": "ccm", "parameter": "fir"},
    {"type": "goog-remb"},
    {"type": "transport-cc"},
]


def video_parameters(**changes: Any) -> dict[str, Any]:
    """VP8 (96) with RTX (97)."""
    return {
        "mid": "v",
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "rtcpFeedback": VIDEO_FEEDBACK},
            {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}},
        ],
        "encodings": [{"ssrc": VIDEO_SSRC, "rtx": {"ssrc": VIDEO_RTX_SSRC}}],
        "headerExtensions": [{"uri": MID_URI, "id": 4}, {"uri": ORIENTATION_URI, "id": 7}],
        "rtcp": {"cname": "sender"},
        **changes,
    }


def audio_parameters(**changes: Any) -> dict[str, Any]:
    """Opus (111)."""
    return {
        "mid": "a",
        "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": AUDIO_SSRC}],
        "headerExtensions": [{"uri": MID_URI, "id": 4}, {"uri": AUDIO_LEVEL_URI, "id": 8}],
        "rtcp": {"cname": "sender"},
        **changes,
    }


def produce_body(
    producer_id: str, kind: str = "video", parameters: dict[str, Any] | None = None, **options: Any
) -> ProduceRequest:
    parameters = parameters or (video_parameters() if kind == "video" else audio_parameters())
    encodings = [
        {"mappedSsrc": MAPPED_SSRC + index, "ssrc": encoding.get("ssrc"), "rid": encoding.get("rid")}
        for index, encoding in enumerate(parameters["encodings"])
    ]
    codecs = [
        {"payloadType": codec["payloadType"], "mappedPayloadType": 100 + index}
        for index, codec in enumerate(parameters["codecs"])
    ]
    body = {
        "producerId": producer_id,
        "kind": kind,
        "rtpParameters": parameters,
        "rtpMapping": {"codecs": codecs, "encodings": encodings},
        **options,
    }
    return msgspec.convert(body, ProduceRequest)


def consume_body(consumer_id: str, producer: Producer, ssrc: int, **options: Any) -> ConsumeRequest:
    video = {
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": VIDEO_FEEDBACK},
            {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}},
        ],
        "encodings": [{"ssrc": ssrc, "rtx": {"ssrc": ssrc + 1000}}],
        "headerExtensions": [
            {"uri": MID_URI, "id": 1},
            {"uri": ABS_SEND_TIME_URI, "id": 4},
            {"uri": TRANSPORT_WIDE_CC_URI, "id": 5},
        ],
    }
    audio = {
        "codecs": [{"mimeType": "audio/opus", "payloadType": 100, "clockRate": 48000, "channels": 2}],
        "encodings": [{"ssrc": ssrc}],
        "headerExtensions": [{"uri": MID_URI, "id": 1}, {"uri": ABS_SEND_TIME_URI, "id": 4}],
    }
    parameters = video if producer.kind == "video" else audio
    body = {
        "consumerId": consumer_id,
        "producerId": producer.id,
        "kind": producer.kind,
        "rtpParameters": {"mid": "0", "rtcp": {"cname": "router"}, **parameters},
        "type": "simple",
        "consumableRtpEncodings": [{"ssrc": MAPPED_SSRC}],
        **options,
    }
    return msgspec.convert(body, ConsumeRequest)
