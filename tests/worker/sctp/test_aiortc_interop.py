"""aiortc's SCTP, whose packets we carry ourselves, against our association."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from miso.worker.errors import SendBufferFullError
from miso.worker.sctp.association import Association
from miso.worker.sctp.events import Event, MessageReceived, SctpState, StreamsReset

PATIENCE_S = 20.0
STRING, BINARY = 51, 53


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Carrier:
    """What aiortc takes for its DTLS transport: each packet is handed to our association, and ours to aiortc."""

    state = "connected"
    _role = "client"

    def __init__(self, *, loss: float = 0.0) -> None:
        self.association = Association(
            local_port=5000,
            remote_port=5000,
            max_message_size=262144,
            send_buffer_size=262144,
            outbound_streams=1024,
            inbound_streams=1024,
            is_data_channel=True,
            random=random.Random(3).randbytes,
        )
        self.events: list[Event] = []
        self._random = random.Random(4)
        self._loss = loss
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._receiver: RTCSctpTransport | None = None
        self._is_over = False
        self.sctp = RTCSctpTransport(self)  # type: ignore[arg-type]

    def _register_data_receiver(self, receiver: RTCSctpTransport) -> None:
        self._receiver = receiver

    def _unregister_data_receiver(self, receiver: RTCSctpTransport) -> None:
        self._receiver = None

    async def _send_data(self, data: bytes) -> None:
        if self._random.random() >= self._loss:
            self.association.receive(data, now_us())
            self._changed.set()

    async def __aenter__(self) -> Carrier:
        await self.sctp.start(RTCSctpCapabilities(maxMessageSize=262144), 5000)
        self.association.start(now_us())
        self._task = asyncio.create_task(self._carry())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sctp.stop()
        assert self._task is not None
        self._is_over = True
        self._changed.set()
        await self._task

    async def _carry(self) -> None:
        """Moves our packets and our timers."""
        while not self._is_over:
            self.events += self.association.take_events()
            for packet in self.association.take_packets():
                if self._receiver is not None and self._random.random() >= self._loss:
                    await self._receiver._handle_data(packet)
            if self._changed.is_set():
                self._changed.clear()
                continue
            due_us = self.association.next_timer_us
            wait_s = 1.0 if due_us is None else max(0.0, (due_us - now_us()) / 1e6)
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
            except TimeoutError:
                if due_us is not None and now_us() >= due_us:
                    self.association.on_timer(now_us())

    async def send(self, stream_id: int, ppid: int, data: bytes, *, ordered: bool = True) -> None:
        while True:
            try:
                self.association.send(stream_id, ppid, data, ordered=ordered, now_us=now_us())
                break
            except SendBufferFullError:
                await asyncio.sleep(0)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  aiortc has no event for what the conditions look at
                await asyncio.sleep(0.001)

    async def connected(self) -> None:
        await self.until(lambda: self.association.state is SctpState.CONNECTED and self.sctp.state == "connected")

    def messages(self) -> list[tuple[int, bytes]]:
        return [(e.ppid, e.data) for e in self.events if isinstance(e, MessageReceived) and e.ppid != 50]

    def channel(self, stream_id: int, *, ordered: bool = True, retransmits: int | None = None) -> RTCDataChannel:
        parameters = RTCDataChannelParameters(
            label="x", id=stream_id, ordered=ordered, negotiated=True, maxRetransmits=retransmits
        )
        return RTCDataChannel(self.sctp, parameters)


async def test_both_sides_begin_at_once_and_messages_go_both_ways() -> None:
    async with Carrier() as carrier:
        await carrier.connected()
        channel = carrier.channel(4)
        received: list[str | bytes] = []
        channel.on("message", received.append)
        channel.send("hello")
        channel.send(b"\x00\x01" * 40_000)
        channel.send("")
        await carrier.send(4, STRING, "grüße".encode())
        await carrier.send(4, BINARY, bytes(range(256)) * 1000)
        await carrier.until(lambda: len(carrier.messages()) == 3 and len(received) == 2)
        assert carrier.messages()[:2] == [(STRING, b"hello"), (BINARY, b"\x00\x01" * 40_000)]
        assert carrier.messages()[2][0] == 56
        assert received == ["grüße", bytes(range(256)) * 1000]


@pytest.mark.parametrize("loss", [0.0, 0.02])
async def test_a_thousand_messages_each_way_arrive_in_order(loss: float) -> None:
    async with Carrier(loss=loss) as carrier:
        await carrier.connected()
        channel = carrier.channel(6)
        received: list[str | bytes] = []
        channel.on("message", received.append)
        for number in range(300):
            channel.send(number.to_bytes(4, "big") + bytes(1000))
            await carrier.send(6, BINARY, number.to_bytes(4, "big") + bytes(1000))
        await carrier.until(lambda: len(carrier.messages()) == 300 and len(received) == 300)
        assert [int.from_bytes(data[:4], "big") for _, data in carrier.messages()] == list(range(300))
        assert [data[:4] for data in received] == [number.to_bytes(4, "big") for number in range(300)]
        await carrier.until(lambda: carrier.association.buffered_amount == 0)


async def test_aiortc_gives_messages_up_and_we_skip_them() -> None:
    async with Carrier(loss=0.1) as carrier:
        await carrier.connected()
        channel = carrier.channel(8, ordered=False, retransmits=0)
        for number in range(200):
            channel.send(number.to_bytes(4, "big") + bytes(2000))
        await carrier.until(lambda: channel.bufferedAmount == 0 and carrier.sctp._flight_size == 0)
        assert 50 < len(carrier.messages()) < 200
        assert all(len(data) == 2004 for _, data in carrier.messages())


async def test_we_give_messages_up_and_aiortc_skips_them() -> None:
    async with Carrier(loss=0.1) as carrier:
        await carrier.connected()
        channel = carrier.channel(8)
        received: list[str | bytes] = []
        channel.on("message", received.append)
        for number in range(200):
            carrier.association.send(
                8, BINARY, bytes([number]) * 1000, ordered=number % 2 == 0, max_retransmits=0, now_us=now_us()
            )
            carrier._changed.set()
            await asyncio.sleep(0)
        await carrier.until(lambda: carrier.association.buffered_amount == 0)
        await carrier.send(8, STRING, b"last")
        await carrier.until(lambda: "last" in received)
        assert 50 < len(received) < 201
        even = [data[0] for data in received if isinstance(data, bytes) and data[0] % 2 == 0]
        assert even == sorted(even)


async def test_aiortc_closes_a_channel_and_its_stream_is_used_again() -> None:
    async with Carrier() as carrier:
        await carrier.connected()
        for _ in range(3):
            channel = carrier.channel(10)
            channel.send("x")
            await carrier.send(10, STRING, b"y")
            channel.close()
            await carrier.until(lambda channel=channel: channel.readyState == "closed")  # type: ignore[misc]
        await carrier.until(lambda: len(carrier.messages()) == 3)
        resets = [event for event in carrier.events if isinstance(event, StreamsReset)]
        assert [event.incoming for event in resets].count(True) == 3
        assert [event.incoming for event in resets].count(False) == 3


async def test_we_reset_a_stream_and_aiortc_closes_its_channel() -> None:
    async with Carrier() as carrier:
        await carrier.connected()
        channel = carrier.channel(12)
        await carrier.send(12, STRING, b"x")
        carrier.association.reset_stream(12, now_us())
        carrier._changed.set()
        await carrier.until(lambda: channel.readyState == "closed")
        resets = [event for event in carrier.events if isinstance(event, StreamsReset)]
        assert {event.incoming for event in resets} == {True, False}
        assert len(resets) == 2


async def test_aiortc_stops_and_we_are_closed() -> None:
    async with Carrier() as carrier:
        await carrier.connected()
        await carrier.sctp.stop()
        await carrier.until(lambda: carrier.association.state is SctpState.CLOSED)


async def test_we_close_and_aiortc_is_closed() -> None:
    async with Carrier() as carrier:
        await carrier.connected()
        carrier.association.close(now_us())
        carrier._changed.set()
        await carrier.until(lambda: carrier.sctp.state == "closed")
