"""A transport that does not get on: its client and the operator are told what is missing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miso.demo.rooms.path_watch import ICE_SHARE, Missing, PathWatch, TransportWatch
from miso.demo.server import DemoServer
from tests.demo.client import Rejected, RoomClient
from tests.demo.conftest import counted, free_ports, ws_url
from tests.demo.ice import ice_over
from tests.patience import PATIENCE_S

STALLED_S = 0.3
FINGERPRINTS = [{"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}]
CLIENT = {"role": "client", "fingerprints": FINGERPRINTS}
SERVER = {"role": "server", "fingerprints": FINGERPRINTS}
DTLS_HANDSHAKE = 22
"""Content type of a DTLS record (RFC 6347 section 4.1)."""


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[DemoServer]:
    server = DemoServer(free_ports(tmp_path, transport_stall_timeout=STALLED_S))
    await server.start()
    yield server
    await server.close()


async def test_a_client_that_never_gives_its_fingerprints_is_told(
    impatient: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    transport = await client.transport(producing=True)
    async with ice_over(transport):
        told = await client.seen("transportStalled")
    assert told["transportId"] == transport["id"]
    assert told["missing"] == "connectWebRtcTransport"
    assert told["iceState"] in ("connected", "completed")
    assert told["dtlsState"] != "connected"
    assert "fingerprints" in told["reason"]
    [line] = [record.getMessage() for record in caplog.records if "transport=" in record.getMessage()]
    assert transport["id"] in line
    assert "connectWebRtcTransport has not come" in line
    assert await counted(impatient, "stalled_transports", missing="connectWebRtcTransport") == 1
    await client.close()


async def test_a_client_whose_ice_never_comes_is_told(impatient: DemoServer) -> None:
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    transport = await client.transport(producing=True)
    await client.request("connectWebRtcTransport", transportId=transport["id"], dtlsParameters=CLIENT)
    told = await client.seen("transportStalled")
    assert (told["missing"], told["iceState"]) == ("iceChecks", "new")
    await client.close()


async def test_a_client_whose_dtls_never_completes_is_told(impatient: DemoServer) -> None:
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    transport = await client.transport(producing=True)
    await client.request("connectWebRtcTransport", transportId=transport["id"], dtlsParameters=CLIENT)
    async with ice_over(transport):
        told = await client.seen("transportStalled", lambda data: data["missing"] == "dtlsHandshake")
    assert told["dtlsState"] != "connected"
    await client.close()


async def test_a_transport_that_is_not_used_yet_is_no_news(impatient: DemoServer) -> None:
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    await client.transport(consuming=True)
    used = await client.transport(producing=True)
    await client.request("connectWebRtcTransport", transportId=used["id"], dtlsParameters=CLIENT)
    await client.seen("transportStalled")
    assert [data["transportId"] for method, data in client.log if method == "transportStalled"] == [used["id"]]
    await client.close()


async def test_dtls_begins_with_what_createWebRtcTransport_brought(
    impatient: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TransportWatch, "GRACE_S", 0.05)
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    transport = await client.transport(producing=True, dtlsParameters=SERVER)
    async with ice_over(transport) as path:
        async with asyncio.timeout(PATIENCE_S):
            hello = await path.recv()
        assert hello[0] == DTLS_HANDSHAKE
        # who says it again is not refused
        await client.request("connectWebRtcTransport", transportId=transport["id"], dtlsParameters=SERVER)
    await client.close()


async def test_connectWebRtcTransport_counts_more_than_what_was_said_before(
    impatient: DemoServer,
) -> None:
    client = await RoomClient.connect(ws_url(impatient), "r", "a")
    transport = await client.transport(producing=True, dtlsParameters={**SERVER, "role": "auto"})
    await client.request("connectWebRtcTransport", transportId=transport["id"], dtlsParameters=SERVER)
    async with ice_over(transport) as path, asyncio.timeout(PATIENCE_S):
        assert (await path.recv())[0] == DTLS_HANDSHAKE
    await client.close()


@pytest.mark.parametrize("wrong", [{}, {"fingerprints": []}, {"fingerprints": "x"}, {**SERVER, "role": "x"}])
async def test_wrong_fingerprints_are_refused_when_the_transport_is_made(url: str, wrong: object) -> None:
    client = await RoomClient.connect(url, "r", "a")
    with pytest.raises(Rejected, match="DtlsParameters"):
        await client.transport(producing=True, dtlsParameters=wrong)
    await client.close()


def connected(patience_s: float = 10.0) -> PathWatch:
    watch = PathWatch(patience_s)
    watch.ice_changed("connected", 100.0)
    return watch


def test_patience_counts_from_when_it_began_to_wait() -> None:
    watch = connected()
    assert watch.deadline_s == 110.0
    watch.ice_changed("completed", 105.0)
    assert watch.overdue(109.9) is None
    assert watch.overdue(110.0) is Missing.CONNECT
    assert watch.overdue(200.0) is None
    assert watch.deadline_s is None


def test_what_comes_starts_the_wait_for_the_next() -> None:
    watch = connected()
    watch.connect_called(108.0)
    assert watch.overdue(117.9) is None
    assert watch.overdue(118.0) is Missing.DTLS


def test_ice_has_longer() -> None:
    watch = PathWatch(10.0)
    watch.connect_called(50.0)
    assert watch.deadline_s == 50.0 + ICE_SHARE * 10.0
    assert watch.overdue(80.0) is Missing.ICE


def test_who_has_everything_waits_for_nothing() -> None:
    watch = connected()
    watch.connect_called(101.0)
    watch.dtls_changed("connecting")
    assert watch.missing is Missing.DTLS
    watch.dtls_changed("connected")
    assert watch.deadline_s is None
    assert watch.overdue(1e9) is None


def test_with_a_patience_of_0_nothing_is_told() -> None:
    watch = connected(0.0)
    assert watch.deadline_s is None
    assert watch.overdue(1e9) is None
