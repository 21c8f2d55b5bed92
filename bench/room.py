"""A worker with one producer or many, and receivers on plain transports of their own, set up over the channel."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

from bench.figures import Sent
from bench.load import Sender, send_in_turn
from bench.processes import cpu_ns
from bench.sinks import Sinks
from bench.workers import accepted
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import Kind, RtpType
from miso.worker.channel.bodies.router import CreatePlainTransportRequest, ListenIp, SrtpCryptoSuite
from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    EncodingMapping,
    RtcpFeedback,
    RtcpParameters,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpHeaderExtensionParameters,
    RtpMapping,
    RtpParameters,
    RtxParameters,
)
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConsumeRequest,
    ConsumerLayers,
    ProduceRequest,
    SetBitrateRequest,
    SrtpParameters,
)
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from miso.worker.srtp_suite import SrtpSuite
from tests.harness.client import WorkerClient

LOCAL = "127.0.0.1"
ROUTER = {"routerId": "router"}
PRODUCER_SSRC = 1_000_000
MAPPED_SSRC = 2_000_000
CONSUMER_SSRC = 3_000_000
MAX_STREAMS = 3  # of a producer
PAYLOAD_TYPE = 101
MID_ID, ABS_SEND_TIME_ID, TRANSPORT_WIDE_CC_ID = 1, 4, 5

ENOUGH_BPS = 1_000_000_000
FRAME_PACKETS: dict[Kind, int] = {"audio": 1, "video": 10}
PACKET_SIZE: dict[Kind, int] = {"audio": 120, "video": 1100}  # bytes before SRTP, as they come from a sender
LATE_S = 5.0  # what has not come by then is lost
SCALABILITY = {"simple": None, "simulcast": "L3T1", "svc": "L3T1"}
HEADER_EXTENSIONS = [
    RtpHeaderExtensionParameters(uri=uri, id=identifier)
    for uri, identifier in (
        ("urn:ietf:params:rtp-hdrext:sdes:mid", MID_ID),
        ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", ABS_SEND_TIME_ID),
        ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", TRANSPORT_WIDE_CC_ID),
    )
]


def make_codecs(mime_type: str) -> list[RtpCodecParameters]:
    """A codec and, of video, its retransmissions."""
    if mime_type == "audio/opus":
        return [
            RtpCodecParameters(
                mime_type=mime_type,
                payload_type=PAYLOAD_TYPE,
                clock_rate=48000,
                channels=2,
                rtcp_feedback=[RtcpFeedback(type="transport-cc")],
            )
        ]
    feedback = [
        RtcpFeedback(type="nack"),
        RtcpFeedback(type="nack", parameter="pli"),
        RtcpFeedback(type="transport-cc"),
    ]
    return [
        RtpCodecParameters(mime_type=mime_type, payload_type=PAYLOAD_TYPE, clock_rate=90000, rtcp_feedback=feedback),
        RtpCodecParameters(mime_type="video/rtx", payload_type=102, clock_rate=90000, parameters={"apt": PAYLOAD_TYPE}),
    ]


class Room:
    """Everything that one measurement needs, ready to send.

    Attributes:
        pid: Of the worker.
        client: Drives it.
        senders: Each sends to the transport of a producer of its own.
        sinks: Where the consumers' packets arrive.
        ways: For each receiver the port of its transport, and the key that the worker knows as the receiver's.
    """

    def __init__(
        self,
        worker_bin: Sequence[str],
        dialect: Dialect,
        suite: SrtpSuite | None,
        receivers: int | Sinks,
        kind: RtpType,
        media: Kind = "video",
        senders: int = 1,
    ) -> None:
        """Starts a worker, and lets all come.

        Args:
            worker_bin: Command line of the worker.
            dialect: That it speaks.
            suite: None: without SRTP.
            receivers: How many, or their sockets, which are closed with the room. Each has a transport, and a consumer
                of the next producer for each of its streams, in turn.
            kind: Of the producers.
            media: Opus has one stream without repair.
            senders: How many, each with a transport and a producer.

        Raises:
            RuntimeError: The worker refuses something.
        """
        self._suite = suite
        self._kind = kind
        self._media = media
        mime_type = "audio/opus" if media == "audio" else "video/VP9" if kind == "svc" else "video/VP8"
        self._codecs = make_codecs(mime_type)
        self.sinks = Sinks(receivers) if isinstance(receivers, int) else receivers
        self.ways: list[tuple[int, bytes]] = []
        self.sinks.expect([self._consumer_ssrc(index, 0) for index in range(len(self.sinks.addresses))])
        self.senders: list[Sender] = []
        self.client = WorkerClient(worker_bin, dialect, ["--logLevel=error"])
        try:
            self._ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
            for index in range(senders):
                self._add_sender(index)
            for index, address in enumerate(self.sinks.addresses):
                key = self._make_key()
                self.ways.append((self._make_transport(f"receiver-{index}", address, key), key))
                for stream in range(self.sinks.streams):
                    self._consume(index, stream)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def sender(self) -> Sender:
        """The first one."""
        return self.senders[0]

    def send(
        self,
        *,
        seconds: float,
        rate: float,
        in_bursts: bool = False,
        late_s: float = LATE_S,
    ) -> Sent:
        """The senders send in turn.

        Args:
            seconds: How long.
            rate: Packets that are forwarded a second, to all receivers together.
            in_bursts: The packets of a frame at once; else one after another in equal steps.
            late_s: So long is waited for what has not come: the worker waits for a core, maybe.
        """
        sinks, consumers = self.sinks, len(self.sinks.addresses) * self.sinks.streams // len(self.senders)
        wanted, arrived, before_ns, began_s = self._wanted(), sinks.received, self.cpu_ns(), time.monotonic()
        send_in_turn(
            self.senders,
            sinks,
            seconds=seconds,
            packets_per_second=rate / consumers * self.sender.packets_per_wanted,
            frame_packets=FRAME_PACKETS[self._media],
            packet_size=PACKET_SIZE[self._media],
            in_bursts=in_bursts,
        )
        took_s = time.monotonic() - began_s
        expected = (self._wanted() - wanted) * consumers
        until = time.monotonic() + late_s
        while sinks.received - arrived < expected and time.monotonic() < until:
            time.sleep(LATE_S / 500)
            sinks.drain()
        arrived = sinks.received - arrived
        return Sent((self.cpu_ns() - before_ns) / 1000 / max(arrived, 1), expected, arrived, took_s)

    def _wanted(self) -> int:
        return sum(sender.wanted for sender in self.senders)

    def _make_key(self) -> bytes:
        return os.urandom(self._suite.keying_size) if self._suite else b""

    def _consumer_ssrc(self, receiver: int, stream: int) -> int:
        return CONSUMER_SSRC + 2 * (receiver * self.sinks.streams + stream)

    @property
    def _streams(self) -> int:
        return MAX_STREAMS if self._kind == "simulcast" else 1

    @property
    def _stream_mode(self) -> str | None:
        """Of each of the producer's streams."""
        return SCALABILITY[self._kind] if self._kind == "svc" else None

    def _rtx(self, ssrc: int) -> RtxParameters | None:
        return RtxParameters(ssrc=ssrc + 1) if self._media == "video" else None

    def choose_layers(self) -> None:
        """The receivers of SVC want two of the three spatial layers; to be called when all of them have come."""
        if self._kind != "svc":
            return
        for index in range(len(self.sinks.addresses)):
            internal = {
                **ROUTER,
                "transportId": f"receiver-{index}",
                "consumerId": f"consumer-{index}-0",
                "producerId": "producer-0",
            }
            self._ask(commands.CONSUMER_SET_PREFERRED_LAYERS, internal, ConsumerLayers(spatial_layer=1))

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self.client.pid

    def cpu_ns(self) -> int:
        """CPU that the worker used since it started, user and system, all its threads."""
        return cpu_ns(self.pid)

    def close(self) -> None:
        """Ends the worker. Idempotent."""
        self.client.close()
        for sender in self.senders:
            sender.close()
        self.sinks.close()

    # ------------------------------------------------------------ setting up

    def _ask(self, command: Command[Any, Any], internal: dict[str, str], body: Any) -> Any:
        return accepted(command, self.client.request(command, internal, body)).data

    def _make_transport(self, name: str, remote: tuple[str, int], key: bytes) -> int:
        """The transport's local port."""
        created = self._ask(
            commands.ROUTER_CREATE_PLAIN_TRANSPORT,
            ROUTER,
            CreatePlainTransportRequest(
                transport_id=name,
                listen_ip=ListenIp(ip=LOCAL),
                enable_srtp=self._suite is not None,
                srtp_crypto_suite=cast(SrtpCryptoSuite, self._suite.name) if self._suite else None,
            ),
        )
        srtp = None
        if self._suite:
            srtp = SrtpParameters(crypto_suite=self._suite.name, key_base64=base64.b64encode(key).decode())
        ip, port = remote
        self._ask(
            commands.TRANSPORT_CONNECT,
            {**ROUTER, "transportId": name},
            ConnectRequest(ip=ip, port=port, srtp_parameters=srtp),
        )
        local_port: int = created["tuple"]["localPort"]
        return local_port

    def _add_sender(self, index: int) -> None:
        ssrc, key = PRODUCER_SSRC + 2 * MAX_STREAMS * index, self._make_key()
        sender = Sender(
            kind=self._kind,
            ssrc=ssrc,
            payload_type=PAYLOAD_TYPE,
            abs_send_time_id=ABS_SEND_TIME_ID,
            transport_wide_cc_id=TRANSPORT_WIDE_CC_ID,
            suite=self._suite,
            key=key,
        )
        self.senders.append(sender)
        sender.connect((LOCAL, self._make_transport(f"sender-{index}", sender.address, key)))
        self._produce(index, [ssrc + 2 * stream for stream in range(self._streams)])

    def _produce(self, index: int, ssrcs: Sequence[int]) -> None:
        mode = self._stream_mode
        body = ProduceRequest(
            producer_id=f"producer-{index}",
            kind=self._media,
            rtp_parameters=RtpParameters(
                mid="media",
                codecs=self._codecs,
                encodings=[
                    RtpEncodingParameters(ssrc=ssrc, rtx=self._rtx(ssrc), scalability_mode=mode) for ssrc in ssrcs
                ],
                header_extensions=HEADER_EXTENSIONS,
                rtcp=RtcpParameters(cname="bench"),
            ),
            rtp_mapping=RtpMapping(
                codecs=[
                    CodecMapping(payload_type=codec.payload_type, mapped_payload_type=codec.payload_type)
                    for codec in self._codecs
                ],
                encodings=[
                    EncodingMapping(ssrc=ssrc, mapped_ssrc=mapped, scalability_mode=mode)
                    for ssrc, mapped in zip(ssrcs, self._mapped_ssrcs(index), strict=True)
                ],
            ),
        )
        self._ask(commands.TRANSPORT_PRODUCE, {**ROUTER, "transportId": f"sender-{index}"}, body)

    def _mapped_ssrcs(self, producer: int) -> list[int]:
        return [MAPPED_SSRC + MAX_STREAMS * producer + stream for stream in range(self._streams)]

    def _consume(self, index: int, stream: int) -> None:
        ssrc, producer = self._consumer_ssrc(index, stream), (index + 1 + stream) % len(self.senders)
        body = ConsumeRequest(
            consumer_id=f"consumer-{index}-{stream}",
            producer_id=f"producer-{producer}",
            kind=self._media,
            type=self._kind,
            rtp_parameters=RtpParameters(
                mid=str(stream),
                codecs=self._codecs,
                encodings=[
                    RtpEncodingParameters(ssrc=ssrc, rtx=self._rtx(ssrc), scalability_mode=SCALABILITY[self._kind])
                ],
                header_extensions=HEADER_EXTENSIONS,
                rtcp=RtcpParameters(cname="bench"),
            ),
            consumable_rtp_encodings=[
                RtpEncodingParameters(ssrc=mapped, scalability_mode=self._stream_mode)
                for mapped in self._mapped_ssrcs(producer)
            ],
            preferred_layers=None if self._kind == "simple" else ConsumerLayers(spatial_layer=2),
        )
        internal = {**ROUTER, "transportId": f"receiver-{index}"}
        self._ask(commands.TRANSPORT_CONSUME, internal, body)
        if self._kind != "simple":  # the receivers send no feedback, without which the estimate allows little
            self._ask(commands.TRANSPORT_SET_MIN_OUTGOING_BITRATE, internal, SetBitrateRequest(bitrate=ENOUGH_BPS))
