"""A worker with one VP8 producer and N consumers, each on a plain transport of its own, set up over the channel."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

from bench.load import Sender
from bench.sinks import Sinks
from tests.harness.client import WorkerClient
from worker.channel import commands
from worker.channel.bodies.router import CreatePlainTransportRequest, ListenIp, SrtpCryptoSuite
from worker.channel.bodies.rtp import (
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
from worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, ProduceRequest, SrtpParameters
from worker.channel.bodies.worker import CreateRouterRequest
from worker.channel.client_codec import Refused
from worker.channel.codec import Dialect
from worker.channel.commands import Command
from worker.dataplane.suites import SrtpSuite

LOCAL = "127.0.0.1"
ROUTER = {"routerId": "router"}
PRODUCER_SSRC = 1_000_000
MAPPED_SSRC = 2_000_000
CONSUMER_SSRC = 3_000_000
PAYLOAD_TYPE = 101
MID_ID, ABS_SEND_TIME_ID, TRANSPORT_WIDE_CC_ID = 1, 4, 5
KEY_SIZES = {SrtpSuite.AES_CM_128_HMAC_SHA1_80: 30, SrtpSuite.AEAD_AES_128_GCM: 28, SrtpSuite.AEAD_AES_256_GCM: 44}

CODECS = [
    RtpCodecParameters(
        mime_type="video/VP8",
        payload_type=PAYLOAD_TYPE,
        clock_rate=90000,
        rtcp_feedback=[
            RtcpFeedback(type="nack"),
            RtcpFeedback(type="nack", parameter="pli"),
            RtcpFeedback(type="transport-cc"),
        ],
    ),
    RtpCodecParameters(mime_type="video/rtx", payload_type=102, clock_rate=90000, parameters={"apt": PAYLOAD_TYPE}),
]
HEADER_EXTENSIONS = [
    RtpHeaderExtensionParameters(uri=uri, id=identifier)
    for uri, identifier in (
        ("urn:ietf:params:rtp-hdrext:sdes:mid", MID_ID),
        ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", ABS_SEND_TIME_ID),
        ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", TRANSPORT_WIDE_CC_ID),
    )
]


class Room:
    """Everything that one measurement needs, ready to send.

    Attributes:
        pid: Of the worker.
        sender: Sends to the producer's transport.
        sinks: Where the consumers' packets arrive.
    """

    def __init__(self, worker_bin: Sequence[str], dialect: Dialect, suite: SrtpSuite | None, receivers: int) -> None:
        """Starts a worker; ``suite`` None: without SRTP. Raises RuntimeError when the worker refuses something."""
        self._suite = suite
        self.sinks = Sinks(receivers)
        self.sinks.expect([CONSUMER_SSRC + 2 * index for index in range(receivers)])
        sender_key = os.urandom(KEY_SIZES[suite]) if suite else b""
        self.sender = Sender(
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
                self._make_transport(f"receiver-{index}", address, os.urandom(KEY_SIZES[suite]) if suite else b"")
                self._consume(index)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

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
        body = ProduceRequest(
            producer_id="producer",
            kind="video",
            rtp_parameters=RtpParameters(
                mid="video",
                codecs=CODECS,
                encodings=[RtpEncodingParameters(ssrc=PRODUCER_SSRC, rtx=RtxParameters(ssrc=PRODUCER_SSRC + 1))],
                header_extensions=HEADER_EXTENSIONS,
                rtcp=RtcpParameters(cname="bench"),
            ),
            rtp_mapping=RtpMapping(
                codecs=[
                    CodecMapping(payload_type=codec.payload_type, mapped_payload_type=codec.payload_type)
                    for codec in CODECS
                ],
                encodings=[EncodingMapping(ssrc=PRODUCER_SSRC, mapped_ssrc=MAPPED_SSRC)],
            ),
        )
        self._ask(commands.TRANSPORT_PRODUCE, {**ROUTER, "transportId": "sender"}, body)

    def _consume(self, index: int) -> None:
        ssrc = CONSUMER_SSRC + 2 * index
        body = ConsumeRequest(
            consumer_id=f"consumer-{index}",
            producer_id="producer",
            kind="video",
            type="simple",
            rtp_parameters=RtpParameters(
                mid="0",
                codecs=CODECS,
                encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
                header_extensions=HEADER_EXTENSIONS,
                rtcp=RtcpParameters(cname="bench"),
            ),
            consumable_rtp_encodings=[RtpEncodingParameters(ssrc=MAPPED_SSRC)],
        )
        self._ask(commands.TRANSPORT_CONSUME, {**ROUTER, "transportId": f"receiver-{index}"}, body)
