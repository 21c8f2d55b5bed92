"""Clients that ask for too much, or say nothing: they harm nobody but themselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from urllib.parse import quote, urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from miso.demo.broadcasters.guard import MAX_BODY_BYTES
from miso.demo.limits.limiters import TokenBucket
from miso.demo.limits.per_client import MAX_OBJECTS, REQUESTS_BURST
from miso.demo.server import DemoServer
from miso.serving.http_connection import HttpWithTimeouts
from tests.demo.client import AUDIO, RTP_CAPABILITIES, Rejected, RoomClient
from tests.demo.conftest import counted
from tests.heart import ATTEMPTS, MAX_TURN_S, Heart
from tests.patience import PATIENCE_S

LIMIT_S = 2.0
"""For a connection that is to become a WebSocket: long enough for that on a busy machine, too."""


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


async def test_deeply_nested_data_does_not_spoil_the_room_for_others(url: str) -> None:
    hostile, present, later = [await RoomClient.connect(url, "r", name) for name in "abc"]
    await present.join()
    await hostile.send(request=True, id=99, method="join", data={"device": {"x": nested(400)}})
    await hostile.join()
    await present.seen("newPeer")
    assert len((await later.join())["peers"]) == 2
    for client in (hostile, present, later):
        await client.close()


@pytest.mark.parametrize(
    ("method", "data", "reason"),
    [
        ("join", {"displayName": "x" * 300}, "Expected `str` of length <= 256"),
        ("join", {"device": {"flag": "x" * 20_000}}, "device is larger than 10000 bytes"),
        ("join", {"rtpCapabilities": {"codecs": ["x" * 200_000]}}, "join is larger than 100000 bytes"),
        (
            "produce",
            {"transportId": "t", "kind": "audio", "rtpParameters": {}, "appData": {"a": "x" * 20_000}},
            "appData",
        ),
        ("x" * 900_000, {}, "unknown request.method"),
    ],
)
async def test_what_the_others_would_be_told_has_a_size(
    url: str, caplog: pytest.LogCaptureFixture, method: str, data: dict[str, object], reason: str
) -> None:
    caplog.set_level(logging.INFO)
    client = await RoomClient.connect(url, "r", "a")
    if method == "produce":
        await client.join()
    with pytest.raises(Rejected, match=reason) as caught:
        await client.ask(method, data)
    assert len(caught.value.reason) < 1000
    assert all(len(record.getMessage()) < 1000 for record in caplog.records)
    assert (await client.request("getRouterRtpCapabilities"))["codecs"]
    await client.close()


@pytest.mark.parametrize("room_id", ["x" * 300, "a\nroom=b is empty", "a\x1b[31m"])
async def test_names_that_would_spoil_the_log_are_turned_away(url: str, room_id: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await RoomClient.connect(url, quote(room_id), "a")
    assert caught.value.response.status_code == 400


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\u202eAnn\u2066", "Ann"),
        ("An\u200bn\ufeff", "Ann"),
        ("A\nn\x1b[31mn\x85", "An[31mn"),
        ("\u2069\u2028", ""),
        ("\U0001f469\u200d\U0001f4bb ענת \u200f(ת)", "\U0001f469\u200d\U0001f4bb ענת \u200f(ת)"),
    ],
)
async def test_a_name_has_nothing_that_is_not_seen(url: str, given: str, shown: str) -> None:
    present, odd = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await present.join()
    await odd.join(given)
    assert (await present.seen("newPeer"))["displayName"] == shown
    await odd.request("changeDisplayName", displayName=f"{given}2")
    change = await present.seen("peerDisplayNameChanged")
    assert (change["displayName"], change["oldDisplayName"]) == (f"{shown}2", shown)
    for client in (present, odd):
        await client.close()


async def test_a_peer_has_only_so_many_transports(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    for _ in range(MAX_OBJECTS):
        await client.transport()
    with pytest.raises(Rejected, match="too many transports") as caught:
        await client.transport()
    assert caught.value.code == 429
    await client.close()


async def test_a_flood_of_requests_is_rejected_and_others_are_served(server: DemoServer, url: str) -> None:
    hostile, other = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "s", "b")
    asked = [asyncio.create_task(hostile.ask("createWebRtcTransport", {})) for _ in range(2 * REQUESTS_BURST)]
    await other.join()
    await other.produce("audio", AUDIO)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, dict)]
    assert len(made) <= MAX_OBJECTS
    refused = [answer for answer in answers if isinstance(answer, Rejected)]
    assert len(made) + len(refused) == len(answers)
    assert {answer.code for answer in refused} == {429}
    assert await counted(server, "refusals", limit="requests") > 0
    assert await counted(server, "refusals", limit="transports_per_peer") > 0
    await hostile.close()
    await other.close()


async def test_a_rename_in_a_loop_does_not_drive_the_others_out(url: str) -> None:
    hostile, victim = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await victim.join()
    await hostile.join()
    renames = [asyncio.create_task(hostile.request("changeDisplayName", displayName=str(n))) for n in range(2000)]
    answers = await asyncio.gather(*renames, return_exceptions=True)
    assert any(isinstance(answer, Rejected) for answer in answers)
    await victim.request("getRouterRtpCapabilities")
    assert victim.methods.count("peerDisplayNameChanged") < REQUESTS_BURST + 200
    await hostile.close()
    await victim.close()


async def test_a_flood_of_notifications_is_counted(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")

    async def flood() -> None:
        for _ in range(20):  # a slow machine lets the allowance grow meanwhile
            for _ in range(REQUESTS_BURST + 200):
                await client.send(notification=True, method="requestConsumerKeyFrame", data={"consumerId": "none"})
            await client.request("getRouterRtpCapabilities")

    with pytest.raises(Rejected, match="too many requests"):
        await flood()
    assert await counted(server, "refusals", limit="requests") > 0
    assert await counted(server, "requests", method="requestConsumerKeyFrame", result="rejected") >= REQUESTS_BURST
    await client.close()


async def test_requests_that_fail_fill_no_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = await RoomClient.connect(url, "r", "a")
    for _ in range(200):
        with pytest.raises(Rejected):
            await client.request("restartIce", transportId="none")
    assert len([record for record in caplog.records if "restartIce failed" in record.getMessage()]) < 50
    await client.close()


def test_an_allowance_saves_up_to_the_burst_and_no_more() -> None:
    allowance = TokenBucket(10.0, 3, 0.0)
    assert [allowance.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.take(0.1), allowance.take(0.1)] == [True, False]
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nslow",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
    ],
)
async def test_a_connection_that_does_not_get_on_is_cut(
    server: DemoServer, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(HttpWithTimeouts, "LIMIT_S", 0.3)
    port = urlsplit(server.urls[0]).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    async with asyncio.timeout(PATIENCE_S):
        try:
            while await reader.read(65536):
                pass
        except ConnectionResetError:
            pass
    writer.close()


async def test_a_websocket_is_not_cut(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpWithTimeouts, "LIMIT_S", LIMIT_S)
    client = await RoomClient.connect(url, "r", "a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.2 * LIMIT_S):
            await client.closed()
    assert (await client.join(capabilities=RTP_CAPABILITIES))["peers"] == []
    await client.close()


async def test_a_websocket_behind_another_request_is_not_cut(
    server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpWithTimeouts, "LIMIT_S", LIMIT_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(server.urls[0]).port)
    writer.write(
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /?roomId=r&peerId=a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: protoo\r\n\r\n"
    )
    async with asyncio.timeout(PATIENCE_S):
        await reader.readuntil(b"mediasoup-version")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(), 1.2 * LIMIT_S)  # to the end, which must not come
    writer.close()


async def test_invalid_http_is_told_of_once_a_second(server: DemoServer, caplog: pytest.LogCaptureFixture) -> None:
    port = urlsplit(server.urls[0]).port
    began_s = time.monotonic()
    for _ in range(200):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).startswith(b"HTTP/1.1 400")
        writer.close()
    async with asyncio.timeout(PATIENCE_S):
        while "times more" not in caplog.text:  # noqa: ASYNC110  # the log has no event
            await asyncio.sleep(0.1)
    lines = [record.getMessage() for record in caplog.records if "nvalid HTTP" in record.getMessage()]
    told = sum(int(line.split("times")[0].split()[-1]) if "times" in line else 1 for line in lines)
    assert len(lines) <= time.monotonic() - began_s + 2
    assert 0 < told <= 200


async def test_a_body_in_tiny_chunks_holds_up_nobody(server: DemoServer, url: str) -> None:
    port = urlsplit(server.urls[0]).port
    loop = asyncio.get_running_loop()

    def send() -> bytes:
        with socket.create_connection(("127.0.0.1", port or 0)) as client:
            client.settimeout(PATIENCE_S)
            client.sendall(
                b"POST /rooms/r/broadcasters HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            with contextlib.suppress(OSError):
                client.sendall(b"1\r\n \r\n" * (MAX_BODY_BYTES + 100))
            return client.recv(1000)

    for _ in range(ATTEMPTS):
        heart = Heart()
        answer = await loop.run_in_executor(None, send)
        longest_s = await heart.stop()
        assert answer.startswith(b"HTTP/1.1 413")
        if longest_s < MAX_TURN_S:
            break
    assert longest_s < MAX_TURN_S
