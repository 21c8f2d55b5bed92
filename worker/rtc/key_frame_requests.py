"""When to ask a sender for a key frame, and when not to ask again.

A key frame costs bandwidth, and every new or lossy consumer wants one. While one is on its way, further wishes wait for
it; ``delay_us`` (the producer's ``keyFrameRequestDelay``) keeps at least that time between two requests.

A request may come to nothing: the PLI or the key frame's first packet is lost, or the browser just made a key frame and
ignores the next request for 300 ms. So it is repeated as long as a consumer waits, and once when none does.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.rtc.context import Scheduler, Timer

RETRY_AFTER_US = 1_000_000  # a PLI or FIR that brought no key frame by now was lost


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
        self._start_pending(retry=True)
        self._request()

    def force(self) -> None:
        """Asks now, whatever is pending: the stream is new, or its producer was resumed."""
        if self._delay_us > 0:
            self._start_delay()
        self._start_pending(retry=True)
        self._request()

    def received(self) -> None:
        """A key frame came; who could not begin with it waits for the next."""
        self._stop_pending()
        if self._is_awaited():
            self._start_pending(retry=True)

    def close(self) -> None:
        """Asks no more."""
        self._stop_pending()
        if self._delay is not None:
            self._delay.cancel()
            self._delay = None

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
            self._start_pending(retry=False)
            self._request()

    def _start_delay(self) -> None:
        if self._delay is not None:
            self._delay.cancel()
        self._wanted_after_delay = False
        self._delay = self._scheduler.call_later(self._delay_us, self._on_delay_timeout)

    def _on_delay_timeout(self) -> None:
        self._delay = None
        if self._wanted_after_delay:
            self.need()
