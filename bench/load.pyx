# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The load: a VP8 sender, evenly paced or a frame at a time, that empties the receivers' sockets between its packets."""

import os
import socket

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from bench.sinks cimport Sinks
from worker.dataplane.srtp cimport SrtpSession

from worker.dataplane.srtp import SrtpSession as Session

cdef extern from * nogil:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/prctl.h>
    #include <sys/socket.h>
    #include <time.h>
    """
    int CLOCK_MONOTONIC, TIMER_ABSTIME, PR_SET_TIMERSLACK, MSG_DONTWAIT
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *now)
    int clock_nanosleep(int clock, int flags, const timespec *until, timespec *left)
    int prctl(int option, unsigned long value)
    long send(int fd, const void *data, size_t size, int flags)
    long recv(int fd, void *data, size_t size, int flags)

cdef enum:
    MAX_SIZE = 1600
    HEADER = 12
    EXTENSIONS = 12  # RFC 8285 one-byte form: four bytes of head, abs-send-time, transport-wide sequence number, padding
    DRAIN_NS = 5000000
    QUIET_NS = 100000000


cdef int64_t now_ns() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef void sleep_until(int64_t at_ns) noexcept:
    cdef timespec until
    until.tv_sec = at_ns // 1000000000
    until.tv_nsec = at_ns % 1000000000
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)


cdef class Sender:
    """A VP8 stream from a socket of its own.

    The packets of a frame differ by a byte at most, as libwebrtc cuts them: the larger ones come last.

    Attributes:
        address: of the socket.
        sent: packets since it was made.
        refused: packets that libsrtp or the kernel did not take.
    """

    cdef readonly object address
    cdef readonly unsigned long long sent
    cdef readonly unsigned long long refused
    cdef object _socket
    cdef int _fd
    cdef SrtpSession _session
    cdef int _payload_type, _abs_send_time_id, _transport_wide_cc_id
    cdef unsigned int _ssrc
    cdef unsigned short _sequence, _transport_wide
    cdef unsigned int _timestamp
    cdef unsigned int _frame
    cdef int _in_frame
    cdef bint _key_frame
    cdef unsigned char _slot[MAX_SIZE]
    cdef unsigned char _payload[MAX_SIZE]

    def __init__(
        self, *, unsigned int ssrc, int payload_type, int abs_send_time_id, int transport_wide_cc_id, suite, key
    ):
        """``suite`` None: without SRTP; ``key`` is master key and salt."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._fd = self._socket.fileno()
        self.address = self._socket.getsockname()
        self._session = None if suite is None else Session(suite, key, inbound=False)
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._abs_send_time_id = abs_send_time_id
        self._transport_wide_cc_id = transport_wide_cc_id
        payload = os.urandom(MAX_SIZE)
        memcpy(self._payload, <const unsigned char *>payload, MAX_SIZE)
        prctl(PR_SET_TIMERSLACK, 1000)

    def connect(self, address):
        """Where the worker listens."""
        self._socket.connect(address)

    def run(
        self, Sinks sinks not None, double seconds, double packets_per_second, int frame_packets, int packet_size,
        bint in_bursts,
    ):
        """Sends for that long, begins with a key frame, and waits until no media arrives any more.

        Args:
            sinks: emptied meanwhile.
            seconds: how long.
            packets_per_second: on the average.
            frame_packets: packets of one frame.
            packet_size: bytes of the larger packets before SRTP.
            in_bursts: the packets of a frame at once; else one after another in equal steps.
        """
        cdef int burst = frame_packets if in_bursts else 1, index
        cdef int64_t step_ns = <int64_t>(burst * 1e9 / packets_per_second)
        cdef int64_t count = max(<int64_t>(seconds * packets_per_second / burst), 1)
        cdef int64_t begin = now_ns(), due, drained = begin, now
        cdef unsigned int timestamp_step = <unsigned int>(90000 * frame_packets / packets_per_second)
        cdef int64_t done
        cdef unsigned long long received
        if not 64 <= packet_size <= MAX_SIZE - 200:
            raise ValueError(f"packet size is {packet_size}, expected 64 to {MAX_SIZE - 200}")
        self._key_frame = True
        self._in_frame = 0
        for done in range(count):
            due = begin + done * step_ns
            if now_ns() < due:
                sleep_until(due)
            for index in range(burst):
                self._send_next(frame_packets, packet_size, timestamp_step)
            now = now_ns()
            if now - drained >= DRAIN_NS:
                drained = now
                sinks.drain()
                self._ignore_reports()
        now = now_ns()
        drained = now
        received = sinks.received
        while now - drained < QUIET_NS:
            sleep_until(now + DRAIN_NS)
            now = now_ns()
            sinks.drain()
            if sinks.received != received:  # reports never cease
                received = sinks.received
                drained = now

    cdef void _send_next(self, int frame_packets, int packet_size, unsigned int timestamp_step) noexcept:
        """One packet: RTP header, extensions, VP8 payload descriptor (RFC 7741 section 4.2), payload."""
        cdef unsigned char *slot = self._slot
        cdef int at = HEADER + EXTENSIONS
        cdef int larger = self._frame % frame_packets
        cdef int size = packet_size if self._in_frame >= frame_packets - larger else packet_size - 1
        cdef bint last = self._in_frame == frame_packets - 1
        self._sequence += 1
        self._transport_wide += 1
        slot[0] = 0x90
        slot[1] = self._payload_type | (0x80 if last else 0)
        slot[2] = self._sequence >> 8
        slot[3] = self._sequence & 0xFF
        slot[4] = self._timestamp >> 24
        slot[5] = (self._timestamp >> 16) & 0xFF
        slot[6] = (self._timestamp >> 8) & 0xFF
        slot[7] = self._timestamp & 0xFF
        slot[8] = self._ssrc >> 24
        slot[9] = (self._ssrc >> 16) & 0xFF
        slot[10] = (self._ssrc >> 8) & 0xFF
        slot[11] = self._ssrc & 0xFF
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
        slot[at] = 0x90 if self._in_frame == 0 else 0x80
        slot[at + 1] = 0x80
        slot[at + 2] = 0x80 | (self._frame >> 8 & 0x7F)
        slot[at + 3] = self._frame & 0xFF
        if self._in_frame == 0:
            slot[at + 4] = 0x10 if self._key_frame else 0x11
            slot[at + 7] = 0x9D
            slot[at + 8] = 0x01
            slot[at + 9] = 0x2A
        if self._session is not None and self._session.protect(slot, &size) != 0:
            self.refused += 1
        elif send(self._fd, slot, size, MSG_DONTWAIT) < 0:
            self.refused += 1
        else:
            self.sent += 1
        self._in_frame += 1
        if last:
            self._in_frame = 0
            self._key_frame = False
            self._frame += 1
            self._timestamp += timestamp_step

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
        """Closes the socket. Idempotent."""
        self._socket.close()
