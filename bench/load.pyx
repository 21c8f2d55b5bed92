# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The load: senders of video, evenly paced or a frame at a time, which empty the receivers' sockets between their packets."""

import os
import socket

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from bench.clock cimport now_ns, sleep_until
from bench.sinks cimport Sinks
from miso.worker.dataplane.transport.libsrtp cimport SrtpSession

from miso.worker.dataplane.transport.libsrtp import SrtpSession as Session

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/prctl.h>
    #include <sys/socket.h>
    """
    int PR_SET_TIMERSLACK, MSG_DONTWAIT
    int prctl(int option, unsigned long value)
    long send(int fd, const void *data, size_t size, int flags)
    long recv(int fd, void *data, size_t size, int flags)

cdef enum:
    SIMPLE = 0
    SIMULCAST = 1
    SVC = 2
    STREAMS = 3
    KEY_FRAME_EVERY = 15  # frames, where a change of layers waits for one
    MAX_SIZE = 1600
    HEADER = 12
    EXTENSIONS = 12  # RFC 8285 one-byte form: four bytes of head, abs-send-time, transport-wide sequence number, padding
    DRAIN_NS = 5000000
    QUIET_NS = 100000000


cdef class Sender:
    """Video from a socket of its own: VP8 in one stream or in three (simulcast), or VP9 of three spatial layers (SVC).

    The packets of a frame differ by a byte at most, as libwebrtc cuts them: the larger ones come last. Of ten packets of
    the highest simulcast stream, the next one sends four and the lowest one; of ten packets of an SVC picture one is of
    the lowest layer and three of the next.

    Attributes:
        address: of the socket.
        sent: packets since it was made.
        wanted: packets of them that go to each receiver: those of the highest simulcast stream, or of the two lower
            spatial layers.
        refused: packets that libsrtp or the kernel did not take.
        key_frame_every: so many frames; 0: only the first of each run.
    """

    cdef readonly object address
    cdef readonly unsigned long long sent
    cdef readonly unsigned long long wanted
    cdef readonly unsigned long long refused
    cdef public unsigned int key_frame_every
    cdef object _copies
    cdef int _copies_fd
    cdef object _socket
    cdef int _fd
    cdef SrtpSession _session
    cdef int _payload_type, _abs_send_time_id, _transport_wide_cc_id
    cdef unsigned int _ssrc
    cdef int _kind
    cdef unsigned short _sequences[STREAMS]
    cdef unsigned short _transport_wide
    cdef unsigned int _timestamp
    cdef unsigned int _frame
    cdef int _in_frame
    cdef bint _key_frame
    cdef unsigned char _slot[MAX_SIZE]
    cdef unsigned char _payload[MAX_SIZE]

    def __init__(
        self,
        *,
        str kind not None,
        unsigned int ssrc,
        int payload_type,
        int abs_send_time_id,
        int transport_wide_cc_id,
        suite,
        key,
    ):
        """Makes a sender with a bound socket.

        Args:
            kind: "simple", "simulcast" or "svc".
            ssrc: of the lowest stream; the others of simulcast have the next even ones.
            payload_type: of all packets.
            abs_send_time_id: of the header extension.
            transport_wide_cc_id: likewise.
            suite: None: without SRTP.
            key: master key and salt.
        """
        self._kind = ("simple", "simulcast", "svc").index(kind)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._fd = self._socket.fileno()
        self._copies = None
        self._copies_fd = -1
        self.address = self._socket.getsockname()
        self._session = None if suite is None else Session(suite, key, inbound=False)
        self._ssrc = ssrc
        self.key_frame_every = 0 if kind == "simple" else KEY_FRAME_EVERY
        self._payload_type = payload_type
        self._abs_send_time_id = abs_send_time_id
        self._transport_wide_cc_id = transport_wide_cc_id
        payload = os.urandom(MAX_SIZE)
        memcpy(self._payload, <const unsigned char *>payload, MAX_SIZE)
        prctl(PR_SET_TIMERSLACK, 1000)

    @property
    def packets_per_wanted(self):
        """Packets of the highest stream, or of all layers, for each that a receiver gets."""
        return 2.5 if self._kind == SVC else 1.0

    def connect(self, address):
        """Where the worker listens."""
        self._socket.connect(address)

    def copy_to(self, address):
        """Each packet goes there, too, just before it goes to the worker: when it comes there, it is sent."""
        self._copies = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._copies.connect(address)
        self._copies_fd = self._copies.fileno()

    def run(
        self, Sinks sinks not None, double seconds, double packets_per_second, int frame_packets, int packet_size,
        bint in_bursts,
    ):
        """Sends alone, see ``send_in_turn``."""
        send_in_turn([self], sinks, seconds, packets_per_second, frame_packets, packet_size, in_bursts)

    cdef void _send_next(self, int frame_packets, int packet_size, unsigned int timestamp_step) noexcept:
        """The next packet of the highest stream, and those of the lower ones whose turn it is."""
        cdef int larger = self._frame % frame_packets
        cdef int size = packet_size if self._in_frame >= frame_packets - larger else packet_size - 1
        cdef bint first = self._in_frame == 0
        cdef bint last = self._in_frame == frame_packets - 1
        if self._kind == SVC:
            self._send_svc(size, frame_packets)
        elif self._kind == SIMULCAST:
            self._send_vp8(2, size, first, last)
            if self._in_frame % 3 == 0:
                self._send_vp8(1, size, first, self._in_frame + 3 >= frame_packets)
            if first:
                self._send_vp8(0, size, True, True)
        else:
            self._send_vp8(0, size, first, last)
        self._in_frame += 1
        if last:
            self._in_frame = 0
            self._frame += 1
            self._key_frame = self.key_frame_every > 0 and self._frame % self.key_frame_every == 0
            self._timestamp += timestamp_step

    cdef void _send_vp8(self, int stream, int size, bint first, bint last) noexcept:
        """A packet with the payload descriptor of RFC 7741 section 4.2; simulcast has TL0PICIDX and temporal layer too."""
        cdef int at = HEADER + EXTENSIONS
        cdef unsigned char *slot = self._slot
        self._write_head(stream, size, last)
        slot[at] = 0x90 if first else 0x80
        slot[at + 1] = 0xE0 if self._kind == SIMULCAST else 0x80
        slot[at + 2] = 0x80 | (self._frame >> 8 & 0x7F)
        slot[at + 3] = self._frame & 0xFF
        at += 4
        if self._kind == SIMULCAST:
            slot[at] = self._frame & 0xFF
            slot[at + 1] = 0
            at += 2
        if first:
            slot[at] = 0x10 if self._key_frame else 0x11
            slot[at + 3] = 0x9D
            slot[at + 4] = 0x01
            slot[at + 5] = 0x2A
        self.wanted += self._kind == SIMPLE or stream == 2
        self._send(size)

    cdef void _send_svc(self, int size, int frame_packets) noexcept:
        """A packet with the payload descriptor of RFC 9628 section 4.2."""
        cdef int at = HEADER + EXTENSIONS
        cdef unsigned char *slot = self._slot
        cdef int spatial = 0 if self._in_frame == 0 else 1 if self._in_frame < 4 else 2
        cdef bint begins = self._in_frame == 0 or self._in_frame == 1 or self._in_frame == 4
        cdef bint ends = self._in_frame == 0 or self._in_frame == 3 or self._in_frame == frame_packets - 1
        self._write_head(0, size, self._in_frame == frame_packets - 1)
        slot[at] = 0xA0 | (0 if self._key_frame else 0x40) | begins << 3 | ends << 2
        slot[at + 1] = 0x80 | (self._frame >> 8 & 0x7F)
        slot[at + 2] = self._frame & 0xFF
        slot[at + 3] = spatial << 1 | (spatial > 0)
        slot[at + 4] = self._frame & 0xFF
        self.wanted += spatial < 2
        self._send(size)

    cdef void _write_head(self, int stream, int size, bint last) noexcept:
        """RTP header and extensions, and what stands behind them."""
        cdef unsigned char *slot = self._slot
        cdef unsigned int ssrc = self._ssrc + 2 * stream
        cdef unsigned short sequence
        cdef int at = HEADER + EXTENSIONS
        self._sequences[stream] += 1
        sequence = self._sequences[stream]
        self._transport_wide += 1
        slot[0] = 0x90
        slot[1] = self._payload_type | (0x80 if last else 0)
        slot[2] = sequence >> 8
        slot[3] = sequence & 0xFF
        slot[4] = self._timestamp >> 24
        slot[5] = (self._timestamp >> 16) & 0xFF
        slot[6] = (self._timestamp >> 8) & 0xFF
        slot[7] = self._timestamp & 0xFF
        slot[8] = ssrc >> 24
        slot[9] = (ssrc >> 16) & 0xFF
        slot[10] = (ssrc >> 8) & 0xFF
        slot[11] = ssrc & 0xFF
        slot[12] = 0xBE
        slot[13] = 0xDE
        slot[14] = 0
        slot[15] = 2
        self._write_send_time(slot + 16)
        slot[20] = self._transport_wide_cc_id << 4 | 1
        slot[21] = self._transport_wide >> 8
        slot[22] = self._transport_wide & 0xFF
        slot[23] = 0
        memcpy(slot + at, self._payload, size - at)

    cdef void _send(self, int size) noexcept:
        cdef unsigned char *slot = self._slot
        if self._session is not None and self._session.protect(slot, &size) != 0:
            self.refused += 1
            return
        if self._copies_fd >= 0:
            send(self._copies_fd, slot, size, MSG_DONTWAIT)
        if send(self._fd, slot, size, MSG_DONTWAIT) < 0:
            self.refused += 1
        else:
            self.sent += 1

    cdef void _write_send_time(self, unsigned char *target) noexcept:
        cdef unsigned int sent_at = <unsigned int>((<uint64_t>now_ns() << 18) // 1000000000)
        target[0] = self._abs_send_time_id << 4 | 2
        target[1] = (sent_at >> 16) & 0xFF
        target[2] = (sent_at >> 8) & 0xFF
        target[3] = sent_at & 0xFF

    cdef void _ignore_reports(self) noexcept:
        cdef unsigned char report[64]
        while recv(self._fd, report, sizeof(report), MSG_DONTWAIT) >= 0:
            pass

    def close(self):
        """Closes the sockets. Idempotent."""
        self._socket.close()
        if self._copies is not None:
            self._copies.close()


def send_in_turn(
    list senders not None, Sinks sinks not None, double seconds, double packets_per_second, int frame_packets,
    int packet_size, bint in_bursts,
):
    """Sends for that long, each begins with a key frame, and waits until no media arrives any more.

    The sinks are emptied half way between two packets or frames, when the worker has done with the first: the kernel has
    what is read freed by the core that sent it, and would interrupt the worker for it, and charge it.

    Args:
        senders: a packet of each in turn, or a frame.
        sinks: emptied meanwhile.
        seconds: how long.
        packets_per_second: on the average, of all together.
        frame_packets: packets of one frame.
        packet_size: bytes of the larger packets before SRTP.
        in_bursts: the packets of a frame at once; else one after another in equal steps.
    """
    cdef int burst = frame_packets if in_bursts else 1, index
    cdef int64_t step_ns = <int64_t>(burst * 1e9 / packets_per_second)
    cdef int64_t count = max(<int64_t>(seconds * packets_per_second / burst), 1)
    cdef int64_t begin = now_ns(), due, drained = begin, now
    cdef unsigned int timestamp_step = <unsigned int>(90000 * frame_packets * len(senders) / packets_per_second)
    cdef int64_t done
    cdef unsigned long long received
    cdef Sender sender
    if not 64 <= packet_size <= MAX_SIZE - 200:
        raise ValueError(f"packet size is {packet_size}, expected 64 to {MAX_SIZE - 200}")
    for sender in senders:
        sender._key_frame = True
        sender._in_frame = 0
    for done in range(count):
        due = begin + done * step_ns
        if now_ns() - drained >= DRAIN_NS:
            with nogil:
                sleep_until(due - step_ns // 2)
            drained = now_ns()
            sinks.drain()
            for sender in senders:
                sender._ignore_reports()
        if now_ns() < due:
            with nogil:
                sleep_until(due)
        sender = senders[done % len(senders)]
        for index in range(burst):
            sender._send_next(frame_packets, packet_size, timestamp_step)
    now = now_ns()
    drained = now
    received = sinks.received
    while now - drained < QUIET_NS:
        with nogil:
            sleep_until(now + DRAIN_NS)
        now = now_ns()
        sinks.drain()
        if sinks.received != received:  # reports never cease
            received = sinks.received
            drained = now
