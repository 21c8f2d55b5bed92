"""How often what another node says may be read: none of them costs this one more than a share of a core. Sans-I/O.

A node that says much, and again and again that everybody is to read it, would have all others do nothing else. What
reading costs is reckoned from what was read, and each node may cost so much at once and so much over time: the more it
says, the longer it is until it is read again. Others are read meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BURST_S: Final = 2.0
"""So many seconds of a core may be spent at once on one node, in all rooms: more than honest ones cost after Redis has
lost everything (3,000 people in rooms of two take 0.6 s)."""
SHARE: Final = 0.05
"""And such a part of a core from then on."""
MAX_NODES: Final = 8192
_FACT_S: Final = 15e-6
_BYTE_S: Final = 35e-9
_KEY_S: Final = 2e-6
"""A fact and a byte of what is costly to read (objects with many members): no less than was measured (5 to 8 µs, up
to 33 ns). A key at which Redis looks: an estimate."""


class ReadAllowance:
    """What other nodes have cost, and may cost."""

    def __init__(self, burst_s: float = BURST_S, share: float = SHARE) -> None:
        """Nothing was read.

        Args:
            burst_s: Seconds of a core for one node at once.
            share: The part of a core that it may cost over time.
        """
        self._burst_s = burst_s
        self._share = share
        self._spent: dict[str, tuple[float, float]] = {}  # by node: seconds of a core, and when it was so much

    def may_read(self, node: str, now_s: float) -> bool:
        """Whether it has not cost too much."""
        return self._of(node, now_s) < self._burst_s

    def read(self, node: str, now_s: float, reply: Sequence[bytes | int]) -> None:
        """It was read.

        Args:
            node: Which one.
            now_s: The time.
            reply: What Redis gave, as the script gives it. An answer that nothing is new costs next to nothing.
        """
        if len(reply) < 4:
            return
        looked_at = reply[3] if isinstance(reply[3], int) else 0
        given_bytes = sum(len(part) for part in reply[4:] if isinstance(part, bytes))
        cost_s = _FACT_S * (len(reply) - 4) / 2 + _BYTE_S * given_bytes + _KEY_S * looked_at
        spent_s = self._of(node, now_s) + cost_s
        if node not in self._spent and len(self._spent) >= MAX_NODES:
            del self._spent[min(self._spent, key=lambda each: self._of(each, now_s))]
        self._spent[node] = spent_s, now_s

    def _of(self, node: str, now_s: float) -> float:
        spent_s, at_s = self._spent.get(node, (0.0, now_s))
        return max(0.0, spent_s - self._share * (now_s - at_s))
