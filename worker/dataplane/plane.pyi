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
from enum import IntEnum
from typing import Any

Address = tuple[str, int]

class SrtpSuite(IntEnum):
    """SRTP protection profiles by their DTLS-SRTP number (RFC 5764 section 4.1.2, RFC 7714 section 14.2)."""

    AES_CM_128_HMAC_SHA1_80 = 0x0001
    AES_CM_128_HMAC_SHA1_32 = 0x0002
    AEAD_AES_128_GCM = 0x0007
    AEAD_AES_256_GCM = 0x0008

class Codec(IntEnum):
    """What the plane must know of a payload: where its key frames, layers and silences are."""

    OTHER = 0
    OPUS = 1
    VP8 = 2
    VP9 = 3
    H264 = 4

# ---------------------------------------------------------------- events

class StunReceived:
    """A STUN message (first byte 0..3, RFC 7983), from any address."""

    socket: UdpSocket | TcpConnection
    address: Address
    data: bytes

class DtlsReceived:
    """A DTLS datagram (first byte 20..63) from an address that the transport accepts (``accept_from``)."""

    transport: TransportPlane
    data: bytes

class RtcpReceived:
    """A compound RTCP packet, decrypted, from an accepted address."""

    transport: TransportPlane
    data: bytes

class SctpReceived:
    """Plain and pipe transports only: a datagram that is neither STUN, DTLS nor RTP (SCTP over UDP)."""

    transport: TransportPlane
    data: bytes

class UnknownSender:
    """A datagram that is not STUN from an address nobody accepts, on a socket with ``report_unknown``."""

    socket: UdpSocket
    address: Address
    data: bytes

class UnknownSsrc:
    """An RTP packet (decrypted) whose SSRC no stream of its transport has.

    Control either makes the stream and passes ``packet`` to ``TransportPlane.receive`` again, or calls
    ``TransportPlane.ignore_ssrc``. At most one such event per SSRC and wake-up, the packets between are dropped.
    """

    transport: TransportPlane
    ssrc: int
    payload_type: int
    mid: str  # "" when absent
    rid: str
    repaired_rid: str
    packet: bytes

class NackNeeded:
    """A gap was seen: send this NACK now (the plane repeats by itself through ``ReceiveStream.poll_nack``)."""

    stream: ReceiveStream
    sequence_numbers: list[int]

class KeyFrameNeeded:
    """Too much is missing for NACK (or it gave up): ask the sender of the stream for a key frame."""

    stream: ReceiveStream

class KeyFrameReceived:
    """The first packet of a key frame came in on the stream."""

    stream: ReceiveStream

class VideoOrientationChanged:
    """The coordination-of-video-orientation extension (3GPP TS 26.114) changed on the input."""

    input: Input
    camera: bool
    flip: bool
    rotation: int  # degrees: 0, 90, 180, 270

class PacketTraced:
    """A packet of an input or output whose ``trace_rtp`` (or ``trace_keyframe``) is on."""

    source: Input | Output
    is_key_frame: bool
    is_rtx: bool
    info: dict[
        str, int | bool | str
    ]  # payloadType, sequenceNumber, timestamp, marker, ssrc, size, payloadSize, ext ids …

class RtpDelivered:
    """A packet for an output of a direct transport (``Output.deliver``)."""

    output: Output
    data: bytes

class ConnectionClosed:
    """The TCP peer closed, the connection failed, or its framing was broken (``reason``)."""

    connection: TcpConnection
    reason: str

Event = (
    StunReceived
    | DtlsReceived
    | RtcpReceived
    | SctpReceived
    | UnknownSender
    | UnknownSsrc
    | NackNeeded
    | KeyFrameNeeded
    | KeyFrameReceived
    | VideoOrientationChanged
    | PacketTraced
    | RtpDelivered
    | ConnectionClosed
)

# ---------------------------------------------------------------- sockets

class Plane:
    """What all objects of one worker share: receive and send slots, random numbers, counters."""

    def __init__(self) -> None: ...
    @property
    def counters(self) -> dict[str, int]:
        """Since start: received, sent, truncated, srtp_failed, malformed, unknown_sender, unknown_ssrc, send_full, …"""

class UdpSocket:
    """A bound non-blocking UDP socket; control owns the descriptor's Python socket, the plane reads and writes it."""

    owner: Any
    report_unknown: bool
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
    encrypted: bool  # True: RTP and RTCP are dropped, in and out, until set_srtp
    connected: bool  # control's switch: while False no media passes, in or out (DTLS and SCTP events do)
    twcc_next: int  # transport-wide sequence number of the next outgoing packet that carries the extension
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
        """Bit/s of the last 2.5 s: "received", "sent", "rtp_received", "rtp_sent", "rtx_received", "rtx_sent", "probation_sent"."""
    def add_input(self) -> Input: ...
    def close(self) -> None: ...

# ---------------------------------------------------------------- producers

class Input:
    """A producer's half: how its packets are renamed to the router's codecs and extensions, and whom they feed."""

    owner: Any
    paused: bool  # packets are counted, not forwarded
    trace_rtp: bool
    trace_keyframe: bool
    def map_payload_type(self, received: int, forwarded: int) -> None: ...
    def map_extension(self, uri_kind: str, received_id: int, forwarded_id: int) -> None:
        """``uri_kind``: "mid", "abs_send_time", "transport_wide_cc", "audio_level", "video_orientation", "abs_capture_time",
        "frame_marking", "toffset", "playout_delay"; ids as negotiated with the sender, and the router's."""
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
    ) -> ReceiveStream:
        """Adds the stream of one SSRC. Raises ValueError when the transport has that SSRC already."""
    def add_output(self, output: Output) -> None: ...
    def remove_output(self, output: Output) -> None: ...
    def take_audio_level(self) -> tuple[int, int]:
        """(sum of -dBov levels 0..127, packets) of RFC 6464 since the last call; (0, 0) without any."""
    def close(self) -> None: ...

class ReceiveStream:
    """What is received with one SSRC: statistics of RFC 3550, loss repair, the retransmission buffer's packets."""

    owner: Any
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
    def make_report(self, now_us: int) -> tuple[int, int, int, int]:
        """(fraction_lost, total_lost, extended highest sequence, jitter) for a report block; starts a new interval."""
    def make_rtx_report(self, now_us: int) -> tuple[int, int, int, int] | None: ...
    def poll_nack(self, now_us: int) -> list[int]:
        """Sequence numbers to ask for again now; empty when none."""
    def sender_report(self, ntp: int, rtp_timestamp: int, now_us: int) -> None: ...
    def reset(self) -> None:
        """Forgets missing packets (after a pause)."""
    def close(self) -> None: ...

# ---------------------------------------------------------------- consumers

class Output:
    """A consumer's half: selects, renumbers, stamps, protects and sends; remembers what may be asked for again."""

    owner: Any
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
    last_packet_us: int
    last_timestamp: int
    last_sequence: int
    max_packet_us: int
    rtx_packets: int
    rtx_bytes: int
    rtt_ms: float
    waiting_for_key_frame: bool
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
        needs_key_frame: bool,
        ignore_dtx: bool,
    ) -> None: ...
    def sync(self) -> None:
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
    def retransmit(self, sequence_numbers: Sequence[int], now_us: int) -> int:
        """Answers a NACK; returns how many packets were sent again (each at most once per RTT, RTX when negotiated)."""
    def bitrate(self, now_us: int) -> int: ...
    def timestamp_at(self, now_us: int) -> int:
        """The RTP timestamp that belongs to ``now_us`` for a sender report (RFC 3550 section 6.4.1)."""
    def close(self) -> None: ...
