"""When to ask a sender for a key frame, and when not to ask again.

A key frame costs bandwidth, and every new or lossy consumer wants one. While one is on its way, further wishes wait for
it; ``delay_us`` (the producer's ``keyFrameRequestDelay``) keeps at least that time between two requests. Whatever
makes somebody want one (a PLI, a command, a pause that ends, a repair that failed), a sender is asked a few times at
once and then twice a second: a wish beyond that is granted as soon as the next one may be, and one key frame serves all
who wait.

A request may come to nothing: the PLI or the key frame's first packet is lost, or the browser just made a key frame and
ignores the next request for 300 ms. So it is repeated as long as a consumer waits, and once when none does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from miso.worker.rtc.context import Scheduler, Timer

RETRY_AFTER_US = 1_000_000  # a PLI or FIR that brought no key frame by now was lost
_AT_ONCE = 4
_EVERY_US = 500_000


class KeyFrameRequests:
    """The key frame requests of one received stream."""

    def __init__(
        self, scheduler: Scheduler, request: Callable[[], None], is_awaited: Callable[[], bool], delay_us: int = 0
    ) -> None:
        """Asks for nothing yet.

        Args:
            scheduler: Time.
            request: Sends the PLI or FIR.
            is_awaited: Whether a consumer forwards nothing until it has a key frame.
            delay_us: The least time between two requests, 0 for none.
        """
        self._scheduler = scheduler
        self._request = request
        self._is_awaited = is_awaited
        self._delay_us = delay_us
        self._pending: Timer | None = None
        self._retry = False
        self._delay: Timer | None = None
        self._wanted_after_delay = False
        self._allowance = float(_AT_ONCE)
        self._allowance_us = scheduler.now_us()
        self._held: Timer | None = None  # until the allowance is there for the request that waits

    def need(self) -> None:
        """Somebody wants a key frame: asks now, or notes the wish while a request is pending or delayed."""
        if self._delay_us > 0:
            if self._delay is not None:
                self._wanted_after_delay = True
                return
            self._start_delay()
        if self._pending is not None:
            self._retry = True
            return
        self._ask(retry=True)

    def force(self) -> None:
        """Asks though a request is pending: the stream is new, its producer was resumed, or repair has failed."""
        if self._delay_us > 0:
            self._start_delay()
        self._ask(retry=True)

    def received(self) -> None:
        """A key frame came; who could not begin with it waits for the next."""
        self._stop_pending()
        if self._is_awaited():
            self._start_pending(retry=True)
        else:
            self._stop_holding()

    def close(self) -> None:
        """Asks for nothing that was wanted so far. Idempotent."""
        self._stop_pending()
        self._stop_holding()
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

    def _ask(self, *, retry: bool) -> None:
        """Asks as soon as the allowance lets it."""
        if self._held is not None:
            return
        now_us = self._scheduler.now_us()
        regained = (now_us - self._allowance_us) / _EVERY_US
        self._allowance = min(self._allowance + regained, float(_AT_ONCE))
        self._allowance_us = now_us
        if self._allowance < 1:
            wait_us = math.ceil((1 - self._allowance) * _EVERY_US)
            self._held = self._scheduler.call_later(wait_us, self._on_allowance)
            return
        self._allowance -= 1
        self._start_pending(retry=retry)
        self._request()

    def _on_allowance(self) -> None:
        self._held = None
        self._ask(retry=True)

    def _stop_holding(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None

    def _start_pending(self, *, retry: bool) -> None:
        self._stop_pending()
        self._retry = retry
        self._pending = self._scheduler.call_later(RETRY_AFTER_US, self._on_pending_timeout)

    def _stop_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _on_pending_timeout(self) -> None:
        self._pending = None
        if self._retry or self._is_awaited():
            self._ask(retry=False)

    def _start_delay(self) -> None:
        if self._delay is not None:
            self._delay.cancel()
        self._wanted_after_delay = False
        self._delay = self._scheduler.call_later(self._delay_us, self._on_delay_timeout)

    def _on_delay_timeout(self) -> None:
        self._delay = None
        if self._wanted_after_delay:
            self.need()
