"""The compiled per-packet path: sockets in batches, SRTP, streams, outputs.

Control (``worker.rtc``) builds these objects and pushes tables into them; data flows inside without a Python object per
packet. Everything control has to know comes back as a list of events, one list per wake-up.

::

    UdpSocket / TcpConnection ──► TransportPlane ──► Input (producer) ──► ReceiveStream (one per SSRC)
                                                        │
                                                        └──► Output (consumer) ──► its TransportPlane ──► socket

Every object has a public ``owner`` that control sets and the plane never reads. All times are microseconds of
``CLOCK_MONOTONIC``, passed in. Addresses are ``(ip, port)`` with the IP as text without a scope id.

The classes stand in the compiled modules beside this file, their types in the ``.pyi`` beside each of those.
"""

from worker.dataplane.connection import TcpConnection
from worker.dataplane.egress import Plane
from worker.dataplane.events import (
    Address,
    ConnectionClosed,
    DtlsReceived,
    Event,
    KeyFrameNeeded,
    KeyFrameReceived,
    LayersSwitched,
    NackNeeded,
    PacketTraced,
    ProbationTraced,
    RtcpReceived,
    RtpDelivered,
    SctpReceived,
    SenderMoved,
    StunReceived,
    TrafficLimited,
    UnknownSender,
    UnknownSsrc,
    VideoOrientationChanged,
)
from worker.dataplane.input import MAX_STREAMS, Input
from worker.dataplane.outgoing import OutgoingEstimate
from worker.dataplane.output import Output
from worker.dataplane.receive_stream import ReceiveStream
from worker.dataplane.sockets import UdpSocket
from worker.dataplane.stun_gate import StunGate
from worker.dataplane.suites import SrtpSuite
from worker.dataplane.transport import TransportPlane

__all__ = [
    "MAX_STREAMS",
    "Address",
    "ConnectionClosed",
    "DtlsReceived",
    "Event",
    "Input",
    "KeyFrameNeeded",
    "KeyFrameReceived",
    "LayersSwitched",
    "NackNeeded",
    "OutgoingEstimate",
    "Output",
    "PacketTraced",
    "Plane",
    "ProbationTraced",
    "ReceiveStream",
    "RtcpReceived",
    "RtpDelivered",
    "SctpReceived",
    "SenderMoved",
    "SrtpSuite",
    "StunGate",
    "StunReceived",
    "TcpConnection",
    "TrafficLimited",
    "TransportPlane",
    "UdpSocket",
    "UnknownSender",
    "UnknownSsrc",
    "VideoOrientationChanged",
]
