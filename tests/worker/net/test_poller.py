"""Many sockets behind one descriptor of the event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
import uvloop

from miso.worker.net.poller import Poller
from tests.patience import PATIENCE_S


@pytest.fixture
def poller() -> Poller:
    return Poller(uvloop.new_event_loop())


def udp() -> socket.socket:
    result = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    result.bind(("127.0.0.1", 0))
    return result


@pytest.fixture
def ready() -> Iterator[list[socket.socket]]:
    """A hundred sockets with a datagram in each."""
    sockets = [udp() for _ in range(100)]
    for each in sockets:
        each.sendto(b"x", each.getsockname())
    yield sockets
    for each in sockets:
        each.close()


def test_all_that_are_ready_have_their_turn(poller: Poller, ready: list[socket.socket]) -> None:
    called: list[int] = []
    for index, each in enumerate(ready):

        def read(index: int = index, each: socket.socket = each) -> None:
            called.append(index)
            each.recv(1)

        poller.add_reader(each.fileno(), read)
    poller.call_ready()
    assert len(called) == 64
    poller.call_ready()
    assert sorted(called) == list(range(100))
    poller.call_ready()
    assert len(called) == 100


def test_one_that_is_always_ready_leaves_the_others_their_turn(poller: Poller, ready: list[socket.socket]) -> None:
    called: set[int] = set()
    for index, each in enumerate(ready):
        poller.add_reader(each.fileno(), partial(called.add, index))
    for _ in range(2):
        poller.call_ready()
    assert called == set(range(100))


def test_a_turn_ends_in_time_and_each_has_as_many_as_the_others(poller: Poller, ready: list[socket.socket]) -> None:
    called: Counter[int] = Counter()

    def work(index: int) -> None:
        called[index] += 1
        time.sleep(0.001)

    for index, each in enumerate(ready):
        poller.add_reader(each.fileno(), partial(work, index))
    for _ in range(1000):
        before = called.total()
        poller.call_ready()
        assert 1 <= called.total() - before <= 4
        if called.total() >= 300:
            break
    assert set(called) == set(range(100))
    assert max(called.values()) - min(called.values()) <= 1


def test_what_is_left_for_the_next_turn_is_not_called_once_it_is_removed(
    poller: Poller, ready: list[socket.socket]
) -> None:
    called: list[int] = []

    def work(index: int) -> None:
        called.append(index)
        time.sleep(0.005)

    for index, each in enumerate(ready[:3]):
        poller.add_reader(each.fileno(), partial(work, index))
    poller.call_ready()
    assert len(called) == 1
    for index, each in enumerate(ready[:3]):
        if index not in called:
            poller.remove_reader(each.fileno())
    for _ in range(3):
        poller.call_ready()
    assert set(called) == {called[0]}


def test_who_is_removed_or_replaced_by_another_is_not_called_any_more(
    poller: Poller, ready: list[socket.socket]
) -> None:
    called: list[str] = []
    fds = [each.fileno() for each in ready[:3]]

    def first() -> None:
        called.append("one")
        for fd in fds:
            poller.remove_reader(fd)
        poller.add_reader(fds[1], lambda: called.append("other"))

    for fd in fds:
        poller.add_reader(fd, first)
    poller.call_ready()
    assert called == ["one"]
    poller.call_ready()
    assert called == ["one", "other"]
    poller.add_reader(fds[1], lambda: called.append("a third"))
    poller.call_ready()
    assert called == ["one", "other", "a third"]
    assert poller.remove_reader(fds[1])
    assert not poller.remove_reader(fds[1])
    poller.call_ready()
    assert len(called) == 3


def test_a_callback_that_asks_again_does_not_call_itself(poller: Poller, ready: list[socket.socket]) -> None:
    called: list[int] = []

    def again() -> None:
        called.append(1)
        poller.call_ready()

    for each in ready[:2]:
        poller.add_reader(each.fileno(), again)
    poller.call_ready()
    assert called == [1, 1]


def test_what_a_callback_raises_costs_the_others_nothing_but_a_turn(poller: Poller, ready: list[socket.socket]) -> None:
    called: list[int] = []

    def bad() -> None:
        ready[0].recv(1)
        raise MemoryError

    poller.add_reader(ready[0].fileno(), bad)
    poller.add_reader(ready[1].fileno(), lambda: called.append(ready[1].recv(1)[0]))
    with pytest.raises(MemoryError):
        poller.call_ready()
    poller.call_ready()
    assert called == [ord("x")]


def test_a_descriptor_that_cannot_be_watched_is_refused(poller: Poller) -> None:
    with open(os.devnull) as file, pytest.raises(OSError, match="cannot be watched"):
        poller.add_reader(file.fileno(), print)


def test_who_could_not_be_watched_is_not_called_but_may_be_watched_later(ready: list[socket.socket]) -> None:
    class Closing:
        """An event loop that is closed at first."""

        closed = True

        def add_reader(self, fd: int, callback: object) -> None:
            if self.closed:
                raise RuntimeError("the loop is closed")

        def remove_reader(self, fd: int) -> None:
            """Nobody is called anyway."""

    loop, called = Closing(), list[str]()
    poller = Poller(loop)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="closed"):
        poller.add_reader(ready[0].fileno(), partial(called.append, "freed"))
    poller.call_ready()
    assert called == []
    loop.closed = False
    poller.add_reader(ready[0].fileno(), partial(called.append, "first"))
    poller.call_ready()
    assert called == ["first"]


def test_its_own_descriptor_goes_with_it() -> None:
    poller = Poller(uvloop.new_event_loop())
    fd = poller.fileno
    with udp() as sock:
        poller.add_reader(sock.fileno(), print)
        poller.remove_reader(sock.fileno())
    gc.disable()
    try:
        del poller
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    finally:
        gc.enable()


def test_a_refused_datagram_does_not_end_the_watch() -> None:
    """As it does where the event loop itself watches a connected socket."""

    async def refuse_and_hear() -> tuple[int, bytes]:
        sock, peer = udp(), udp()
        came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        refused = asyncio.Event()

        def read() -> None:
            try:
                came.set_result(sock.recv(10))
            except ConnectionRefusedError:
                refused.set()

        watch = Poller(asyncio.get_running_loop())
        watch.add_reader(sock.fileno(), read)
        address = peer.getsockname()
        sock.connect(address)
        peer.close()
        sock.send(b"to nobody")
        await asyncio.wait_for(refused.wait(), PATIENCE_S)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(address)
            again.sendto(b"here", sock.getsockname())
            data = await asyncio.wait_for(came, PATIENCE_S)
        watch.remove_reader(sock.fileno())
        sock.close()
        return address[1], data

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(refuse_and_hear())[1] == b"here"
