"""The compiled per-packet path: sockets in batches, SRTP, streams, outputs.

Control (``worker.rtc``) builds these objects and pushes tables into them; data flows inside without a Python object per
packet. Everything control has to know comes back as a list of events, one list per wake-up.

::

    UdpSocket / TcpConnection ──► TransportPlane ──► Input (producer) ──► ReceiveStream (one per SSRC)
                                                        │
                                                        └──► Output (consumer) ──► its TransportPlane ──► socket

Every object has a public ``owner`` that control sets and the plane never reads. All times are microseconds of
``CLOCK_MONOTONIC``, passed in. Addresses are ``(ip, port)`` with the IP as text without a scope id.
"""

from collections.abc import Callable, Sequence
from typing import Any

from worker.dataplane.events import ConnectionClosed as ConnectionClosed
from worker.dataplane.events import DtlsReceived as DtlsReceived
from worker.dataplane.events import Event as Event
from worker.dataplane.events import KeyFrameNeeded as KeyFrameNeeded
from worker.dataplane.events import KeyFrameReceived as KeyFrameReceived
from worker.dataplane.events import LayersSwitched as LayersSwitched
from worker.dataplane.events import NackNeeded as NackNeeded
from worker.dataplane.events import PacketTraced as PacketTraced
from worker.dataplane.events import ProbationTraced as ProbationTraced
from worker.dataplane.events import RtcpReceived as RtcpReceived
from worker.dataplane.events import RtpDelivered as RtpDelivered
from worker.dataplane.events import SctpReceived as SctpReceived
from worker.dataplane.events import StunReceived as StunReceived
from worker.dataplane.events import UnknownSender as UnknownSender
from worker.dataplane.events import UnknownSsrc as UnknownSsrc
from worker.dataplane.events import VideoOrientationChanged as VideoOrientationChanged
from worker.dataplane.suites import Codec as Codec
from worker.dataplane.suites import SrtpSuite as SrtpSuite
from worker.rtp.layers import LayerSelector

Address = tuple[str, int]

# ---------------------------------------------------------------- sockets

class Plane:
    """What all objects of one worker share: receive and send slots, random numbers, counters."""

    def __init__(self) -> None: ...
    @property
    def counters(self) -> dict[str, int]:
        """Since start: received, sent, truncated, srtp_failed, malformed, unknown_sender, unknown_ssrc, not_connected,
        send_full, send_failed, tcp_full, segmented_messages."""

class UdpSocket:
    """A bound non-blocking UDP socket; control owns the descriptor's Python socket, the plane reads and writes it."""

    owner: Any
    closed: bool  # read only
    report_unknown: bool
    segmentation: bool  # read only: whether the kernel still takes UDP_SEGMENT here
    def __init__(self, plane: Plane, fd: int) -> None: ...
    def receive(self, now_us: int) -> list[Event]:
        """Reads what waits (recvmmsg, bounded per wake-up), forwards media, returns what control must act on."""
    def send(self, data: bytes, address: Address) -> bool:
        """Sends one control datagram (STUN, DTLS); False when the kernel refused it (counted)."""
    def close(self) -> None:
        """Forgets all addresses; transports that point here have no destination any more. The fd stays open."""

class TcpConnection:
    """An accepted non-blocking TCP connection with RFC 4571 framing; at most 512 KiB wait to be written.

    A frame that does not fit is dropped whole and counted: media over a slow TCP peer loses packets, not memory.
    """

    owner: Any
    closed: bool  # read only
    remote_address: Address
    on_blocked: Callable[[TcpConnection], None] | None  # called once when bytes begin to wait: watch the fd for writing
    def __init__(self, plane: Plane, fd: int, remote_address: Address) -> None: ...
    def receive(self, now_us: int) -> list[Event]: ...
    def send(self, data: bytes) -> bool: ...
    def flush(self) -> bool:
        """Writes what waits; True when nothing waits any more (stop watching for writing)."""
    def close(self) -> None: ...

