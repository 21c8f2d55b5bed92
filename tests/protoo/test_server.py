"""The server, alone and inside an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import socket
import struct
import time
import tracemalloc
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_in_thread
from websockets.typing import Subprotocol

from miso.protoo import (
    DuplicatePeerError,
    IncomingRequest,
    Peer,
    RequestError,
    RequestTimeoutError,
    RoomClosedError,
    TransportClosedError,
    WebSocketTransport,
)
from tests.patience import PATIENCE_S
from tests.protoo.conftest import Host

PROTOO = [Subprotocol("protoo")]


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: protoo\r\n\r\n"
)
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER (socket(7)): closing sends a reset."""


async def join(host: Host, peer_id: str = "me") -> tuple[ClientConnection, Peer[dict[str, object]]]:
    client = await connect(f"{host.url}/?roomId=r&peerId={peer_id}", subprotocols=PROTOO, open_timeout=PATIENCE_S)
    return client, await host.arrivals.get()


async def receive(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        message: dict[str, Any] = json.loads(await client.recv())
        return message


async def raw_client(host: Host) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose frames the test writes itself."""
    url = urlsplit(host.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=4096)
    writer.write(HANDSHAKE)
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await host.arrivals.get()
    return reader, writer


def frame(first_byte: int, payload: bytes) -> bytes:
    """A frame of a client, at most 125 bytes long, masked with zeros."""
    return bytes([first_byte, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def echo(peer: Peer[dict[str, object]]) -> None:
    peer.on("request", lambda request: request.accept({"method": request.method, "data": request.data}))


@pytest.mark.parametrize(
    ("path", "subprotocols", "status", "reason"),
    [
        ("/", [], 403, "invalid/missing Sec-WebSocket-Protocol"),
        ("/", ["chat"], 403, "invalid/missing Sec-WebSocket-Protocol"),
        ("/reject?status=400&reason=no%20room", ["protoo"], 400, "no room"),
        ("/reject?status=403&reason=a%0d%0aSet-Cookie:x", ["protoo"], 403, "a  Set-Cookie:x"),
        ("/reject?status=403&reason=%E2%82%AC", ["protoo"], 403, "?"),
        ("/raise", ["protoo"], 500, "RuntimeError: no luck"),
        ("/error", ["protoo"], 500, "not so"),
        ("/later", ["protoo"], 410, "gone"),
    ],
)
async def test_turns_clients_away_with_status_and_reason(
    host: Host, path: str, subprotocols: list[str], status: int, reason: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(host.url + path, subprotocols=[Subprotocol(name) for name in subprotocols] or None)
    response = caught.value.response
    assert response.status_code == status
    assert response.headers["X-WebSocket-Reject-Reason"] == reason
    assert response.body in (b"", None)


@pytest.mark.parametrize("request_line", ["GET /" + "a" * 20_000, "POST /", "GET /" + "?a" * 5000])
async def test_a_handshake_that_cannot_be_read_is_refused(host: Host, request_line: str) -> None:
    url = urlsplit(host.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    headers = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"{request_line} HTTP/1.1\r\n{headers}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).startswith(b"HTTP/1.1 4")
    writer.close()


async def test_agrees_on_protoo_without_compression(host: Host) -> None:
    client = await connect(host.url, subprotocols=[Subprotocol("chat"), *PROTOO])
    assert client.subprotocol == "protoo"
    assert client.protocol.extensions == []
    await client.close()


async def test_answers_requests(host: Host) -> None:
    host.on_peer = echo
    client, _ = await join(host)
    await client.send('{"request":true,"id":5,"method":"hi","data":[1]}')
    assert await receive(client) == {"response": True, "id": 5, "ok": True, "data": {"method": "hi", "data": [1]}}
    await client.close()


async def test_rejects_with_code_and_reason_or_with_what_the_listener_raised(host: Host) -> None:
    async def later(request: IncomingRequest) -> None:
        await asyncio.sleep(0)
        raise RequestError(404, "not there")

    def on_request(request: IncomingRequest) -> Any:
        if request.method == "code":
            request.reject(403, "no")
            request.accept()  # too late: only one answer goes out
        elif request.method == "raise":
            raise TypeError("xx")
        elif request.method == "json":
            request.accept({"set": {1}})
        else:
            return later(request)
        return None

    host.on_peer = lambda peer: (peer.on("request", on_request), None)[1]
    client, _ = await join(host)
    answers = []
    for number, method in enumerate(["code", "raise", "json", "later"]):
        await client.send(json.dumps({"request": True, "id": number, "method": method}))
        answers.append(await receive(client))
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3]
    assert all("ok" not in answer and answer["response"] for answer in answers)
    assert [(answer["errorCode"], answer["errorReason"]) for answer in answers[:2]] == [(403, "no"), (500, "xx")]
    assert answers[2]["errorCode"] == 500
    assert (answers[3]["errorCode"], answers[3]["errorReason"]) == (404, "not there")
    await client.close()


async def test_a_request_nobody_listens_to_is_rejected(host: Host) -> None:
    client, _ = await join(host)
    await client.send('{"request":true,"id":5,"method":"hi"}')
    assert (await receive(client))["errorCode"] == 500
    await client.close()


async def test_malformed_messages_do_not_end_the_connection(host: Host) -> None:
    host.on_peer = echo
    client, peer = await join(host)
    malformed: list[str | bytes] = [
        "null",
        "[]",
        "1",
        '"x"',
        "{",
        "",
        '{"request":true,"id":"5","method":"m"}',
        b"\x00\xff",
        "[" * 5000,
    ]
    for frame in malformed:
        await client.send(frame)
    await client.send('{"response":true,"id":99,"ok":true}')
    await client.send('{"request":true,"id":1,"method":"still here"}')
    assert (await receive(client))["data"]["method"] == "still here"
    assert not peer.closed
    await client.close()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"method": 5}, "request.method is 5, expected a string"),
        ({}, "request.method is None, expected a string"),
        ({"method": "m", "data": json.loads("[" * 150 + "]" * 150)}, "message is nested deeper than 100"),
    ],
)
async def test_a_request_that_is_wrong_in_part_is_rejected_with_a_reason(
    host: Host, wrong: dict[str, object], reason: str
) -> None:
    host.on_peer = echo
    client, _ = await join(host)
    await client.send(json.dumps({"request": True, "id": 7, **wrong}))
    assert await receive(client) == {"response": True, "id": 7, "errorCode": 400, "errorReason": reason}
    await client.close()


async def test_who_is_cut_off_at_the_end_of_its_handshake_is_no_error(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    url = urlsplit(host.url)
    for _ in range(50):
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(HANDSHAKE)
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        await asyncio.sleep(0)
        writer.transport.abort()
    client, _ = await join(host, "later")
    await client.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("said", [b"no HTTP\r\n\r\n", b"GET / HTTP/1.1\r\n", b"", b"GET /" + 9000 * b"a"])
async def test_what_never_becomes_a_websocket_fills_no_log(
    host: Host, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    """Of some versions of ``websockets`` it did, with a traceback each time."""
    caplog.set_level(logging.INFO)
    url = urlsplit(host.url)
    for _ in range(50):
        _, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(said)
        writer.close()
        await writer.wait_closed()
    client, _ = await join(host)
    await client.close()
    assert len([record for record in caplog.records if "handshake" in record.getMessage()]) < 20


@pytest.mark.parametrize("target", ["//[", "//[/", "/%5B", "//"])
async def test_an_odd_target_is_no_error_of_ours(host: Host, target: str) -> None:
    url = urlsplit(host.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(HANDSHAKE.replace(b"GET /", f"GET {target}?peerId=me".encode(), 1))
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    assert (await host.arrivals.get()).id == "me"
    writer.close()


async def test_a_message_in_many_fragments_costs_no_more_than_its_content(host: Host) -> None:
    host.on_peer = echo
    reader, writer = await raw_client(host)
    tracemalloc.start()
    writer.write(frame(0x01, b'{"request":true,"id":1,') + frame(0x00, b"") * 900)
    writer.write(frame(0x89, b"ping"))
    await writer.drain()
    assert await reader.readexactly(6) == b"\x8a\x04ping"
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100_000
    writer.write(frame(0x00, b"") + frame(0x80, b'"method":"whole"}'))
    assert b'"method":"whole"' in await reader.read(1000)
    writer.close()


async def test_pings_of_a_client_that_does_not_read_are_not_answered_without_end(host: Host) -> None:
    reader, writer = await raw_client(host)
    # the server takes them; nobody reads the answers (this reader's buffer is small, and then the system's)
    with contextlib.suppress(ConnectionError):
        for _ in range(300):
            writer.write(frame(0x89, b"x" * 125) * 1000)
            await writer.drain()
            await asyncio.sleep(0)
    size_bytes = 0
    with contextlib.suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(1 << 20), PATIENCE_S):
            size_bytes += len(data)
    assert size_bytes < 1_000_000
    writer.close()


async def test_a_message_over_the_limit_ends_it_with_1009(host: Host) -> None:
    client, _ = await join(host)
    await client.send("x" * 960_001)
    with pytest.raises(ConnectionClosed) as caught:
        await client.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


async def test_requests_of_the_server_get_data_or_an_error(host: Host) -> None:
    client, peer = await join(host)
    asking = asyncio.create_task(peer.request("newConsumer", {"id": "c"}))
    asked = await receive(client)
    assert asked == {"request": True, "id": asked["id"], "method": "newConsumer", "data": {"id": "c"}}
    await client.send(json.dumps({"response": True, "id": asked["id"], "ok": True, "data": ["a"]}))
    assert await asking == ["a"]
    asking = asyncio.create_task(peer.request("newConsumer"))
    asked = await receive(client)
    error = {"response": True, "id": asked["id"], "ok": False, "errorCode": 403, "errorReason": "no"}
    await client.send(json.dumps(error))
    with pytest.raises(RequestError) as caught:
        await asking
    assert (caught.value.code, caught.value.reason) == (403, "no")
    await client.close()


async def test_a_request_without_answer_times_out_and_a_late_answer_is_ignored(host: Host) -> None:
    host.on_peer = echo
    client, peer = await join(host)
    with pytest.raises(RequestTimeoutError):
        await peer.request("slow", timeout_ms=20)
    asked = await receive(client)
    await client.send(json.dumps({"response": True, "id": asked["id"], "ok": True}))
    await client.send('{"request":true,"id":1,"method":"still here"}')
    assert (await receive(client))["id"] == 1
    await client.close()


async def test_an_answer_that_came_while_this_process_was_stopped_counts(host: Host) -> None:
    def join_and_answer() -> None:
        with connect_in_thread(f"{host.url}/?roomId=r&peerId=me", subprotocols=PROTOO) as client:
            asked = json.loads(client.recv())
            time.sleep(0.3)
            client.send(json.dumps({"response": True, "id": asked["id"], "ok": True, "data": "in time"}))

    answering = asyncio.create_task(asyncio.to_thread(join_and_answer))
    peer = await host.arrivals.get()
    asking = asyncio.create_task(peer.request("newConsumer", timeout_ms=1000))
    await asyncio.sleep(0.1)
    time.sleep(1.5)  # noqa: ASYNC251  nothing is read until the time for the answer is over
    assert await asking == "in time"
    await answering


async def test_a_request_that_is_given_up_leaves_nothing_behind(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    client, peer = await join(host)
    asking = asyncio.create_task(peer.request("newConsumer"))
    await receive(client)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await client.close()
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


async def test_a_lost_connection_rejects_what_waits_and_empties_the_room(host: Host) -> None:
    client, peer = await join(host)
    closed = asyncio.Event()
    peer.on("close", lambda code, reason: closed.set())
    asking = asyncio.create_task(peer.request("newConsumer"))
    await receive(client)
    client.transport.abort()
    with pytest.raises(TransportClosedError):
        async with asyncio.timeout(PATIENCE_S):
            await asking
    assert closed.is_set()
    assert host.room.peers == []
    with pytest.raises(TransportClosedError):
        await peer.request("x")
    with pytest.raises(TransportClosedError):
        peer.notify("x")


async def test_closing_sends_what_was_queued_then_the_code(host: Host) -> None:
    client, peer = await join(host)
    closes: list[tuple[int, str]] = []
    peer.on("close", lambda code, reason: closes.append((code, reason)))
    peer.notify("first", {"n": 1})
    peer.notify("second")
    peer.close(1012, "service restart")
    peer.close()
    assert closes == [(1012, "service restart")]
    assert [(await receive(client))["method"] for _ in range(2)] == ["first", "second"]
    with pytest.raises(ConnectionClosed) as caught:
        await client.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "service restart")
    await peer.wait_closed()


async def test_a_room_closes_all_peers_with_4000(host: Host) -> None:
    clients = [(await join(host, str(number)))[0] for number in range(3)]
    host.room.close()
    assert host.room.peers == []
    for client in clients:
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "closed by protoo-server")


async def test_nobody_enters_a_closed_room(host: Host) -> None:
    host.room.close()
    errors: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
    client = await connect(host.url, subprotocols=PROTOO)
    with pytest.raises(ConnectionClosed) as caught:
        await asyncio.wait_for(client.recv(), PATIENCE_S)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011
    assert [type(error) for error in errors] == [RoomClosedError]
    assert host.room.peers == []


async def test_a_peer_with_the_same_id_takes_the_place_without_emptying_the_room(host: Host) -> None:
    first, old = await join(host)
    sizes: list[int] = []
    old.on("close", lambda code, reason: sizes.append(len(host.room.peers)))
    second, new = await join(host)
    assert sizes == [1]
    assert host.room.get_peer("me") is new
    with pytest.raises(ConnectionClosed):
        await first.recv()
    assert not new.closed
    with pytest.raises(DuplicatePeerError, match="already a Peer with same peerId"):
        host.room.create_peer("me", WebSocketTransport(second), {})
    await second.close()


async def test_who_does_not_read_is_closed(host: Host) -> None:
    client, peer = await join(host)
    client.transport.pause_reading()
    closed = asyncio.Event()
    peer.on("close", lambda code, reason: closed.set())
    text = "x" * 100_000
    async with asyncio.timeout(PATIENCE_S):
        while not closed.is_set():
            if not peer.closed:
                peer.notify("load", {"text": text})
            await asyncio.sleep(0)
    assert host.room.peers == []
    client.transport.abort()


async def test_many_requests_at_once_each_get_their_answer(host: Host) -> None:
    client, peer = await join(host)

    async def answer() -> None:
        async for frame in client:
            asked = json.loads(frame)
            await client.send(json.dumps({"response": True, "id": asked["id"], "ok": True, "data": asked["data"]}))

    answering = asyncio.create_task(answer())
    answers = await asyncio.gather(*(peer.request("n", {"n": number}) for number in range(200)))
    assert answers == [{"n": number} for number in range(200)]
    await client.close()
    await answering
