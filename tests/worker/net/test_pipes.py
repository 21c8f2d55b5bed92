"""The pipes to a controller that reads slowly, or is gone."""

import asyncio
import os

import pytest

from miso.worker.channel.framing import MAX_BODY_SIZE, FrameReader, OversizeFrame
from miso.worker.net.pipes import MAX_WAITING_BYTES, IncomingPipe, OutgoingPipe
from tests.patience import PATIENCE_S

BODY = b"x" * 65536


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass


def fill(out: OutgoingPipe) -> int:
    """Sends droppable frames until one is dropped; returns how many were taken."""
    count = 0
    while out.send(BODY, droppable=True):
        count += 1
    return count


async def read_all(fd: int, frames: int) -> list[bytes | OversizeFrame]:
    loop = asyncio.get_running_loop()
    reader = FrameReader()
    came: list[bytes | OversizeFrame] = []
    done = asyncio.Event()

    def on_data(data: bytes) -> None:
        came.extend(reader.feed(data))
        if len(came) >= frames:
            done.set()

    incoming = IncomingPipe(loop, fd, on_data, done.set)
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    incoming.close()
    return came


async def test_reader_that_stops_costs_notifications_but_no_reply(pipe):
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: None)
    taken = fill(out)
    assert MAX_WAITING_BYTES <= taken * len(BODY) <= MAX_WAITING_BYTES + 3 * len(BODY)
    assert out.dropped == 1
    assert out.send(b"reply")
    assert not out.send(b"event", droppable=True)
    assert out.dropped == 2
    came = await read_all(pipe[0], taken + 1)
    assert came == [BODY] * taken + [b"reply"]
    assert out.send(b"event", droppable=True)
    out.close()


async def test_frames_that_belong_together_are_sent_or_dropped_together(pipe):
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: None)
    assert out.send(b"header", b"payload", droppable=True)
    assert not out.send(b"header", bytes(MAX_BODY_SIZE + 1), droppable=True)
    assert out.send(b"header 2", b"payload 2", droppable=True)
    assert await read_all(pipe[0], 4) == [b"header", b"payload", b"header 2", b"payload 2"]
    out.close()


async def test_reader_that_is_gone_is_told_once(pipe):
    lost = []
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: lost.append(True))
    os.close(pipe[0])
    assert out.send(b"one")
    await asyncio.sleep(0)  # it is written at the end of the turn
    assert lost == [True]
    assert not out.send(b"two")
    await asyncio.sleep(0)
    assert lost == [True]


async def test_what_is_said_in_one_turn_is_written_in_one_go(pipe):
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: None)
    os.set_blocking(pipe[0], False)
    said = [b"%d" % number for number in range(2000)]  # more than one system call takes
    for body in said:
        assert out.send(body)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)
    await asyncio.sleep(0)
    assert [*FrameReader().feed(os.read(pipe[0], 1_000_000))] == said
    out.close()


async def test_what_was_said_last_is_written_when_the_pipe_is_closed(pipe):
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: None)
    assert out.send(b"goodbye")
    out.close()
    await asyncio.sleep(0)
    assert [*FrameReader().feed(os.read(pipe[0], 100))] == [b"goodbye"]


async def test_end_of_the_stream_is_told_once(pipe):
    came: list[bytes] = []
    ended = asyncio.Event()
    IncomingPipe(asyncio.get_running_loop(), pipe[0], came.append, ended.set)
    os.write(pipe[1], b"last words")
    os.close(pipe[1])
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    assert came == [b"last words"]


async def test_what_is_gathered_is_written_at_once_and_behind_what_was_said_before(pipe):
    loop = asyncio.get_running_loop()
    out = OutgoingPipe(loop, pipe[1], lambda: None)
    reader = FrameReader()

    def say(*bodies: bytes) -> None:
        for body in bodies:
            out.send(body)

    out.gather(lambda: say(b"one", b"two"))
    assert list(reader.feed(os.read(pipe[0], 1000))) == [b"one", b"two"]
    say(b"three")
    out.gather(lambda: say(b"four"))
    assert await read_all(pipe[0], 2) == [b"three", b"four"]
    with pytest.raises(ZeroDivisionError):
        out.gather(lambda: say(bytes(1 // 0)))
    say(b"five")
    assert await read_all(pipe[0], 1) == [b"five"]


async def test_who_is_gone_before_what_is_gathered_is_written_is_noticed_once(pipe):
    lost: list[None] = []
    out = OutgoingPipe(asyncio.get_running_loop(), pipe[1], lambda: lost.append(None))
    os.close(pipe[0])
    for _ in range(2):
        out.gather(lambda: out.send(b"anybody?"))
    assert lost == [None]
