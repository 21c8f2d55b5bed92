"""Hands the plane's events to the objects they concern.

Whoever reads a socket passes the list it gets on: ``deliver(socket.receive(now_us), now_us)``. The owner of a plane
object is what control has put into its ``owner``; a closed object has none, and what still comes for it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from miso.worker.dataplane import (
    BandwidthDue,
    ConnectionClosed,
    DelayReported,
    DtlsReceived,
    EstimateChanged,
    Event,
    FeedbackTraced,
    KeyFrameAsked,
    KeyFrameNeeded,
    KeyFrameReceived,
    LayersSwitched,
    LimitDue,
    NackNeeded,
    PacketTraced,
    ProbationDue,
    ProbationTraced,
    ReferenceTimeReported,
    RembDue,
    RembReceived,
    RtcpArrived,
    RtcpDelivered,
    RtcpMalformed,
    RtpDelivered,
    ScoreChanged,
    SctpReceived,
    SenderMoved,
    SenderReported,
    StunReceived,
    TrafficLimited,
    UnknownSender,
    UnknownSsrc,
    VideoOrientationChanged,
)
from miso.worker.faults import FATAL, describe, faults


def deliver(events: Iterable[Event], now_us: int) -> None:
    """Calls the owner of each event's object, in the order of the events; a fault in one costs this one."""
    for event in events:
        try:
            _DELIVERIES[type(event)](event, now_us)
        except FATAL:
            raise
        except BaseException as error:  # noqa: BLE001  a bug that one peer's packet meets is not the others' loss
            faults.record(error, _about(event))


def _about(event: Event) -> str:
    kind = type(event)
    owners = (getattr(getattr(event, name, None), "owner", None) for name in vars(kind)["__slots__"])
    owner = next((owner for owner in owners if owner is not None), None)
    return f"{kind.__name__} of {describe(owner)}" if owner is not None else kind.__name__


def _stun(event: StunReceived, now_us: int) -> None:
    if event.socket.owner is not None:
        event.socket.owner.on_stun(event, now_us)


def _sender_moved(event: SenderMoved, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_sender_moved(event, now_us)


def _traffic_limited(event: TrafficLimited, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_traffic_limited()


def _unknown_sender(event: UnknownSender, now_us: int) -> None:
    if event.socket.owner is not None:
        event.socket.owner.on_unknown_sender(event, now_us)


def _connection_closed(event: ConnectionClosed, now_us: int) -> None:
    if event.connection.owner is not None:
        event.connection.owner.on_connection_closed(event, now_us)


def _dtls(event: DtlsReceived, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_dtls(event.data, now_us)


def _sctp(event: SctpReceived, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_sctp(event.data, now_us)


def _rtcp_arrived(event: RtcpArrived, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_rtcp_arrived()


def _rtcp_malformed(event: RtcpMalformed, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_rtcp_malformed(event)


def _sender_reported(event: SenderReported, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_sender_report(event, now_us)


def _delay_reported(event: DelayReported, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_delay_reported(event)


def _reference_time(event: ReferenceTimeReported, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_reference_time(event.ntp, now_us)


def _remb(event: RembReceived, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_remb(event.bitrate_bps)


def _estimate_changed(event: EstimateChanged, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.rtcp.on_estimate_changed()


def _feedback_traced(event: FeedbackTraced, now_us: int) -> None:
    if event.feedback.owner is not None:
        event.feedback.owner.on_feedback_traced(event.kind)


def _key_frame_asked(event: KeyFrameAsked, now_us: int) -> None:
    if event.feedback.owner is not None:
        event.feedback.owner.on_key_frame_asked()


def _score_changed(event: ScoreChanged, now_us: int) -> None:
    if event.feedback.owner is not None:
        event.feedback.owner.on_score_changed()


def _unknown_ssrc(event: UnknownSsrc, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_unknown_ssrc(event, now_us)


def _nack_needed(event: NackNeeded, now_us: int) -> None:
    if event.stream.owner is not None:
        event.stream.owner.on_nack_needed(now_us)


def _key_frame_needed(event: KeyFrameNeeded, now_us: int) -> None:
    if event.stream.owner is not None:
        event.stream.owner.on_key_frame_needed()


def _key_frame_received(event: KeyFrameReceived, now_us: int) -> None:
    if event.stream.owner is not None:
        event.stream.owner.on_key_frame_received()


def _video_orientation(event: VideoOrientationChanged, now_us: int) -> None:
    if event.producer.owner is not None:
        event.producer.owner.on_video_orientation(event)


def _traced(event: PacketTraced, now_us: int) -> None:
    if event.source.owner is not None:
        event.source.owner.on_packet_traced(event, now_us)


def _probation_traced(event: ProbationTraced, now_us: int) -> None:
    if event.source.owner is not None:
        event.source.owner.on_probation_traced(event)


def _bandwidth_due(event: BandwidthDue, now_us: int) -> None:
    if event.turn.owner is not None:
        event.turn.owner.on_bandwidth_due()


def _probation_due(event: ProbationDue, now_us: int) -> None:
    if event.turn.owner is not None:
        event.turn.owner.on_probation_due()


def _remb_due(event: RembDue, now_us: int) -> None:
    if event.turn.owner is not None:
        event.turn.owner.on_remb_due(event.bitrate_bps)


def _limit_due(event: LimitDue, now_us: int) -> None:
    if event.turn.owner is not None:
        event.turn.owner.on_limit_due()


def _delivered(event: RtpDelivered, now_us: int) -> None:
    if event.consumer.owner is not None:
        event.consumer.owner.on_rtp_delivered(event.data)


def _rtcp_delivered(event: RtcpDelivered, now_us: int) -> None:
    if event.transport.owner is not None:
        event.transport.owner.on_rtcp_delivered(event.data)


def _layers_switched(event: LayersSwitched, now_us: int) -> None:
    if event.consumer.owner is not None:
        event.consumer.owner.on_layers_switched(event)


_DELIVERIES: dict[type, Callable[..., None]] = {
    StunReceived: _stun,
    SenderMoved: _sender_moved,
    TrafficLimited: _traffic_limited,
    UnknownSender: _unknown_sender,
    ConnectionClosed: _connection_closed,
    DtlsReceived: _dtls,
    SctpReceived: _sctp,
    RtcpArrived: _rtcp_arrived,
    RtcpMalformed: _rtcp_malformed,
    SenderReported: _sender_reported,
    DelayReported: _delay_reported,
    ReferenceTimeReported: _reference_time,
    RembReceived: _remb,
    EstimateChanged: _estimate_changed,
    FeedbackTraced: _feedback_traced,
    KeyFrameAsked: _key_frame_asked,
    ScoreChanged: _score_changed,
    UnknownSsrc: _unknown_ssrc,
    NackNeeded: _nack_needed,
    KeyFrameNeeded: _key_frame_needed,
    KeyFrameReceived: _key_frame_received,
    VideoOrientationChanged: _video_orientation,
    PacketTraced: _traced,
    ProbationTraced: _probation_traced,
    BandwidthDue: _bandwidth_due,
    ProbationDue: _probation_due,
    RembDue: _remb_due,
    LimitDue: _limit_due,
    RtpDelivered: _delivered,
    RtcpDelivered: _rtcp_delivered,
    LayersSwitched: _layers_switched,
}
