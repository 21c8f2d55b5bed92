"""The compiled per-packet path under one name: sockets in batches, SRTP, streams, outputs.

Its classes stand in the compiled modules beside this file; ``plane.pyi`` is the contract that control is written to.
"""

from worker.dataplane.connection import TcpConnection
from worker.dataplane.egress import Plane
from worker.dataplane.events import (
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
    StunReceived,
    UnknownSender,
    UnknownSsrc,
    VideoOrientationChanged,
)
from worker.dataplane.input import Input, ReceiveStream
from worker.dataplane.outgoing import OutgoingEstimate
from worker.dataplane.output import Output
from worker.dataplane.sockets import UdpSocket
from worker.dataplane.suites import Codec, SrtpSuite
from worker.dataplane.transport import TransportPlane

Address = tuple[str, int]

__all__ = [
    "Address",
    "Codec",
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
    "SrtpSuite",
    "StunReceived",
    "TcpConnection",
    "TransportPlane",
    "UdpSocket",
    "UnknownSender",
    "UnknownSsrc",
    "VideoOrientationChanged",
]
