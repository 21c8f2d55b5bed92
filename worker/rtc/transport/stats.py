"""What ``transport.getStats`` shows of every kind of transport; each kind adds its own."""

from __future__ import annotations

from miso.worker.channel.bodies.transport import TransportStats, TransportStatsType
from miso.worker.dataplane import TransportPlane
from miso.worker.rtc.data.sctp_association import SctpAssociation
from miso.worker.rtc.transport.incoming_bandwidth import IncomingBandwidth
from miso.worker.rtc.transport.outgoing_bandwidth import OutgoingBandwidth


def transport_stats(
    kind: TransportStatsType,
    transport_id: str,
    plane: TransportPlane,
    incoming: IncomingBandwidth,
    outgoing: OutgoingBandwidth,
    sctp: SctpAssociation | None,
    now_us: int,
) -> TransportStats:
    """Reads the counters of now."""
    return TransportStats(
        type=kind,
        transport_id=transport_id,
        timestamp=now_us // 1000,
        bytes_received=plane.received.bytes,
        recv_bitrate=plane.received.bitrate(now_us),
        bytes_sent=plane.sent.bytes,
        send_bitrate=plane.sent.bitrate(now_us),
        rtp_bytes_received=plane.rtp_received.bytes,
        rtp_recv_bitrate=plane.rtp_received.bitrate(now_us),
        rtp_bytes_sent=plane.rtp_sent.bytes,
        rtp_send_bitrate=plane.rtp_sent.bitrate(now_us),
        rtx_bytes_received=plane.rtx_received.bytes,
        rtx_recv_bitrate=plane.rtx_received.bitrate(now_us),
        rtx_bytes_sent=plane.rtx_sent.bytes,
        rtx_send_bitrate=plane.rtx_sent.bitrate(now_us),
        probation_bytes_sent=plane.probation_sent.bytes,
        probation_send_bitrate=plane.probation_sent.bitrate(now_us),
        srtp_failures=plane.srtp_failures or None,
        sctp_state=sctp.state.value if sctp is not None else None,
        available_incoming_bitrate=incoming.available_bps or None,
        max_incoming_bitrate=incoming.max_bps or None,
        rtp_packet_loss_received=incoming.fraction_lost,
        available_outgoing_bitrate=outgoing.available_bps if outgoing.kind else None,
        rtp_packet_loss_sent=outgoing.fraction_lost if outgoing.kind else None,
    )
