"""``python -m bench.data``: messages a second through a worker from one SCTP peer to another, and their CPU there."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.sctp_peer import SctpPeer
from miso.controller import Router, Worker, create_worker

_STREAM_ID = 1
_PPID = 53  # binary (RFC 8831 section 8)
_STREAMS = {"OS": 16, "MIS": 16}

EXPLANATION = """
Two peers on plain transports, one sends on an ordered, reliable stream, the other one gets it all. The sender keeps at
most --window bytes on the way to the receiver. The peers run in one process, so that they and the worker share the
machine's cores. With --check the exit code is 1 when a message was lost or came out of order.
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run gave; ``cpu_us`` is the worker's for each message that arrived."""

    sent: int
    arrived: int
    in_order: bool
    seconds: float
    cpu_us: float


class _Receiver:
    """Counts messages, which begin with their number."""

    def __init__(self) -> None:
        self.arrived = 0
        self.in_order = True
        self.news = asyncio.Event()

    def take(self, message: bytes) -> None:
        self.in_order &= int(message[:8]) == self.arrived
        self.arrived += 1
        self.news.set()


async def run(messages: int, size: int, window: int, worker_bin: str | None) -> Figures:
    """Measures one run. Raises ``TimeoutError`` when nothing arrives for ten seconds."""
    worker = await create_worker(worker_bin=worker_bin)
    try:
        return await _measure(worker, messages, size, window)
    finally:
        worker.close()
        await worker.wait_closed()


async def _measure(worker: Worker, messages: int, size: int, window: int) -> Figures:
    router = await worker.create_router()
    receiver = _Receiver()
    sending, receiving = await _join(router, receiver)
    before, began = await _cpu_us(worker), time.monotonic()
    for number in range(messages):
        while (number - receiver.arrived) * size > window:
            receiver.news.clear()
            await asyncio.wait_for(receiver.news.wait(), 10)
        sending.send(_STREAM_ID, _PPID, b"%08d" % number + bytes(size - 8))
        if number % 64 == 0:
            await asyncio.sleep(0)
    while receiver.arrived < messages:
        receiver.news.clear()
        await asyncio.wait_for(receiver.news.wait(), 10)
    seconds, cpu_us = time.monotonic() - began, await _cpu_us(worker) - before
    sending.close()
    receiving.close()
    return Figures(messages, receiver.arrived, receiver.in_order, seconds, cpu_us / max(receiver.arrived, 1))


async def _join(router: Router, receiver: _Receiver) -> tuple[SctpPeer, SctpPeer]:
    """Two connected peers and the data producer and data consumer between them."""
    peers, transports = [], []
    for on_message in (lambda _: None, receiver.take):
        transport = await router.create_plain_transport(
            listen_ip="127.0.0.1", enable_sctp=True, num_sctp_streams=_STREAMS
        )
        assert transport.tuple.local_port is not None
        peer = SctpPeer((transport.tuple.local_ip, transport.tuple.local_port), on_message)
        await transport.connect(ip=peer.address[0], port=peer.address[1])
        await asyncio.wait_for(peer.connect(), 10)
        peers.append(peer)
        transports.append(transport)
    producer = await transports[0].produce_data(sctp_stream_parameters={"streamId": _STREAM_ID})
    await transports[1].consume_data(data_producer_id=producer.id)
    return peers[0], peers[1]


async def _cpu_us(worker: Worker) -> int:
    usage = await worker.get_resource_usage()
    return 1000 * (usage.ru_utime + usage.ru_stime)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.data", __doc__, EXPLANATION)
    parser.add_argument("--messages", type=int, default=100_000, help="default 100000")
    parser.add_argument("--size", type=int, default=1000, help="bytes of each, 8 to 262144 (default 1000)")
    parser.add_argument("--window", type=int, default=100_000, help="bytes on the way (default 100000)")
    parser.add_argument("--worker-bin", help="path of a worker (default: ours)")
    conclusion.add_arguments(parser, "bench.data", "when a message was lost or came out of order")
    options = parser.parse_args(arguments)
    if options.messages < 1 or not 8 <= options.size <= 262_144:
        parser.error("messages must be greater than 0, size from 8 to 262144")
    figures = asyncio.run(run(options.messages, options.size, options.window, options.worker_bin))
    told = (
        f"{figures.arrived} of {figures.sent} messages of {options.size} bytes arrived "
        f"{'in order' if figures.in_order else 'OUT OF ORDER'} in {figures.seconds:.1f} s: "
        f"{figures.arrived / figures.seconds:.0f} a second, {figures.cpu_us:.1f} µs of the worker's CPU each"
    )
    print(told)
    worker = Path(options.worker_bin).name if options.worker_bin else "ours"
    found = conclusion.Found(
        settings=conclusion.chosen(options, "messages", "size", "window"),
        rows=[{"worker": worker, **asdict(figures)}],
        compared=[Compared(f"messages of {options.size} bytes", "µs CPU for each", {worker: figures.cpu_us})],
        wrong=[] if figures.arrived == figures.sent and figures.in_order else [told],
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
