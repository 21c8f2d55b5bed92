"""Bodies of the big commands, in both dialects: what reaches a handler has the row's type."""

from __future__ import annotations

from typing import Any

from miso.worker.channel import commands
from miso.worker.channel.bodies.base import Body
from miso.worker.channel.bodies.router import CreatePlainTransportRequest, CreateWebRtcTransportRequest, ListenIp
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConsumeRequest,
    DtlsFingerprint,
    DtlsParameters,
    NumSctpStreams,
    ProduceRequest,
    SrtpParameters,
)
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.channel.client_codec import encode_request
from miso.worker.channel.codec import Dialect, RequestError, parse_request
from miso.worker.channel.commands import Command
from miso.worker.errors import BodyError, CommandError, ParseError
from tests.harness import media

DOCUMENTED = (ParseError, RequestError, BodyError, CommandError)
IDS = {"routerId": "r", "transportId": "t"}
BODIES: list[tuple[Command[Any, Any], Body]] = [
    (
        commands.ROUTER_CREATE_WEB_RTC_TRANSPORT,
        CreateWebRtcTransportRequest(
            transport_id="t",
            listen_ips=[ListenIp(ip="0.0.0.0", announced_ip="9.9.9.1")],
            enable_sctp=True,
            num_sctp_streams=NumSctpStreams(os=1024, mis=1024),
            max_sctp_message_size=262144,
        ),
    ),
    (
        commands.ROUTER_CREATE_PLAIN_TRANSPORT,
        CreatePlainTransportRequest(
            transport_id="t",
            listen_ip=ListenIp(ip="::1"),
            enable_srtp=True,
            srtp_crypto_suite="AEAD_AES_256_GCM",
        ),
    ),
    (
        commands.TRANSPORT_PRODUCE,
        ProduceRequest(
            producer_id="p", kind="video", rtp_parameters=media.SIMULCAST, rtp_mapping=media.SIMULCAST_MAPPING
        ),
    ),
    (
        commands.TRANSPORT_CONSUME,
        ConsumeRequest(
            consumer_id="c",
            producer_id="p",
            kind="video",
            type="simulcast",
            rtp_parameters=media.consumer_video(7, "L3T3"),
            consumable_rtp_encodings=media.CONSUMABLE_SIMULCAST,
        ),
    ),
    (
        commands.TRANSPORT_CONNECT,
        ConnectRequest(
            dtls_parameters=DtlsParameters(fingerprints=[DtlsFingerprint(algorithm="sha-256", value="AB:CD")]),
            ip="127.0.0.1",
            port=9,
            srtp_parameters=SrtpParameters(crypto_suite="AES_CM_128_HMAC_SHA1_80", key_base64="AAAA"),
        ),
    ),
    (
        commands.WORKER_CREATE_WEB_RTC_SERVER,
        CreateWebRtcServerRequest(
            web_rtc_server_id="s", listen_infos=[ListenInfo(protocol="udp", ip="127.0.0.1", port=44444)]
        ),
    ),
]
SEEDS = [encode_request(1, command, IDS, body, dialect) for command, body in BODIES for dialect in Dialect]


def run(data: bytes) -> None:
    """The body is of the row's type, or the documented error is raised."""
    request = parse_request(data)
    body = request.body()
    assert isinstance(body, request.command.request)
