# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Groups packets that were sent in one burst and compares the groups' spacing at sender and receiver.

draft-ietf-rmcat-gcc-02 section 5.2; send times are the abs-send-time extension's 24 bits, in units of 2^-18 s.
"""

from __future__ import annotations

from miso.worker.bwe import enums

_BURST_TICKS = 1311  # 5 ms of send time (the draft's burst_time); C numbers in the .pxd
_MS_PER_TICK = 0.003814697265625  # 1000 / 2^18
_MAX_BURST_GAP_US = 5000
_MAX_BURST_US = 100000
_MAX_DELTA_MS = 3000.0


class InterArrival:
    """Fed with packets; tells when a group is complete, and how its spacing from the one before changed on the way.

    Attributes:
        send_delta_ms: between the last two complete groups as sent.
        arrival_delta_ms: between them as received.
    """

    def __init__(self) -> None:
        self.send_delta_ms = 0.0
        self.arrival_delta_ms = 0.0
        self._has_send = False
        self._last_send = 0  # the last send time as it came
        self._send_ticks = 0  # and without its wraps
        self._first_send = 0  # of the group: when its first packet was sent, its last one, and so for arrivals
        self._group_send = 0
        self._first_arrival_us = 0
        self._group_arrival_us = 0
        self._previous_send = 0  # when the last packet of the group before was sent, and when it arrived
        self._previous_arrival_us = 0
        self.reset()

    def reset(self) -> None:
        """Forgets the groups; the next packet begins the first one."""
        self._has_group = False
        self._has_previous = False

    def on_packet(self, abs_send_time: int, arrival_us: int) -> bool:
        """Adds a packet.

        Returns:
            Whether it completed a group that has one before it: the attributes hold its spacing.
        """
        send = self._unwrap(abs_send_time)
        if not self._has_group:
            self._has_group = True
            self._first_send = send
            self._group_send = send
            self._first_arrival_us = arrival_us
            self._group_arrival_us = arrival_us
            return False
        if send < self._first_send:  # reordered across groups
            return False
        if self._belongs_to_group(send, arrival_us):
            if send > self._group_send:
                self._group_send = send
            self._group_arrival_us = arrival_us
            return False
        completed = self._complete_group()
        self._first_send = send
        self._group_send = send
        self._first_arrival_us = arrival_us
        self._group_arrival_us = arrival_us
        return completed

    def _unwrap(self, abs_send_time: int) -> int:
        if not self._has_send:
            self._has_send = True
            self._last_send = abs_send_time
            return self._send_ticks
        step = (abs_send_time - self._last_send) & enums.SEND_TIME_MASK
        if step <= enums.SEND_TIME_MASK >> 1:
            self._last_send = abs_send_time
            self._send_ticks += step
            return self._send_ticks
        return self._send_ticks + step - enums.SEND_TIME_MASK - 1

    def _belongs_to_group(self, send: int, arrival_us: int) -> bool:
        if send - self._first_send <= _BURST_TICKS:
            return True
        # packets that waited together somewhere come in one burst though they were sent apart
        arrival_delta_us = arrival_us - self._group_arrival_us
        propagation_us = arrival_delta_us - (send - self._group_send) * enums.SEND_TIME_US // enums.SEND_TIME_TICKS
        return (
            propagation_us < 0
            and arrival_delta_us <= _MAX_BURST_GAP_US
            and arrival_us - self._first_arrival_us < _MAX_BURST_US
        )

    def _complete_group(self) -> bool:
        completed = False
        if self._has_previous:
            self.send_delta_ms = (self._group_send - self._previous_send) * _MS_PER_TICK
            self.arrival_delta_ms = (self._group_arrival_us - self._previous_arrival_us) * 0.001
            # after a pause of the sender, or a jump of a clock, no delay can be told from the spacing
            completed = 0.0 <= self.arrival_delta_ms <= _MAX_DELTA_MS and self.send_delta_ms <= _MAX_DELTA_MS
        self._has_previous = True
        self._previous_send = self._group_send
        self._previous_arrival_us = self._group_arrival_us
        return completed
