"""``produce``, ``consume``, ``produceData`` and ``connect`` with whatever a peer may write, against a live worker.

The bytes choose what is done to good parameters. They go to the worker as the controller passes them on, and half of
them as they are, as another controller would. Then RTP and RTCP come, and what was accepted lives until timers and
reports have met it. A finding is a worker that ends, does not answer, or has met a fault.
"""

from __future__ import annotations

import atexit
import copy
import functools
import json
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from miso.controller import ortc
from miso.controller.errors import UnsupportedError
from miso.controller.ortc.validation import validate_rtp_parameters, validate_sctp_stream_parameters
from miso.worker.channel.client_codec import Accepted, Notification
from miso.worker.channel.framing import frame
from tests.harness.client import WorkerClient

DOCUMENTED = (TypeError, UnsupportedError)
SEEDS = [bytes((number,)) * 8 for number in range(32)]

NASTY: list[object] = [
    *(None, True, False, "", "x" * 255, "x" * 256, "x" * 70_000, "\u20ac" * 86, "\0", "\ud800", "\U0001f600" * 64),
    *(0, -1, 1, 14, 15, 16, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 2**64, 10**40),
    *(0.5, 1e300, float("nan"), float("inf"), [], {}, [[]], [None], {"": {}}, ["x"] * 300, {"apt": 96}, "L3T3", "S9T9"),
]
URIS = [
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
]
FEEDBACK = [
    {"type": "nack"},
    {"type": "nack", "parameter": "pli"},
    {"type": "ccm", "parameter": "fir"},
    {"type": "goog-remb"},
    {"type": "transport-cc"},
]
VIDEO = {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000, "rtcpFeedback": FEEDBACK, "parameters": {}}
RTX = {"mimeType": "video/rtx", "payloadType": 97, "clockRate": 90000, "parameters": {"apt": 96}}
AUDIO = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2, "parameters": {"usedtx": 1}}
EXTENSIONS = [{"uri": uri, "id": number, "encrypt": False} for number, uri in enumerate(URIS, 1)]
GOOD: list[tuple[str, dict[str, Any]]] = [
    (
        "video",
        {
            "mid": "v",
            "codecs": [VIDEO, RTX],
            "encodings": [{"ssrc": 1111, "rtx": {"ssrc": 1112}, "scalabilityMode": "L1T3", "maxBitrate": 500_000}],
            "headerExtensions": EXTENSIONS,
            "rtcp": {"cname": "sender", "reducedSize": True},
        },
    ),
    (
        "video",
        {
            "codecs": [VIDEO, RTX],
            "encodings": [{"ssrc": 1111 + 2 * layer, "rid": f"r{layer}", "rtx": {"ssrc": 1112}} for layer in range(3)],
            "headerExtensions": EXTENSIONS,
            "rtcp": {"cname": "sender"},
        },
    ),
    ("audio", {"mid": "a", "codecs": [AUDIO], "encodings": [{"ssrc": 1111, "dtx": True}], "rtcp": {"cname": "sender"}}),
]
STREAM = {"streamId": 1, "ordered": False, "maxPacketLifeTime": 100}


ROUND = 100  # transports that live at once
REPORT_PATIENCE_S = 1.2  # the first reports come after half a second, further ones after 1 to 1.5


class Bench:
    """A worker with one router, a transport that a peer sends through, and one over which others hear of it."""

    def __init__(self) -> None:
        self.worker = WorkerClient([sys.executable, "-m", "miso.worker"])
        atexit.register(self.worker.close)
        codecs = [{"kind": "video", **VIDEO}, {"kind": "audio", **AUDIO}]
        self.capabilities = ortc.generate_router_rtp_capabilities(codecs)
        self._peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._peer.bind(("127.0.0.1", 0))
        self._begin()

    def _begin(self) -> None:
        self.transports = 0
        self.request("worker.createRouter", None, {"routerId": "r"})
        self.make_transport("u")

    def end_round(self) -> None:
        """Has timers and reports meet what there is, then ends it."""
        self._peer.settimeout(REPORT_PATIENCE_S)
        due_s = time.monotonic() + REPORT_PATIENCE_S
        while time.monotonic() < due_s:
            try:
                self._peer.recv(2048)
            except TimeoutError:
                break
        self.request("transport.getStats", "u", {})
        self.request("worker.closeRouter", None, {"routerId": "r"})
        self._begin()

    def make_transport(self, name: str = "") -> str:
        """Its id; the transports of a round live until its end."""
        if self.transports == ROUND:
            self.end_round()
        self.transports += 1
        name = name or f"t{self.transports}"
        options = {
            "transportId": name,
            "listenIp": {"ip": "127.0.0.1"},
            "rtcpMux": True,
            "comedia": False,
            "enableSctp": True,
            "numSctpStreams": {"OS": 16, "MIS": 16},
            "maxSctpMessageSize": 65536,
        }
        made = self.request("router.createPlainTransport", "r", options)
        assert isinstance(made, Accepted)
        assert isinstance(made.data, dict)
        self.address = ("127.0.0.1", made.data["tuple"]["localPort"])
        self.request("transport.connect", name, {"ip": "127.0.0.1", "port": self._peer.getsockname()[1]})
        return name

    def request(self, method: str, handler_id: str | None, body: object) -> object:
        """Sends a body as it is; what cannot be written as JSON is refused as the controller refuses it."""
        number = self.worker.next_id()
        text = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        self.worker.channel_out.sendall(
            frame(b"%d:%s:%s:" % (number, method.encode(), str(handler_id).encode()) + text)
        )
        reply = self.worker.reply_to(number)
        faults = [event for event in self.worker.events if isinstance(event, Notification) and event.event == "faults"]
        logs = [line.text for line in self.worker.logs if "fault number" in line.text]
        assert not faults, logs
        assert "internal error" not in getattr(reply, "reason", ""), logs
        self.worker.logs.clear()
        self.worker.events.clear()
        return reply

    def send(self, parameters: dict[str, Any], chance: random.Random) -> None:
        """A little RTP and RTCP of what the parameters name."""
        for ssrc in _numbers(parameters, "ssrc")[:4] or [1111]:
            for payload_type in _numbers(parameters, "payloadType")[:2]:
                number = chance.randrange(1 << 16)
                head = struct.pack("!BBHII", 0x80, payload_type & 127, number, number * 3000, ssrc & 0xFFFFFFFF)
                self._peer.sendto(head + b"\x10\0\0\0\x9d\x01\x2a" + bytes(chance.randrange(40)), self.address)
            report = struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc & 0xFFFFFFFF, chance.getrandbits(64), 1, 2, 3)
            self._peer.sendto(report, self.address)