# ---------------------------------------------------------------- transports

class TransportPlane:
    """A transport's half in the plane: whom it hears, where it sends, its keys, and its SSRC table."""

    owner: Any
    closed: bool  # read only
    encrypted: bool  # True: RTP and RTCP are dropped, in and out, until set_srtp
    connected: bool  # control's switch: while False no media passes, in or out (DTLS and SCTP events do)
    twcc_next: int  # transport-wide sequence number of the next outgoing packet that carries the extension
    max_incoming_bitrate_bps: int  # no REMB asks for more; 0: no limit
    # byte and packet counters, all since creation; the bitrates over the last 2.5 s come from bitrate()
    bytes_received: int
    bytes_sent: int
    rtp_bytes_received: int
    rtp_bytes_sent: int
    rtx_bytes_received: int
    rtx_bytes_sent: int
    probation_bytes_sent: int
    def __init__(self, plane: Plane, encrypted: bool) -> None: ...
    def accept_from(self, socket: UdpSocket | TcpConnection, address: Address) -> None:
        """Datagrams of this remote address belong to this transport (several may be accepted)."""
    def stop_accepting(self, socket: UdpSocket | TcpConnection, address: Address) -> None: ...
    def set_destination(self, socket: UdpSocket | TcpConnection | None, address: Address | None) -> None:
        """Where RTP (and, without set_rtcp_destination, RTCP) goes; None: nowhere, packets are not sent."""
    def set_rtcp_destination(self, socket: UdpSocket | None, address: Address | None) -> None: ...
    def set_srtp(self, suite: SrtpSuite, remote_key: bytes, local_key: bytes) -> None:
        """Keys are master key followed by master salt (RFC 3711). Raises ValueError for wrong lengths."""
    def set_receive_extensions(
        self, *, mid: int = 0, rid: int = 0, repaired_rid: int = 0, abs_send_time: int = 0, transport_wide_cc: int = 0
    ) -> None:
        """Header-extension ids of what this transport receives, 0 = not used (RFC 8285)."""
    def receive(self, packet: bytes, now_us: int) -> list[Event]:
        """Feeds one decrypted RTP packet: again after UnknownSsrc, or the application's on a direct transport."""
    def count_received(self, size: int, now_us: int) -> None:
        """Counts bytes that came from the application instead of the network (direct transports)."""
    def count_sent(self, size: int, now_us: int) -> None:
        """Counts bytes that went to the application instead of the network (direct transports)."""
    def receive_protected(self, socket: UdpSocket, address: Address, data: bytes, now_us: int) -> list[Event]:
        """Feeds one datagram as it came: again after UnknownSender, once control has accepted the address."""
    def ignore_ssrc(self, ssrc: int) -> None:
        """No more UnknownSsrc for it until the next new stream or input (a bounded memory)."""
    def forget_ignored(self) -> None: ...
    def send(self, data: bytes) -> bool:
        """Sends a control datagram (DTLS, SCTP) to the destination, unprotected."""
    def send_rtcp(self, packet: bytes) -> bool:
        """Protects (when encrypted) and sends a compound RTCP packet. False when it could not be sent."""
    def enable_transport_wide_feedback(self, enabled: bool) -> None: ...
    def poll_transport_wide_feedback(self, now_us: int, sender_ssrc: int) -> list[bytes]:
        """The RTCP feedback packets (draft-holmer-rmcat-transport-wide-cc-extensions-01) due now, maybe none."""
    def enable_remb(self, enabled: bool) -> None: ...
    def poll_remb(self, now_us: int) -> int | None:
        """The receive-side estimate in bit/s when a REMB is due, else None."""
    def bitrate(self, which: str, now_us: int) -> int:
        """Bit/s of the last 2.5 s: "received", "sent", "rtp_received", "rtp_sent", "rtx_received", "rtx_sent",
        "probation_sent"."""
    def add_input(self) -> Input: ...
    def close(self) -> None: ...

