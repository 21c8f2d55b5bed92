"""Key frames are asked for as often as needed, and not more often."""

from __future__ import annotations

import pytest

from miso.worker.rtc.producer.key_frame_requests import HEARD_AGAIN_US, RETRY_AFTER_US, KeyFrameRequests
from tests.worker.rtc.world import FakeClock

DELAY_US = 300_000
RETRY_MS = RETRY_AFTER_US / 1000


class Sender:
    """Counts the requests that reach it; ``awaited`` says whether a consumer waits."""

    def __init__(self, delay_us: int = 0) -> None:
        self.clock = FakeClock()
        self.asked = 0
        self.awaited = False
        self.requests = KeyFrameRequests(self.clock, self, delay_us)

    def send_key_frame_request(self) -> None:
        self.asked += 1

    def is_key_frame_awaited(self) -> bool:
        return self.awaited


@pytest.fixture
def sender() -> Sender:
    return Sender()


def test_wishes_while_one_is_pending_cost_no_request(sender: Sender) -> None:
    for _ in range(5):
        sender.requests.need()
    assert sender.asked == 1


def test_a_request_that_brought_nothing_is_repeated_once(sender: Sender) -> None:
    sender.requests.need()
    sender.clock.advance(RETRY_MS)
    assert sender.asked == 2
    sender.clock.advance(10 * RETRY_MS)
    assert sender.asked == 2


def test_a_request_is_repeated_as_long_as_a_consumer_waits(sender: Sender) -> None:
    sender.awaited = True
    sender.requests.need()
    for _ in range(5):
        sender.clock.advance(RETRY_MS)
    assert sender.asked == 6


def test_a_key_frame_ends_the_asking(sender: Sender) -> None:
    sender.requests.need()
    sender.requests.received()
    sender.clock.advance(10 * RETRY_MS)
    assert sender.asked == 1


def test_a_key_frame_that_a_consumer_could_not_begin_with_is_asked_for_again(sender: Sender) -> None:
    sender.requests.need()
    sender.awaited = True
    sender.requests.received()
    sender.clock.advance(RETRY_MS)
    assert sender.asked == 2


def test_what_a_browser_ignores_after_a_key_frame_is_asked_again_when_it_listens(sender: Sender) -> None:
    sender.requests.need()
    sender.clock.advance(50)
    sender.requests.received()
    sender.clock.advance(50)
    sender.requests.need()
    assert sender.asked == 2
    sender.clock.advance(HEARD_AGAIN_US / 1000 - 100)
    assert sender.asked == 3
    sender.requests.received()
    sender.clock.advance(10 * RETRY_MS)
    assert sender.asked == 3


def test_a_sender_that_ignores_nothing_is_not_asked_more_often(sender: Sender) -> None:
    for _ in range(2):
        sender.requests.need()
        sender.requests.received()
        sender.clock.advance(100)
    sender.clock.advance(10 * RETRY_MS)
    assert sender.asked == 2


def test_a_new_stream_asks_though_one_is_pending(sender: Sender) -> None:
    sender.requests.need()
    sender.requests.force()
    assert sender.asked == 2


def test_the_delay_keeps_requests_apart() -> None:
    sender = Sender(DELAY_US)
    sender.requests.need()
    sender.requests.received()
    sender.requests.need()
    assert sender.asked == 1
    sender.clock.advance(DELAY_US / 1000)
    assert sender.asked == 2


def test_a_closed_stream_asks_no_more(sender: Sender) -> None:
    sender.awaited = True
    sender.requests.need()
    sender.requests.close()
    sender.clock.advance(10 * RETRY_MS)
    assert sender.asked == 1
