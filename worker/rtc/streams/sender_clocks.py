"""The wall clocks of a transport's senders: all streams of one sender are reckoned by the same clock."""

from __future__ import annotations

from weakref import WeakValueDictionary

from miso.worker.rtcp.sender_clock import SenderClock


class SenderClocks:
    """The clocks of a transport's senders, by CNAME, as long as a producer has one."""

    def __init__(self) -> None:
        self._clocks: WeakValueDictionary[str, SenderClock] | None = None  # most transports have no producer

    def of(self, cname: str) -> SenderClock:
        """The clock of who calls itself so."""
        if self._clocks is None:
            self._clocks = WeakValueDictionary()
        clock = self._clocks.get(cname)
        if clock is None:
            clock = self._clocks[cname] = SenderClock()
        return clock
