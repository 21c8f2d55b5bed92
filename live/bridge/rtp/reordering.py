"""Puts the packets of one RTP stream in order, waits for what is missing, and tells of what never came."""

from __future__ import annotations

from typing import Final, NamedTuple

from miso.live.bridge.rtp.rtp_packet import RtpPacket, unwrapped

WAIT_S: Final = 0.25
"""So long a missing packet is waited for: the worker asks the sender for it again, which takes a round trip or two."""
MAX_WAITING: Final = 1_024
"""Packets behind a missing one."""
_MAX_LEAP = 3_000  # as RFC 3550, appendix A.1; who leaps further has begun to number anew
_SEQUENCE_BITS = 16


class Ordered(NamedTuple):
    """A packet in its turn.

    Attributes:
        packet: The packet.
        is_after_gap: Something before it is lost.
    """

    packet: RtpPacket
    is_after_gap: bool


class Reordering:
    """One stream's packets, as they come and as they belong.

    Attributes:
        lost: Packets that were given up.
        repeated: Packets that came twice, or after they were given up.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.repeated = 0
        self._next: int | None = None  # the number that is next in turn, unwrapped
        self._waiting: dict[int, RtpPacket] = {}
        self._waits_since_s: float | None = None
        self._leap: int | None = None  # the number a packet far off had, plus one: the next one there begins anew

    @property
    def deadline_s(self) -> float | None:
        """When to call :meth:`due`; None: nothing is waited for."""
        return None if self._waits_since_s is None else self._waits_since_s + WAIT_S

    def put(self, packet: RtpPacket, now_s: float) -> list[Ordered]:
        """Takes a packet in.

        Args:
            packet: The packet.
            now_s: The time, by any clock that does not go back.

        Returns:
            The packets whose turn it is.
        """
        if self._next is None:
            self._next = packet.sequence_number
        number = unwrapped(packet.sequence_number, self._next, _SEQUENCE_BITS)
        if abs(number - self._next) > _MAX_LEAP:
            return self._far_off(packet, number, now_s)
        self._leap = None
        if number < self._next or number in self._waiting:
            self.repeated += 1
            return []
        self._waiting[number] = packet
        ready = self._in_turn(False)
        while len(self._waiting) > MAX_WAITING:
            ready += self._give_up()
        self._watch(now_s, has_moved=bool(ready))
        return ready

    def due(self, now_s: float) -> list[Ordered]:
        """What is missing has not come in time: the packets behind it."""
        ready: list[Ordered] = []
        deadline_s = self.deadline_s
        if deadline_s is not None and now_s >= deadline_s:
            ready = self._give_up()
            self._watch(now_s, has_moved=True)
        return ready

    def _far_off(self, packet: RtpPacket, number: int, now_s: float) -> list[Ordered]:
        """One stray packet is nothing; two in a row are a sender that numbers anew."""
        if self._leap != number:
            self._leap = number + 1
            return []
        self._waiting = {number: packet}
        self._next, self._leap = number, None
        ready = self._in_turn(True)
        self._watch(now_s, has_moved=True)
        return ready

    def _give_up(self) -> list[Ordered]:
        assert self._next is not None
        first = min(self._waiting)
        self.lost += first - self._next
        self._next = first
        return self._in_turn(True)

    def _in_turn(self, is_after_gap: bool) -> list[Ordered]:
        assert self._next is not None
        ready = []
        while (packet := self._waiting.pop(self._next, None)) is not None:
            ready.append(Ordered(packet, is_after_gap))
            is_after_gap = False
            self._next += 1
        return ready

    def _watch(self, now_s: float, *, has_moved: bool) -> None:
        if not self._waiting:
            self._waits_since_s = None
        elif self._waits_since_s is None or has_moved:
            self._waits_since_s = now_s