# ---------------------------------------------------------------- producers

class Input:
    """A producer's half: how its packets are renamed to the router's codecs and extensions, and whom they feed."""

    owner: Any
    closed: bool  # read only
    paused: bool  # packets are counted, not forwarded
    trace_rtp: bool
    trace_keyframe: bool
    def map_payload_type(self, received: int, forwarded: int) -> None: ...
    def map_extension(self, uri_kind: str, received_id: int, forwarded_id: int) -> None:
        """Names an id as negotiated with the sender (0: it sends none) and the router's (0: not forwarded).

        ``uri_kind``: "mid", "abs_send_time", "transport_wide_cc", "audio_level", "video_orientation",
        "abs_capture_time", "frame_marking", "toffset", "playout_delay". The first three are in every forwarded packet
        once they are mapped to a router's id, whatever the sender sends; each output writes its own values into them.

        Raises:
            ValueError: unknown kind; ``received_id`` not 0 to 255; ``forwarded_id`` not 0 to 14.
        """
    def add_stream(
        self,
        *,
        ssrc: int,
        mapped_ssrc: int,
        codec: Codec,
        payload_type: int,
        clock_rate: int,
        use_nack: bool,
        use_pli: bool,
        spatial_layers: int = 1,
        temporal_layers: int = 1,
        use_inband_fec: bool = False,
        encoding_index: int | None = None,
    ) -> ReceiveStream:
        """Adds the stream of one SSRC.

        ``encoding_index`` is the stream index by which selectors know its packets: 0 the lowest encoding; the next free
        one when it is not given.

        Raises:
            ValueError: the transport has that SSRC, or the input a stream of that index, already.
        """
    def add_output(self, output: Output) -> None: ...
    def remove_output(self, output: Output) -> None: ...
    def take_audio_levels(self) -> bytes:
        """The -dBov levels 0..127 of RFC 6464 since the last call, oldest first; of more than 256 the newest."""
    def close(self) -> None: ...

class ReceiveStream:
    """What is received with one SSRC: statistics of RFC 3550, loss repair, the retransmission buffer's packets."""

    owner: Any
    closed: bool  # read only
    ssrc: int
    rtx_ssrc: int  # 0: none
    mapped_ssrc: int
    rtt_ms: float  # control sets it from SR/RR or XR, 0 while unknown
    packets: int
    bytes: int
    packets_lost: int  # RFC 3550 A.3, may be negative
    fraction_lost: int  # of the last interval, 0..255
    packets_discarded: int
    packets_repaired: int
    packets_retransmitted: int
    packets_duplicate: int
    nack_count: int
    nack_packet_count: int
    jitter: int  # timestamp units
    last_packet_us: int
    max_sequence: int  # extended highest sequence number
    last_timestamp: int
    rtx_packets: int
    rtx_packets_discarded: int
    def set_rtx(self, ssrc: int, payload_type: int) -> None: ...
    def bitrate(self, now_us: int, spatial_layer: int = -1, temporal_layer: int = -1) -> int: ...
    def layer_bitrate(self, now_us: int, spatial_layer: int, temporal_layer: int) -> int:
        """Bit/s of this temporal layer of this spatial layer alone; 0 for layers that were not announced."""
    def layer_packets(self, spatial_layer: int) -> int:
        """How many packets of a spatial layer came, of all its temporal layers."""
    def make_report(self, now_us: int, worst_fraction_lost: int = 0) -> tuple[int, int, int, int]:
        """(fraction_lost, total_lost, extended highest sequence, jitter) for a report block; starts a new interval.

        ``worst_fraction_lost`` of the outputs, 0 to 255, is told to a sender with in-band FEC when it is worse.
        """
    def make_rtx_report(self, now_us: int) -> tuple[int, int, int, int] | None: ...
    missing: int  # packets that are being asked for: while there are any, poll_nack wants to be called
    def poll_nack(self, now_us: int) -> list[int]:
        """Sequence numbers to ask for again now; empty when none."""
    sender_report_ntp: int  # 64-bit NTP time of the last sender_report, 0 before; likewise below
    sender_report_timestamp: int
    sender_report_us: int
    def sender_report(self, ntp: int, rtp_timestamp: int, now_us: int) -> None: ...
    def reset(self) -> None:
        """Forgets missing packets (after a pause)."""
    def close(self) -> None: ...

