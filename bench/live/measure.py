"""Measures one server with so many players, the floor right before it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from bench.live.drain import Drain
from bench.live.figures import Row, Settings
from bench.live.floor_process import FloorFigures, FloorProcess
from bench.live.players import join
from bench.live.servers import Server
from bench.live.signaling import Signaling
from bench.live.source import Source

_SETTLE_S = 2.0
_JOINS_AT_ONCE = 64
_FIRST_FRAME_S = 15.0
_DRAIN_TURN_S = 0.2


def measure(start: Callable[[], Server], source: Source, flv: int, rtmp: int, settings: Settings) -> Row | None:
    """A row, or None when the server has no HTTP-FLV and it is asked for.

    Args:
        start: Starts the server.
        source: What is published and played.
        flv: Players over HTTP-FLV.
        rtmp: Players over RTMP.
        settings: How long and how often.

    Raises:
        UnavailableError: The server cannot be had.
        OSError, ParseError: A player could not join.
    """
    with ExitStack() as stack:
        server = stack.enter_context(start())
        if flv and server.flv_url is None:
            return None
        publisher = source.publish(server.rtmp_url)
        stack.callback(publisher.wait)
        stack.callback(publisher.kill)
        _wait_for_stream(server.rtmp_url)
        floor = stack.enter_context(FloorProcess(source.file, flv + rtmp))
        floor_drain = stack.enter_context(_draining(floor.sockets))
        urls = [server.flv_url or ""] * flv + [server.rtmp_url] * rtmp
        with ThreadPoolExecutor(_JOINS_AT_ONCE) as pool:  # a server without a cache makes each wait for a key frame
            players = [stack.enter_context(joined.connection) for joined in pool.map(join, urls)]
        drain = stack.enter_context(_draining(players))
        row = Row(server.name, flv, rtmp)
        time.sleep(_SETTLE_S)
        for _ in range(settings.repeats):
            row.add_floor(_run_floor(floor, floor_drain, settings.seconds))
            cpu_s, received, began = server.cpu_s, drain.received, time.monotonic()
            rooms = None if server.rooms_port is None else Signaling(server.rooms_port, settings.seconds)
            row.first_key_s += _join_now_and_then(sorted(set(urls)), settings)
            time.sleep(max(0.0, began + settings.seconds - time.monotonic()))
            row.add(server.cpu_s - cpu_s, drain.received - received)
            row.signaling_s += [] if rooms is None else rooms.result()
        row.kept = len(players) - drain.ended
        row.memory_mb = server.memory_mb
        return row


def _run_floor(floor: FloorProcess, drain: Drain, seconds: float) -> FloorFigures:
    received = drain.received
    figures = floor.run(seconds)
    if figures.refused:
        raise RuntimeError(f"{figures.refused} frames of the floor were not taken whole; {drain.received - received}")
    return figures


def _join_now_and_then(urls: Sequence[str], settings: Settings) -> Iterator[float]:
    """Seconds until the first key frame, of players that come and go while the others watch."""
    for _ in range(settings.joins):
        for url in urls:
            joined = join(url)
            joined.connection.close()
            yield joined.first_key_s
        time.sleep(settings.seconds / settings.joins / 2)


def _wait_for_stream(url: str) -> None:
    """Until it can be played."""
    until = time.monotonic() + _FIRST_FRAME_S
    while True:
        try:
            join(url, 5.0).connection.close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


@contextmanager
def _draining(sockets: Sequence[socket.socket]) -> Iterator[Drain]:
    """Takes what comes to these sockets, in a thread."""
    drain = Drain()
    for one in sockets:
        drain.add(one.fileno())
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            drain.run(_DRAIN_TURN_S)

    thread = threading.Thread(target=run, name="drain")
    thread.start()
    try:
        yield drain
    finally:
        stop.set()
        thread.join()
