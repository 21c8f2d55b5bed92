"""aiortc's data channels through a worker: another implementation of SCTP over DTLS."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import RTCDataChannel

from miso.controller import Router
from tests.interop.aiortc_peer import AiortcPeer
from tests.patience import PATIENCE_S


async def join(router: Router, role: str) -> AiortcPeer:
    """A peer with a connected association."""
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"], enable_sctp=True)
    connected = asyncio.Event()
    transport.on("sctpstatechange", lambda state: connected.set() if state == "connected" else None)
    peer = AiortcPeer(transport)
    await peer.connect(role)
    await peer.start_sctp()
    await connected.wait()
    return peer


def inbox(channel: RTCDataChannel) -> asyncio.Queue[Any]:
    """What comes on a channel."""
    received: asyncio.Queue[Any] = asyncio.Queue()
    channel.on("message", received.put_nowait)
    return received


@pytest.mark.parametrize("role", ["client", "server"])
async def test_messages_of_all_kinds_go_from_peer_to_peer(router: Router, role: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        sender, receiver = await join(router, role), await join(router, "client")
        channel = sender.channel(3)
        producer = await sender.transport.produce_data(sctp_stream_parameters={"streamId": 3}, label="l", protocol="p")
        consumer = await receiver.transport.consume_data(data_producer_id=producer.id)
        assert consumer.sctp_stream_parameters is not None
        received = inbox(receiver.channel(consumer.sctp_stream_parameters.stream_id))
        messages: list[str | bytes] = ["text", b"bytes", "", b"", bytes(range(256)) * 1000, "\N{GRINNING FACE}"]
        for message in messages:
            channel.send(message)
        assert [await received.get() for _ in messages] == messages
        (stats,) = await producer.get_stats()
        assert stats.messages_received == len(messages)
        await sender.close()
        await receiver.close()


async def test_unordered_channel_without_repairs_works_on_a_good_path(router: Router) -> None:
    async with asyncio.timeout(PATIENCE_S):
        sender, receiver = await join(router, "client"), await join(router, "server")
        stream = {"streamId": 1, "ordered": False, "maxRetransmits": 1}
        channel = sender.channel(1, ordered=False, max_retransmits=1)
        producer = await sender.transport.produce_data(sctp_stream_parameters=stream)
        consumer = await receiver.transport.consume_data(data_producer_id=producer.id)
        assert consumer.sctp_stream_parameters is not None
        assert (consumer.sctp_stream_parameters.ordered, consumer.sctp_stream_parameters.max_retransmits) == (False, 1)
        received = inbox(receiver.channel(consumer.sctp_stream_parameters.stream_id, ordered=False))
        for number in range(50):
            channel.send(str(number))
        assert {await received.get() for _ in range(50)} == {str(number) for number in range(50)}
        await sender.close()
        await receiver.close()


async def test_application_talks_to_a_peer_through_a_direct_transport(router: Router) -> None:
    async with asyncio.timeout(PATIENCE_S):
        peer = await join(router, "client")
        direct = await router.create_direct_transport()
        # to the peer
        producer = await direct.produce_data()
        consumer = await peer.transport.consume_data(data_producer_id=producer.id)
        assert consumer.sctp_stream_parameters is not None
        channel = peer.channel(consumer.sctp_stream_parameters.stream_id)
        received = inbox(channel)
        producer.send("from the application")
        producer.send(b"")
        await consumer.send("through the consumer")
        assert [await received.get() for _ in range(3)] == ["from the application", b"", "through the consumer"]
        # and back
        heard: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue()
        back = await peer.transport.produce_data(
            sctp_stream_parameters={"streamId": consumer.sctp_stream_parameters.stream_id}
        )
        listening = await direct.consume_data(data_producer_id=back.id)
        listening.on("message", lambda message, ppid: heard.put_nowait((message, ppid)))
        channel.send("from the peer")
        assert await heard.get() == (b"from the peer", 51)
        await peer.close()


async def test_closed_data_producer_closes_the_peers_channel(router: Router) -> None:
    async with asyncio.timeout(PATIENCE_S):
        peer = await join(router, "client")
        channel = peer.channel(5)
        closed = asyncio.Event()
        channel.on("close", closed.set)
        producer = await peer.transport.produce_data(sctp_stream_parameters={"streamId": 5})
        producer.close()
        await closed.wait()
        await peer.close()
