"""How often and how long: what the directory on Redis waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds, all of them.

    Attributes:
        touch_s: How often a node shows that it lives, and looks who else does.
        lease_s: Who has not done so for that long is gone; at least three times ``touch_s``.
        keep_s: How long Redis keeps what nobody refreshes.
        refresh_s: How often each room is refreshed and compared; a third of ``keep_s`` at most.
        answer_s: How long Redis may take for an answer; then it is away.
        sync_s: How long ``Entry.synced`` waits.
    """

    touch_s: float = 1.0
    lease_s: float = 4.0
    keep_s: float = 60.0
    refresh_s: float = 20.0
    answer_s: float = 2.0
    sync_s: float = 3.0

    @property
    def grace_s(self) -> float:
        """So long others may take to be heard of again after Redis was away."""
        return 2 * self.lease_s


DEFAULT_TIMES: Final = Times()
"""Who dies is noticed within 5 s."""
