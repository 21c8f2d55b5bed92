"""At most one value per interval, the latest."""

from __future__ import annotations

import asyncio
import gc
import weakref

from miso.demo.rooms.latest_news import LatestPerInterval
from tests.patience import PATIENCE_S


async def test_the_first_goes_at_once_then_only_the_latest() -> None:
    sent: list[int] = []
    arrived = asyncio.Event()

    def send(value: int) -> None:
        sent.append(value)
        arrived.set()

    news = LatestPerInterval(0.02, send)
    for value in range(5):
        news.offer(value)
    assert sent == [0]
    arrived.clear()
    await asyncio.wait_for(arrived.wait(), PATIENCE_S)
    assert sent == [0, 4]
    news.close()


class Watch:
    """Values that are sent, and whether whoever sends is still held by somebody."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send(self, value: int) -> None:
        self.sent.append(value)


async def test_nothing_goes_out_after_close() -> None:
    sent: list[int] = []
    news = LatestPerInterval(0.001, sent.append)
    news.offer(1)
    news.offer(2)
    news.close()
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    other: LatestPerInterval[int] = LatestPerInterval(0.005, done.set_result)
    other.offer(1)
    await done
    assert sent == [1]


async def test_close_leaves_no_timer_that_holds_who_would_have_sent() -> None:
    watch = Watch()
    gone = weakref.ref(watch)
    news = LatestPerInterval(3600.0, watch.send)
    news.offer(1)
    news.offer(2)
    news.close()
    del news, watch
    gc.collect()
    assert gone() is None
