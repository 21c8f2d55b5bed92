"""A peer of a plain transport that speaks SCTP over UDP."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable

from miso.worker.sctp.association import Association
from miso.worker.sctp.events import MessageReceived, SctpState

_PORT = 5000
_MAX_MESSAGE_SIZE = 262_144
_READS = 64  # datagrams of one wake-up


class SctpPeer:
    """An association and its socket, run by the event loop.

    Attributes:
        address: Where it listens.
    """

    def __init__(self, worker_address: tuple[str, int], on_message: Callable[[bytes], None]) -> None:
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._connected = asyncio.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(worker_address)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._association = Association(
            local_port=_PORT,
            remote_port=_PORT,
            max_message_size=_MAX_MESSAGE_SIZE,
            send_buffer_size=2 * _MAX_MESSAGE_SIZE,
            outbound_streams=16,
            inbound_streams=16,
            is_data_channel=False,
            random=secrets.token_bytes,
        )
        self._loop.add_reader(self._socket.fileno(), self._read)

    async def connect(self) -> None:
        """Begins, and waits for the association."""
        self._association.start(_now_us())
        self._run()
        await self._connected.wait()

    def send(self, stream_id: int, ppid: int, message: bytes) -> None:
        """Sends a message in order and reliably. Raises what ``Association.send`` does."""
        self._association.send(stream_id, ppid, message, ordered=True, now_us=_now_us())
        self._run()

    def close(self) -> None:
        """Gives the socket back."""
        self._loop.remove_reader(self._socket.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()

    def _read(self) -> None:
        for _ in range(_READS):
            try:
                packet = self._socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                break
            self._association.receive(packet, _now_us())
        self._run()

    def _run(self) -> None:
        for event in self._association.take_events():
            if isinstance(event, MessageReceived):
                self._on_message(event.data)
        if self._association.state is SctpState.CONNECTED:
            self._connected.set()
        for packet in self._association.take_packets():
            try:
                self._socket.send(packet)
            except (BlockingIOError, ConnectionRefusedError):
                continue  # lost, as on any network
        due_us = self._association.next_timer_us
        if due_us is not None and (self._timer is None or self._timer.cancelled()):
            self._timer = self._loop.call_later(max(due_us - _now_us(), 0) / 1_000_000, self._on_timer)
        elif due_us is not None and self._timer is not None:
            due_s = self._loop.time() + (due_us - _now_us()) / 1_000_000
            if due_s < self._timer.when():
                self._timer.cancel()
                self._timer = self._loop.call_at(due_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._association.on_timer(_now_us())
        self._run()


def _now_us() -> int:
    return time.monotonic_ns() // 1000
