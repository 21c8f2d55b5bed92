"""A worker with one video producer and N consumers, each on a plain transport of its own, set up over the channel."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

from bench.load import Sender
from bench.sinks import Sinks
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
from miso.worker.channel.client_codec import Refused
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from miso.worker.srtp_suite import SrtpSuite
from tests.harness.client import WorkerClient

LOCAL = "127.0.0.1"
ROUTER = {"routerId": "router"}
PRODUCER_SSRC = 1_000_000
MAPPED_SSRC = 2_000_000
CONSUMER_SSRC = 3_000_000
PAYLOAD_TYPE = 101
MID_ID, ABS_SEND_TIME_ID, TRANSPORT_WIDE_CC_ID = 1, 4, 5

ENOUGH_BPS = 1_000_000_000
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
        sender: Sends to the producer's transport.
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
    ) -> None:
        """Starts a worker, and lets all come.

        Args:
            worker_bin: Command line of the worker.
            dialect: That it speaks.
            suite: None: without SRTP.
            receivers: How many, or their sockets, which are closed with the room.
            kind: Of the producer.
            media: Opus has one stream without repair.

        Raises:
            RuntimeError: The worker refuses something.
        """
        self._suite = suite
        self._kind = kind
        self._media = media
        mime_type = "audio/opus" if media == "audio" else "video/VP9" if kind == "svc" else "video/VP8"
        self._codecs = make_codecs(mime_type)
        self.sinks = Sinks(receivers) if isinstance(receivers, int) else receivers
        receivers = len(self.sinks.addresses)
        self.ways: list[tuple[int, bytes]] = []
        self.sinks.expect([CONSUMER_SSRC + 2 * index for index in range(receivers)])
        sender_key = os.urandom(suite.keying_size) if suite else b""
        self.sender = Sender(
            kind=kind,
            ssrc=PRODUCER_SSRC,
            payload_type=PAYLOAD_TYPE,
            abs_send_time_id=ABS_SEND_TIME_ID,
            transport_wide_cc_id=TRANSPORT_WIDE_CC_ID,
            suite=suite,
            key=sender_key,
        )
        self._client = WorkerClient(worker_bin, dialect, ["--logLevel=error"])
        try:
            self._ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
            self.sender.connect((LOCAL, self._make_transport("sender", self.sender.address, sender_key)))
            self._produce()
            for index, address in enumerate(self.sinks.addresses):
                key = os.urandom(suite.keying_size) if suite else b""
                self.ways.append((self._make_transport(f"receiver-{index}", address, key), key))
                self._consume(index)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def _streams(self) -> int:
        return 3 if self._kind == "simulcast" else 1

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
                "consumerId": f"consumer-{index}",
                "producerId": "producer",
            }
            self._ask(commands.CONSUMER_SET_PREFERRED_LAYERS, internal, ConsumerLayers(spatial_layer=1))

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._client.pid

    def cpu_ns(self) -> int:
        """CPU that the worker used since it started, user and system, all its threads.

        The process's CPU clock counts what ``utime`` and ``stime`` of ``/proc/<pid>/stat`` add up to, but in ns.
        """
        return time.clock_gettime_ns(~self.pid << 3 | 2)  # CPUCLOCK_SCHED of a process: clock_getcpuclockid(3)

    def close(self) -> None:
        """Ends the worker. Idempotent."""
        self._client.close()
        self.sender.close()
        self.sinks.close()

    # ------------------------------------------------------------ setting up

    def _ask(self, command: Command[Any, Any], internal: dict[str, str], body: Any) -> Any:
        reply = self._client.request(command, internal, body)
        if isinstance(reply, Refused):
            raise RuntimeError(f"{command.name}: {reply.error}: {reply.reason}")
        return reply.data

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

    def _produce(self) -> None:
        mode = self._stream_mode
        ssrcs = [PRODUCER_SSRC + 2 * index for index in range(self._streams)]
        body = ProduceRequest(
            producer_id="producer",
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
                    EncodingMapping(ssrc=ssrc, mapped_ssrc=MAPPED_SSRC + index, scalability_mode=mode)
                    for index, ssrc in enumerate(ssrcs)
                ],
            ),
        )
        self._ask(commands.TRANSPORT_PRODUCE, {**ROUTER, "transportId": "sender"}, body)

    def _consume(self, index: int) -> None:
        ssrc = CONSUMER_SSRC + 2 * index
        body = ConsumeRequest(
            consumer_id=f"consumer-{index}",
            producer_id="producer",
            kind=self._media,
            type=self._kind,
            rtp_parameters=RtpParameters(
                mid="0",
                codecs=self._codecs,
                encodings=[
                    RtpEncodingParameters(ssrc=ssrc, rtx=self._rtx(ssrc), scalability_mode=SCALABILITY[self._kind])
                ],
                header_extensions=HEADER_EXTENSIONS,
                rtcp=RtcpParameters(cname="bench"),
            ),
            consumable_rtp_encodings=[
                RtpEncodingParameters(ssrc=MAPPED_SSRC + stream, scalability_mode=self._stream_mode)
                for stream in range(self._streams)
            ],
            preferred_layers=None if self._kind == "simple" else ConsumerLayers(spatial_layer=2),
        )
        internal = {**ROUTER, "transportId": f"receiver-{index}"}
        self._ask(commands.TRANSPORT_CONSUME, internal, body)
        if self._kind != "simple":  # the receivers send no feedback, without which the estimate allows little
            self._ask(commands.TRANSPORT_SET_MIN_OUTGOING_BITRATE, internal, SetBitrateRequest(bitrate=ENOUGH_BPS))
