"""Piping between routers of Miso's own workers, with media flowing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from miso.controller import PipeTransport, PlainTransport, Producer, Router, Worker, create_worker
from tests.controller.conftest import MEDIA_CODECS, VIDEO
from tests.controller.rtp_socket import RtpSocket, flow
from tests.patience import PATIENCE_S

SSRC = VIDEO["encodings"][0]["ssrc"]
PAYLOAD_TYPE = VIDEO["codecs"][0]["payloadType"]


@pytest.fixture
async def workers() -> AsyncIterator[list[Worker]]:
    workers = list(await asyncio.gather(*(create_worker(log_level="warn") for _ in range(2))))
    yield workers
    for worker in workers:
        worker.close()
        await worker.wait_closed()


@pytest.fixture
async def routers(workers: list[Worker]) -> list[Router]:
    return [await worker.create_router(media_codecs=MEDIA_CODECS) for worker in workers]


async def sender(router: Router, **parameters: Any) -> tuple[RtpSocket, Producer]:
    """A video producer and the socket whose packets it takes."""
    transport = await router.create_plain_transport(listen_ip="127.0.0.1", comedia=True)
    producer = await transport.produce(kind="video", rtp_parameters={**VIDEO, **parameters})
    return await RtpSocket.open(transport), producer


async def consume(transport: PlainTransport, producer_id: str, router: Router) -> int:
    """Consumes a producer; the SSRC of what comes."""
    consumer = await transport.consume(producer_id=producer_id, rtp_capabilities=router.rtp_capabilities)
    ssrc = consumer.rtp_parameters.encodings[0].ssrc
    assert ssrc is not None
    return ssrc


@pytest.mark.parametrize("options", [{}, {"enable_srtp": True, "enable_rtx": True}], ids=["plain", "srtp and rtx"])
async def test_media_crosses_to_a_router_of_another_worker(routers: list[Router], options: dict[str, Any]) -> None:
    here, there = routers
    source, producer = await sender(here)
    result = await here.pipe_to_router(router=there, producer_id=producer.id, **options)
    assert result.pipe_consumer is not None
    assert result.pipe_consumer.type == "pipe"
    receiver, transport = await RtpSocket.receiver(there)
    ssrc = await consume(transport, producer.id, there)
    packet = await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
    assert int.from_bytes(packet[8:12], "big") == ssrc
    for socket in (source, receiver):
        socket.close()


async def test_one_pair_serves_concurrent_and_reverse_calls(routers: list[Router]) -> None:
    here, there = routers
    made: list[PipeTransport] = []
    for router in routers:
        router.observer.on("newtransport", lambda new: made.append(new) if isinstance(new, PipeTransport) else None)
    (source1, one), (source2, two), (source3, other) = [await sender(router) for router in (here, here, there)]
    await asyncio.gather(
        here.pipe_to_router(router=there, producer_id=one.id),
        here.pipe_to_router(router=there, producer_id=two.id),
        there.pipe_to_router(router=here, producer_id=other.id),
    )
    assert len(made) == 2
    for source, producer, router in ((source1, one, there), (source2, two, there), (source3, other, here)):
        receiver, transport = await RtpSocket.receiver(router)
        ssrc = await consume(transport, producer.id, router)
        packet = await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
        assert int.from_bytes(packet[8:12], "big") == ssrc
        source.close()
        receiver.close()


async def test_pipe_listens_where_it_is_told(routers: list[Router]) -> None:
    here, there = routers
    made: list[PipeTransport] = []
    here.observer.on("newtransport", lambda new: made.append(new) if isinstance(new, PipeTransport) else None)
    source, producer = await sender(here)
    await here.pipe_to_router(router=there, producer_id=producer.id, listen_ip="127.0.0.2")
    assert (made[0].tuple.local_ip, made[0].tuple.remote_ip) == ("127.0.0.2", "127.0.0.2")
    receiver, transport = await RtpSocket.receiver(there)
    await consume(transport, producer.id, there)
    await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
    source.close()
    receiver.close()


async def test_routers_of_two_hosts_are_joined_by_hand(routers: list[Router]) -> None:
    """Each host listens at its own address; the application carries addresses and keys between them."""
    here, there = routers
    near = await here.create_pipe_transport(listen_ip="127.0.0.2", enable_srtp=True)
    far = await there.create_pipe_transport(listen_ip="127.0.0.3", enable_srtp=True)
    await join(near, far)
    source, producer = await sender(here)
    piped = await near.consume(producer_id=producer.id)
    copy = await far.produce(id=producer.id, kind=piped.kind, rtp_parameters=piped.rtp_parameters)
    receiver, transport = await RtpSocket.receiver(there)
    await consume(transport, copy.id, there)
    await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
    source.close()
    receiver.close()


async def test_a_copy_and_its_consumers_go_on_when_the_other_end_is_made_anew(routers: list[Router]) -> None:
    here, there = routers
    near = await here.create_pipe_transport(listen_ip="127.0.0.1", enable_srtp=True, enable_rtx=True)
    far = await there.create_pipe_transport(listen_ip="127.0.0.1", enable_srtp=True, enable_rtx=True)
    await join(near, far)
    source, producer = await sender(here)
    piped = await near.consume(producer_id=producer.id)
    copy = await far.produce(id=producer.id, kind=piped.kind, rtp_parameters=piped.rtp_parameters)
    receiver, transport = await RtpSocket.receiver(there)
    ssrc = await consume(transport, copy.id, there)
    await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
    near.close()
    near = await here.create_pipe_transport(listen_ip="127.0.0.1", enable_srtp=True, enable_rtx=True)
    again = await near.consume(producer_id=producer.id, ssrcs_of=piped.rtp_parameters)
    assert again.rtp_parameters == piped.rtp_parameters
    key = far.srtp_parameters
    await far.disconnect()
    assert far.srtp_parameters != key
    assert far.tuple.remote_port is None
    await join(near, far)
    await receiver.drain()
    packet = await flow(source, [SSRC], PAYLOAD_TYPE, receiver, first=1000)
    assert int.from_bytes(packet[8:12], "big") == ssrc
    assert not copy.closed
    source.close()
    receiver.close()


async def test_a_plain_receiver_is_sent_the_same_streams_again_and_an_encrypted_one_is_not(
    routers: list[Router],
) -> None:
    here, _ = routers
    source, producer = await sender(here)
    plain = await here.create_plain_transport(listen_ip="127.0.0.1")
    encrypted = await here.create_plain_transport(listen_ip="127.0.0.1", enable_srtp=True)
    for transport in (plain, encrypted):
        first = await transport.consume(producer_id=producer.id, rtp_capabilities=here.rtp_capabilities)
        first.close()
        asked = {"producer_id": producer.id, "rtp_capabilities": here.rtp_capabilities}
        again = {"mid": first.rtp_parameters.mid, "ssrcs_of": first.rtp_parameters}
        if transport is plain:
            second = await transport.consume(**asked, **again)  # type: ignore[arg-type]
            assert second.rtp_parameters == first.rtp_parameters
        else:
            with pytest.raises(TypeError, match="SRTP"):
                await transport.consume(**asked, **again)  # type: ignore[arg-type]
    source.close()


async def test_ssrcs_of_another_producer_are_refused(routers: list[Router]) -> None:
    here, _ = routers
    end = await here.create_pipe_transport(listen_ip="127.0.0.1")
    (source, one), (other_source, two) = [await sender(here, encodings=[{"ssrc": SSRC}]), await sender(here)]
    three_layers = {"encodings": [{"ssrc": number} for number in (1, 2, 3)]}
    layered_source, layered = await sender(here, **three_layers)
    piped = await end.consume(producer_id=one.id)
    for producer, parameters in ((layered, piped.rtp_parameters), (two, {**VIDEO, "encodings": [{"rid": "r0"}]})):
        with pytest.raises(TypeError, match="not of an earlier consumer"):
            await end.consume(producer_id=producer.id, ssrcs_of=parameters)
    for socket in (source, other_source, layered_source):
        socket.close()


async def join(one: PipeTransport, other: PipeTransport) -> None:
    """Has each end know the other one."""
    for end, remote in ((one, other), (other, one)):
        await end.connect(
            ip=remote.tuple.local_ip, port=remote.tuple.local_port or 0, srtp_parameters=remote.srtp_parameters
        )


async def test_messages_cross_to_a_router_of_another_worker(routers: list[Router]) -> None:
    here, there = routers
    made: list[PipeTransport] = []
    here.observer.on("newtransport", lambda new: made.append(new) if isinstance(new, PipeTransport) else None)
    source, sink = await here.create_direct_transport(), await there.create_direct_transport()
    producer = await source.produce_data(label="l", protocol="p")
    result = await here.pipe_to_router(router=there, data_producer_id=producer.id)
    assert result.pipe_data_producer is not None
    assert result.pipe_data_consumer is not None
    assert (result.pipe_data_producer.type, result.pipe_data_producer.label) == ("sctp", "l")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    consumer = await sink.consume_data(data_producer_id=producer.id)
    consumer.on("message", lambda message, ppid: heard.put_nowait(message))
    closed = asyncio.Event()
    consumer.on("dataproducerclose", closed.set)
    big = bytes(range(256)) * 1000
    async with asyncio.timeout(PATIENCE_S):
        await associated(made[0])
        producer.send("text")
        producer.send(b"")
        producer.send(big)
        await result.pipe_data_consumer.send("past the producer")
        assert [await heard.get() for _ in range(4)] == [b"text", b"\0", big, b"past the producer"]
        producer.close()
        await closed.wait()
    assert result.pipe_data_producer.closed


async def associated(transport: PipeTransport) -> None:
    """Waits for the transport's SCTP association."""
    changed = asyncio.Event()
    transport.on("sctpstatechange", lambda _: changed.set())
    while transport.sctp_state != "connected":
        await changed.wait()
        changed.clear()


async def test_media_crosses_to_a_router_of_the_same_worker(workers: list[Worker]) -> None:
    here, there = [await workers[0].create_router(media_codecs=MEDIA_CODECS) for _ in range(2)]
    source, producer = await sender(here)
    result = await here.pipe_to_router(router=there, producer_id=producer.id)
    assert result.pipe_producer is not None
    assert result.pipe_producer.id == producer.id
    receiver, transport = await RtpSocket.receiver(there)
    await consume(transport, producer.id, there)
    await flow(source, [SSRC], PAYLOAD_TYPE, receiver)
    for socket in (source, receiver):
        socket.close()