# ---------------------------------------------------------------- consumers

class Output:
    """A consumer's half: selects, renumbers, stamps, protects and sends; remembers what may be asked for again."""

    owner: Any
    closed: bool  # read only
    active: bool  # control's switch (pause, producer pause, transport not connected)
    trace_rtp: bool
    trace_keyframe: bool
    deliver: bool  # direct transport: packets become RtpDelivered events
    # of the media stream
    ssrc: int
    rtx_ssrc: int
    packets: int
    bytes: int
    packets_retransmitted: int
    bytes_retransmitted: int
    packets_repaired: int  # sent again for the first time
    last_packet_us: int
    last_timestamp: int
    last_sequence: int
    max_packet_us: int
    rtx_packets: int
    rtx_bytes: int
    rtt_ms: float
    waiting_for_key_frame: bool
    selector: LayerSelector  # read only
    def __init__(
        self,
        transport: TransportPlane,
        *,
        ssrc: int,
        rtx_ssrc: int,
        codec: Codec,
        clock_rate: int,
        payload_types: Sequence[int],
        rtx_payload_types: dict[int, int],
        mid: str,
        mid_id: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
        keep_for_retransmission: bool,
        selector: LayerSelector,
    ) -> None: ...
    def sync(self) -> None:
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
    def retransmit(self, sequence_numbers: Sequence[int], now_us: int) -> int:
        """Answers a NACK; returns how many packets were sent again (each at most once per RTT, RTX when negotiated)."""
    def can_switch_to(self, stream_index: int) -> bool:
        """Whether the timestamps of a stream can be put in line with those of the stream that was forwarded first.

        That needs a sender report of both. A switch to another stream works too, but guesses from the time of arrival.
        """
    def bitrate(self, now_us: int) -> int: ...
    def timestamp_at(self, now_us: int) -> int:
        """The RTP timestamp that belongs to ``now_us`` for a sender report (RFC 3550 section 6.4.1)."""
    def close(self) -> None: ...

class OutgoingEstimate:
    """What the way to a transport's peer carries (send-side estimate), and the probation packets that find it out.

    Outputs of the transport that stamp transport-wide numbers are remembered from now on. The ids are those of the
    header extensions in probation packets, 0: not sent.
    """

    owner: Any
    closed: bool  # read only
    trace_probation: bool
    bitrate_bps: int  # the estimate, read only like the next two
    fraction_lost: float  # of the last second or so
    rtt_ms: float  # by feedback, 0 while unknown
    def __init__(
        self,
        transport: TransportPlane,
        *,
        start_bitrate_bps: float,
        min_bitrate_bps: float,
        mid_id: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
    ) -> None: ...
    def on_feedback(self, body: bytes, now_us: int) -> None:
        """Takes the body of transport-wide feedback (RTCP 205/15 after its header). Raises ParseError."""
    def set_limits(self, *, min_bitrate_bps: float, max_bitrate_bps: float, probing: bool, now_us: int) -> None:
        """Keeps the estimate between two bitrates; ``probing`` when the peer is there and more is wanted."""
    def on_tick(self, now_us: int) -> None:
        """To be called about once a second, whether or not feedback comes."""
    def send_probation(self, now_us: int) -> int:
        """Sends what is due; returns when to call again (monotonic microseconds), -1 when no probing goes on."""
    def close(self) -> None: ...
