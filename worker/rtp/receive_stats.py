# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Statistics of one received RTP stream: validity, loss and jitter as RFC 3550 appendix A.1, A.3 and A.8 have them."""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.sequence import is_newer32
from miso.worker.rtp.source_clock import is_new_clock

_MODULO = 0xFFFFFFFF  # Cython makes a Python object of a literal beyond 31 bits
_HALF = 0x80000000
_MAX_DROPOUT = 3000  # numbers ahead that a packet may be without being far off; likewise behind, below
_MAX_MISORDER = 1500
_MAX_TOTAL_LOST = 0x7FFFFF
_MIN_TOTAL_LOST = -0x800000


class ReceiveStats:
    """Counts one SSRC's packets; a restart of the sender's numbering is noticed by two packets in a row.

    Attributes:
        clock_rate: ticks of the RTP clock per second.
        packets: valid packets.
        bytes: their sizes, as given.
        packets_discarded: packets whose number was too far off.
        packets_lost: expected minus received since the start, as of the last report; negative with duplicates.
        fraction_lost: of the interval before the last report, 0 to 255.
        reported_packets_lost: what the last report said, the worst of the receivers included.
        last_timestamp: RTP timestamp of the last packet, ``last_packet_us`` its arrival.
        max_timestamp: newest RTP timestamp, ``max_timestamp_us`` its first arrival; where the sender has set its clock
            anew, that of the new clock.
    """

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.packets = 0
        self.bytes = 0
        self.packets_discarded = 0
        self.packets_lost = 0
        self.fraction_lost = 0
        self.reported_packets_lost = 0
        self.last_timestamp = 0
        self.last_packet_us = 0
        self.max_timestamp = 0
        self.max_timestamp_us = 0
        self._started = False  # a packet has come
        # as RFC 3550 appendix A.1 names them, less the probation of new sources
        self._cycles = 0
        self._max_sequence = 0
        self._base_sequence = 0
        self._bad_sequence = -1  # what the number after one that is far off would be, -1: none was
        self._received = 0
        self._lost_before_restart = 0  # of numberings that have ended
        self._expected_before_restart = 0
        self._expected_prior = 0
        self._received_prior = 0
        self._transit = 0  # of the packet before, in timestamp units
        self._has_transit = False
        self._jitter_q4 = 0  # times 16

    def on_packet(self, sequence_number: int, timestamp: int, size: int, now_us: int) -> int:
        """Counts a packet of the stream.

        Args:
            sequence_number: of the packet.
            timestamp: its RTP timestamp.
            size: bytes to count.
            now_us: its arrival.

        Returns:
            ``DISCARDED``, ``VALID``, or ``RESTARTED``: valid, and the sender began its numbering anew.
        """
        outcome = self._validate(sequence_number)
        if outcome == enums.DISCARDED:
            self.packets_discarded += 1
            return enums.DISCARDED
        if sequence_number == self._max_sequence:  # what was overtaken tells nothing of the clock
            self._follow_clock(timestamp, now_us, outcome == enums.RESTARTED or self.packets == 0)
        self.packets += 1
        self._received += 1
        self.bytes += size
        self.last_timestamp = timestamp
        self.last_packet_us = now_us
        return outcome

    def on_recovered(self, sequence_number: int) -> int:
        """Checks the number of a packet that came by retransmission (RFC 4588): it repairs no loss of the path.

        Returns:
            ``VALID``, or ``DISCARDED`` when it is far from all others: a repair begins no numbering anew.
        """
        step = (sequence_number - self._max_sequence) & 0xFFFF
        if self._started and _MAX_DROPOUT <= step <= 0x10000 - _MAX_MISORDER:
            self.packets_discarded += 1
            return enums.DISCARDED
        return self._validate(sequence_number)

    def restart(self, sequence_number: int, timestamp: int, now_us: int) -> None:
        """The packet that was just counted is one of a new numbering, though its number was close to the old one's."""
        self._lost_before_restart += self._expected() - self._received + 1
        self._expected_before_restart += self._expected()
        self._begin(sequence_number)
        self._received = 1
        self._follow_clock(timestamp, now_us, True)

    def _validate(self, sequence_number: int) -> int:
        if not self._started:
            self._started = True
            self._begin(sequence_number)
            return enums.VALID
        step = (sequence_number - self._max_sequence) & 0xFFFF
        if step < _MAX_DROPOUT:
            if sequence_number < self._max_sequence:
                self._cycles += 0x10000
            self._max_sequence = sequence_number
            return enums.VALID
        if step <= 0x10000 - _MAX_MISORDER:
            if sequence_number == self._bad_sequence:
                self._lost_before_restart += self._expected() - self._received
                self._expected_before_restart += self._expected()
                self._begin(sequence_number)
                return enums.RESTARTED
            self._bad_sequence = (sequence_number + 1) & 0xFFFF
            return enums.DISCARDED
        return enums.VALID

    def _begin(self, sequence_number: int) -> None:
        self._cycles = 0
        self._base_sequence = sequence_number
        self._max_sequence = sequence_number
        self._bad_sequence = -1
        self._received = 0
        self._expected_prior = 0
        self._received_prior = 0
        self._has_transit = False

    def _follow_clock(self, timestamp: int, now_us: int, begins: bool) -> None:
        if is_new_clock(timestamp, self.max_timestamp, now_us - self.max_timestamp_us, self.clock_rate):
            begins = True
        if begins:
            self._has_transit = False
        if begins or is_newer32(timestamp, self.max_timestamp):
            self.max_timestamp = timestamp
            self.max_timestamp_us = now_us
        self._update_jitter(timestamp, now_us)

    def _update_jitter(self, timestamp: int, now_us: int) -> None:
        arrival = (now_us * self.clock_rate // 1000000) & _MODULO
        transit = (arrival - timestamp) & _MODULO
        if self._has_transit:
            difference = (transit - self._transit) & _MODULO
            if difference >= _HALF:
                difference = (0 - difference) & _MODULO
            if difference < self.clock_rate * 10:  # a jump of a clock, not jitter
                self._jitter_q4 += difference - ((self._jitter_q4 + 8) >> 4)
        self._transit = transit
        self._has_transit = True

    def _expected(self) -> int:
        return self._cycles + self._max_sequence - self._base_sequence + 1

    def max_sequence(self) -> int:
        """Extended highest sequence number: wraps in the upper 16 bits."""
        return (self._cycles + self._max_sequence) & _MODULO

    def packets_expected(self) -> int:
        """How many packets there should be since the start, by all numberings."""
        return self._expected_before_restart + self._expected() if self._started else 0

    def jitter(self) -> int:
        """Interarrival jitter in timestamp units."""
        return self._jitter_q4 >> 4

    def end_interval(self, worst_remote_fraction_lost: int) -> int:
        """Ends the interval that a report is about (RFC 3550 section 6.4.1).

        Args:
            worst_remote_fraction_lost: of the receivers this stream is forwarded to, 0 to 255; a sender that adds
                in-band FEC is to see it when it is worse than what we see, others are told 0.

        Returns:
            The fraction lost that a report block tells, 0 to 255.
        """
        if not self._started:
            return 0
        expected = self._expected()
        lost_before = self.packets_lost
        self.packets_lost = self._lost_before_restart + expected - self._received
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - (self._received - self._received_prior)
        self._expected_prior = expected
        self._received_prior = self._received
        if expected_interval <= 0 or lost_interval <= 0:
            self.fraction_lost = 0
        else:
            self.fraction_lost = min(255, (lost_interval << 8) // expected_interval)
        fraction = self.fraction_lost
        if worst_remote_fraction_lost <= fraction:
            self.reported_packets_lost += self.packets_lost - lost_before
        else:
            fraction = min(255, worst_remote_fraction_lost)
            self.reported_packets_lost += (fraction * max(0, expected_interval)) >> 8
        return fraction

    def reported_total(self) -> int:
        """The total lost that a report block tells: in 24 signed bits, larger values as the limit."""
        return max(_MIN_TOTAL_LOST, min(_MAX_TOTAL_LOST, self.reported_packets_lost))
