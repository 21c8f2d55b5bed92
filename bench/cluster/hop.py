"""One pipe: how much later packets arrive behind it, and the CPU it costs, beside a loop in C that relays them.

Three receivers get the same packets at the same time: one at the publisher's worker, one behind a pipe at another
worker, one behind the relay, which the publisher's worker feeds, too. Times are the kernel's, of each arrival.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time

from bench.cluster.measured import Hop, Turn
from bench.cluster.relay_process import RelayProcess
from bench.cluster.room import LOCAL, PAYLOAD_TYPE, PRODUCER_SSRC, Room
from miso.controller.types import LoadReport

PACKET_SIZE = 1100  # bytes
FRAME_PACKETS = 10
SETTLE_S = 0.5
STEP_S = 0.0005
_SO_TIMESTAMPNS = 35  # Linux
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 16 * 1024 * 1024
_NUMBER_AT = PACKET_SIZE - 8


class _Receiver:
    """A socket with the times at which packets came."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.bind((LOCAL, 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()
        self.times: dict[int, int] = {}

    def drain(self) -> None:
        """Takes what has come."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(PACKET_SIZE + 100, 64)
            except BlockingIOError:
                return
            if data[1] & 0x7F == PAYLOAD_TYPE and len(data) >= PACKET_SIZE:
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                (number,) = struct.unpack("!Q", data[-8:])
                self.times[number] = seconds * 1_000_000_000 + nanoseconds


class _Publisher:
    """Sends numbered packets in equal steps."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCAL, 0))
        self.sent = 0

    def run(self, receivers: list[_Receiver], seconds: float, packets_per_s: float) -> None:
        """Sends for so long, empties the receivers' sockets meanwhile, and a moment longer."""
        first, begin = self.sent, time.monotonic()
        last = first + round(seconds * packets_per_s)
        while self.sent < last:
            due = min(first + int((time.monotonic() - begin) * packets_per_s) + 1, last)
            while self.sent < due:
                self.socket.send(self._packet(self.sent, packets_per_s))
                self.sent += 1
            for receiver in receivers:
                receiver.drain()
            time.sleep(STEP_S)
        time.sleep(SETTLE_S)
        for receiver in receivers:
            receiver.drain()

    def _packet(self, number: int, packets_per_s: float) -> bytes:
        frame, in_frame = divmod(number, FRAME_PACKETS)
        marker = 0x80 if in_frame == FRAME_PACKETS - 1 else 0
        timestamp = int(frame * FRAME_PACKETS * 90000 / packets_per_s) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, marker | PAYLOAD_TYPE, number & 0xFFFF, timestamp, PRODUCER_SSRC)
        # VP8 (RFC 7741): every frame is a key frame
        start = b"\x10\x00\x00\x00\x9d\x01\x2a" if in_frame == 0 else b"\x00" + bytes(6)
        return head + start + bytes(_NUMBER_AT - len(head) - len(start)) + struct.pack("!Q", number)


async def measure_hop(*, encrypted: bool, packets_per_s: float, seconds: float, turns: int) -> Hop:
    """Measures one pipe.

    Args:
        encrypted: With SRTP, as between hosts.
        packets_per_s: Of the publisher.
        seconds: How long a turn is.
        turns: How many there are.
    """
    near, far, floor = _Receiver(), _Receiver(), _Receiver()
    publisher = _Publisher()
    relay = RelayProcess(floor.address[1])
    try:
        async with Room(encrypted=encrypted) as room:
            for _ in range(2):
                await room.add_worker()
            producer, address = await room.publish(publisher.socket.getsockname())
            publisher.socket.connect(address)
            await room.subscribe(room.shards[0], producer.id, near.address)
            await room.subscribe(room.shards[0], producer.id, (LOCAL, relay.port))
            receivers = [near, far, floor]
            publisher.run(receivers, SETTLE_S, packets_per_s)
            alone = await _cpu_us(room, 0, publisher, receivers, seconds, packets_per_s)
            await room.subscribe(room.shards[1], producer.id, far.address)
            publisher.run(receivers, SETTLE_S, packets_per_s)
            await asyncio.sleep(SETTLE_S)
            first = publisher.sent
            before = [await worker.get_load() for worker in room.workers]
            measured = [_turn(publisher, receivers, seconds, packets_per_s) for _ in range(turns)]
            after = [await worker.get_load() for worker in room.workers]
            count = publisher.sent - first
            relayed = relay.finish()
            return Hop(
                encrypted=encrypted,
                turns=measured,
                receiving_cpu_us=(after[1].cpu_us - before[1].cpu_us) / count,
                floor_cpu_us=relayed.cpu_ns / 1000 / max(relayed.packets, 1),
                sending_cpu_us=(after[0].cpu_us - before[0].cpu_us) / count - alone,
            )
    finally:
        relay.close()
        for one in (near.socket, far.socket, floor.socket, publisher.socket):
            one.close()


async def _cpu_us(
    room: Room,
    index: int,
    publisher: _Publisher,
    receivers: list[_Receiver],
    seconds: float,
    packets_per_s: float,
) -> float:
    """Of a worker, for each packet."""
    first = publisher.sent
    before: LoadReport = await room.workers[index].get_load()
    publisher.run(receivers, seconds, packets_per_s)
    after = await room.workers[index].get_load()
    return (after.cpu_us - before.cpu_us) / (publisher.sent - first)


def _turn(publisher: _Publisher, receivers: list[_Receiver], seconds: float, packets_per_s: float) -> Turn:
    near, far, floor = receivers
    for receiver in receivers:
        receiver.times.clear()
    first = publisher.sent
    publisher.run(receivers, seconds, packets_per_s)
    return Turn(
        packets=publisher.sent - first,
        lost=len(near.times.keys() - far.times.keys()),
        floor_lost=len(near.times.keys() - floor.times.keys()),
        added_us=_later_us(near, far),
        floor_us=_later_us(near, floor),
    )


def _later_us(near: _Receiver, other: _Receiver) -> list[float]:
    return sorted(
        (other.times[number] - near.times[number]) / 1000 for number in other.times.keys() & near.times.keys()
    )
