"""When to ask a sender for a key frame, and when not to ask again.

A key frame costs bandwidth, and every new or lossy consumer wants one. While one is on its way, further wishes wait for
it; ``delay_us`` (the producer's ``keyFrameRequestDelay``) keeps at least that time between two requests. Whatever
makes somebody want one (a PLI, a command, a pause that ends, a repair that failed), a sender is asked a few times at
once and then twice a second: a wish beyond that is granted as soon as the next one may be, and one key frame serves all
who wait.

A request may come to nothing: the PLI or the key frame's first packet is lost, or the browser just made a key frame and
ignores the next request for 300 ms. So it is repeated as long as a consumer waits, and once when none does: after a
second, or, if the request before it was so near that it may have been ignored, as soon as the browser listens again.
"""

from __future__ import annotations

import weakref
from typing import Protocol

from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Scheduler
from miso.worker.rtc.token_bucket import TokenBucket

RETRY_AFTER_US = 1_000_000  # a PLI or FIR that brought no key frame by now was lost
# libwebrtc (video/encoder_rtcp_feedback.cc, kMinKeyframeSendInterval) ignores requests for 300 ms after one that it met
HEARD_AGAIN_US = 350_000
_AT_ONCE = 4
_EVERY_US = 500_000


class KeyFrameStream(Protocol):
    """The received stream."""

    def send_key_frame_request(self) -> None:
        """Sends a PLI or FIR."""

    def is_key_frame_awaited(self) -> bool:
        """Whether a consumer forwards nothing until it has a key frame."""


class KeyFrameRequests:
    """The key frame requests of one received stream."""

    def __init__(self, scheduler: Scheduler, stream: KeyFrameStream, delay_us: int = 0) -> None:
        """Asks for nothing yet.

        Args:
            scheduler: Time.
            stream: Whose key frames they are.
            delay_us: The least time between two requests, 0 for none.
        """
        self._scheduler = scheduler
        self._stream: KeyFrameStream = weakref.proxy(stream)  # whom it goes with, without a search for cycles
        self._delay_us = delay_us
        self._allowance = TokenBucket(_AT_ONCE, _EVERY_US, scheduler.now_us())
        self._answer = Alarm(scheduler, self, KeyFrameRequests._on_no_answer)  # set while a request is pending
        self._met_us: int | None = None  # when the last request was made that the sender did not ignore
        self._retry = False  # ask again when no key frame comes, whoever waits for it then
        self._delay = Alarm(scheduler, self, KeyFrameRequests._on_delay_over)
        self._wanted_after_delay = False
        self._turn = Alarm(scheduler, self, KeyFrameRequests._on_turn)  # set while a request waits for the allowance

    @property
    def is_delayed(self) -> bool:
        """Whether a wish has to wait for the time between two requests."""
        return self._delay.is_set

    def need(self) -> None:
        """Somebody wants a key frame: asks now, or notes the wish while a request is pending or delayed."""
        if self._delay_us > 0:
            if self._delay.is_set:
                self._wanted_after_delay = True
                return
            self._start_delay()
        if self._answer.is_set:
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
        self._answer.stop()
        if self._stream.is_key_frame_awaited():
            self._await_answer(self._ignores_us(self._scheduler.now_us()), retry=True)
        else:
            self._turn.stop()

    def close(self) -> None:
        """Asks for nothing that was wanted so far. Idempotent."""
        self._answer.stop()
        self._turn.stop()
        self._delay.stop()

    def _ask(self, *, retry: bool) -> None:
        """Asks as soon as the allowance lets it."""
        if self._turn.is_set:
            return
        now_us = self._scheduler.now_us()
        if not self._allowance.take(1, now_us):
            self._turn.set(self._allowance.wait_us(now_us))
            return
        ignores_us = self._ignores_us(now_us)
        if ignores_us == 0:
            self._met_us = now_us
        self._await_answer(ignores_us, retry=retry)
        self._stream.send_key_frame_request()

    def _on_turn(self) -> None:
        self._ask(retry=True)

    def _await_answer(self, ignores_us: int, *, retry: bool) -> None:
        self._retry = retry or ignores_us > 0
        self._answer.set(ignores_us or RETRY_AFTER_US)

    def _ignores_us(self, now_us: int) -> int:
        """For how long from now on the sender may ignore requests, since it has met one a moment ago."""
        return 0 if self._met_us is None else max(0, self._met_us + HEARD_AGAIN_US - now_us)

    def _on_no_answer(self) -> None:
        if self._retry or self._stream.is_key_frame_awaited():
            self._ask(retry=False)

    def _start_delay(self) -> None:
        self._wanted_after_delay = False
        self._delay.set(self._delay_us)

    def _on_delay_over(self) -> None:
        if self._wanted_after_delay:
            self.need()