def _numbers(value: object, name: str) -> list[int]:
    if isinstance(value, dict):
        own = [value[name]] if type(value.get(name)) is int else []
        return own + [number for entry in value.values() for number in _numbers(entry, name)]
    return [number for entry in value for number in _numbers(entry, name)] if isinstance(value, list) else []


bench = functools.cache(Bench)


def spoil(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it made nasty, left out, or said twice."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            del value[key]
        else:
            value[key] = spoil(value[key], chance)
        return value
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        if chance.random() < 0.15:
            value.extend(copy.deepcopy(value[at]) for _ in range(chance.choice((1, 40))))
        else:
            value[at] = spoil(value[at], chance)
        return value
    return copy.deepcopy(chance.choice(NASTY))


def _mapping(parameters: Any) -> dict[str, Any]:
    types = _numbers(parameters.get("codecs"), "payloadType")
    encodings = parameters.get("encodings")
    return {
        "codecs": [{"payloadType": number, "mappedPayloadType": 100 + at % 20} for at, number in enumerate(types)],
        "encodings": [
            {"mappedSsrc": 9000 + at, **{key: one[key] for key in ("ssrc", "rid") if key in one}}
            for at, one in enumerate(encodings if isinstance(encodings, list) else [])
            if isinstance(one, dict)
        ],
    }


def _as_the_controller(kind: str, parameters: Any) -> tuple[Any, Any]:
    checked = validate_rtp_parameters(parameters)
    mapping = ortc.get_producer_rtp_parameters_mapping(checked, bench().capabilities)
    return msgspec.to_builtins(checked), msgspec.to_builtins(mapping)


def produce(chance: random.Random) -> None:
    """A producer with a consumer, both spoilt, and some media."""
    kind, good = chance.choice(GOOD)
    parameters = copy.deepcopy(good)
    for _ in range(chance.randint(0, 3)):
        parameters = spoil(parameters, chance)
    if not isinstance(parameters, dict):
        return
    if chance.random() < 0.5:
        sent, mapping = _as_the_controller(kind, parameters)
    else:
        sent, mapping = parameters, _mapping(parameters)
    transport = bench().make_transport()
    name = f"of {transport}"
    body = {"producerId": name, "kind": kind, "rtpParameters": sent, "rtpMapping": mapping}
    made = bench().request("transport.produce", transport, body)
    if isinstance(made, Accepted):
        consume = {
            "consumerId": f"c {name}",
            "producerId": name,
            "kind": kind,
            "rtpParameters": spoil(copy.deepcopy(sent), chance) if chance.random() < 0.5 else sent,
            "type": made.data["type"] if isinstance(made.data, dict) else "simple",
            "consumableRtpEncodings": [{"ssrc": one["mappedSsrc"]} for one in mapping["encodings"]],
        }
        bench().request("transport.consume", "u", consume)
        bench().send(sent, chance)
        bench().request("consumer.getStats", f"c {name}", {})


def produce_data(chance: random.Random) -> None:
    """A data producer with spoilt stream parameters, label and protocol."""
    stream = spoil(dict(STREAM), chance)
    if chance.random() < 0.5:
        stream = msgspec.to_builtins(validate_sctp_stream_parameters(stream))
    body = {"dataProducerId": "d", "type": "sctp", "sctpStreamParameters": stream, "label": "l", "protocol": ""}
    if chance.random() < 0.5:
        body[chance.choice(("label", "protocol"))] = chance.choice(NASTY)
    if isinstance(bench().request("transport.produceData", "u", body), Accepted):
        bench().request("transport.closeDataProducer", "u", {"dataProducerId": "d"})


def connect(chance: random.Random) -> None:
    """An address, keys and DTLS parameters that are none, for a transport that is connected."""
    good = {
        "ip": "127.0.0.1",
        "port": 9,
        "srtpParameters": {"cryptoSuite": "AEAD_AES_128_GCM", "keyBase64": "AAAA"},
        "dtlsParameters": {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": "00:11"}]},
    }
    bench().request("transport.connect", "u", spoil(good, chance))


WAYS: list[Callable[[random.Random], None]] = [*[produce] * 8, produce_data, connect]


def run(data: bytes) -> None:
    """Returns, or raises what the controller's caller gets."""
    chance = random.Random(data)
    try:
        chance.choice(WAYS)(chance)
    except UnicodeEncodeError as error:  # a surrogate: the controller's encoder says TypeError
        raise TypeError(str(error)) from None
    except ValueError as error:  # NaN or infinity, which JSON has not
        raise TypeError(str(error)) from None
