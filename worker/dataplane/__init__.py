"""The compiled per-packet path: sockets in batches, SRTP, streams, consumers.

Control (``miso.worker.rtc``) builds these objects and pushes tables into them; data flows inside without a Python
object per packet. Everything control has to know comes back as a list of events, one list per wake-up.

::

    UdpSocket, TcpConnection ──► TransportPlane ──► ReceiveStream (one per SSRC) ──► ProducerPlane
                                                                                          │
    socket ◄── batch ◄── the consumer's TransportPlane ◄── ConsumerPlane (one or more) ◄──┘

    sockets/    packets in batches, protected and sent by UDP or TCP; addresses; who gets STUN, or answers it
    transport/  whose packets are, keys, what a peer may ask of control, what the way to it carries
    producer/   a stream is counted, repaired, described, mapped to the router's terms, and kept
    reports/    what peers are told of the streams that are sent to them, and received from them
    consumer/   selected, renumbered, stamped, and sent again when it is lost
    bandwidth/  what a transport may send, and desires to send
    rounds      when who has his turn of what comes about once a second
    plane       what all objects share: the wake-up, the receive slots, the batch that waits to be sent, counters
    events      what control is told; rtcp_events of it what is told of RTCP

Every object has a public ``owner`` that control sets and the plane never reads. All times are microseconds of
``CLOCK_MONOTONIC``, passed in. Addresses are ``(ip, port)`` with the IP as text without a scope id.

The types of the compiled classes stand in the ``.pyi`` beside each module.
"""

from miso.worker.dataplane.bandwidth.incoming_turn import IncomingTurn
from miso.worker.dataplane.bandwidth.outgoing_turn import OutgoingTurn
from miso.worker.dataplane.consumer.consumer import ConsumerPlane
from miso.worker.dataplane.consumer.receiver_feedback import ReceiverFeedback
from miso.worker.dataplane.events import (
    Address,
    BandwidthDue,
    ConnectionClosed,
    ConsumerOwner,
    DtlsReceived,
    EstimateOwner,
    Event,
    IncomingTurnOwner,
    KeyFrameNeeded,
    KeyFrameReceived,
    LayersSwitched,
    LimitDue,
    NackNeeded,
    PacketTraced,
    ProbationDue,
    ProbationTraced,
    ProducerOwner,
    RembDue,
    RtcpDelivered,
    RtpDelivered,
    SctpReceived,
    SenderMoved,
    StreamOwner,
    StunReceived,
    TcpOwner,
    TrafficLimited,
    TransportOwner,
    TurnOwner,
    UdpOwner,
    UnknownSender,
    UnknownSsrc,
    VideoOrientationChanged,
)
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.producer.producer import MAX_STREAMS, ProducerPlane
from miso.worker.dataplane.producer.receive_stream import ReceiveStream
from miso.worker.dataplane.reports.transport_reports import TransportReports
from miso.worker.dataplane.rounds import Rounds, Turn
from miso.worker.dataplane.rtcp_events import (
    DelayReported,
    EstimateChanged,
    FeedbackOwner,
    FeedbackTraced,
    KeyFrameAsked,
    ReferenceTimeReported,
    RembReceived,
    RtcpArrived,
    RtcpMalformed,
    RtcpOwner,
    ScoreChanged,
    SenderReported,
)
from miso.worker.dataplane.sockets.stun_gate import StunGate
from miso.worker.dataplane.sockets.tcp import TcpConnection
from miso.worker.dataplane.sockets.udp import UdpSocket
from miso.worker.dataplane.transport.outgoing_estimate import OutgoingEstimate
from miso.worker.dataplane.transport.transport import TransportPlane
from miso.worker.srtp_suite import SrtpSuite

__all__ = [
    "MAX_STREAMS",
    "Address",
    "BandwidthDue",
    "ConnectionClosed",
    "ConsumerOwner",
    "ConsumerPlane",
    "DelayReported",
    "DtlsReceived",
    "EstimateChanged",
    "EstimateOwner",
    "Event",
    "FeedbackOwner",
    "FeedbackTraced",
    "IncomingTurn",
    "IncomingTurnOwner",
    "KeyFrameAsked",
    "KeyFrameNeeded",
    "KeyFrameReceived",
    "LayersSwitched",
    "LimitDue",
    "NackNeeded",
    "OutgoingEstimate",
    "OutgoingTurn",
    "PacketTraced",
    "Plane",
    "ProbationDue",
    "ProbationTraced",
    "ProducerOwner",
    "ProducerPlane",
    "ReceiveStream",
    "ReceiverFeedback",
    "ReferenceTimeReported",
    "RembDue",
    "RembReceived",
    "Rounds",
    "RtcpArrived",
    "RtcpDelivered",
    "RtcpMalformed",
    "RtcpOwner",
    "RtpDelivered",
    "ScoreChanged",
    "SctpReceived",
    "SenderMoved",
    "SenderReported",
    "SrtpSuite",
    "StreamOwner",
    "StunGate",
    "StunReceived",
    "TcpConnection",
    "TcpOwner",
    "TrafficLimited",
    "TransportOwner",
    "TransportPlane",
    "TransportReports",
    "Turn",
    "TurnOwner",
    "UdpOwner",
    "UdpSocket",
    "UnknownSender",
    "UnknownSsrc",
    "VideoOrientationChanged",
]
