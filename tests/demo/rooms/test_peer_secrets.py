"""A peer's place is its own, as far as it can prove that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from miso.demo.rooms.peer_secrets import KEEP_S, MAX_KEPT, PeerSecrets
from miso.demo.server import DemoServer
from miso.protoo import RequestError
from tests.demo.client import RoomClient
from tests.demo.conftest import counted, free_ports, ws_url

SECRET = "a-secret-of-its-own"
OTHER = "another-secret-that-is-not-it"


@pytest.fixture
async def strict_url(tmp_path: Path) -> AsyncIterator[str]:
    server = DemoServer(free_ports(tmp_path, strict_peer_ids=True))
    await server.start()
    yield ws_url(server)
    await server.close()


async def turned_away(url: str, query: str = "") -> int:
    with pytest.raises(InvalidStatus) as caught:
        await RoomClient.connect(url, "r", "a", query=query)
    reason = caught.value.response.headers["X-WebSocket-Reject-Reason"]
    assert SECRET not in reason
    return caught.value.response.status_code


async def told_secret(client: RoomClient) -> str:
    joined = await client.join()
    secret: str = joined["peerSecret"]
    assert (await client.seen("mediasoup-version"))["peerSecret"] == secret
    return secret


async def test_nobody_takes_the_place_of_who_brought_a_secret(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a", query=f"&peerSecret={SECRET}")
    assert await told_secret(client) == SECRET
    assert await turned_away(url) == 403
    assert await turned_away(url, f"&peerSecret={OTHER}") == 403
    assert await counted(server, "refusals", limit="peer_secret") == 2
    again = await RoomClient.connect(url, "r", "a", query=f"&peerSecret={SECRET}")
    assert await client.closed() == 4000
    assert await turned_away(url) == 403
    await again.close()


async def test_who_gives_back_the_secret_that_it_was_told_has_its_place_to_itself(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    secret = await told_secret(client)
    assert await turned_away(url, f"&peerSecret={OTHER}") == 403
    again = await RoomClient.connect(url, "r", "a", query=f"&peerSecret={secret}")
    assert await client.closed() == 4000
    assert await told_secret(again) == secret
    assert await turned_away(url) == 403
    await again.close()


async def test_clients_that_know_no_secrets_displace_each_other_as_ever(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    secret = await told_secret(first)
    second = await RoomClient.connect(url, "r", "a")
    assert await first.closed() == 4000
    assert await told_secret(second) != secret
    await second.close()


async def test_a_strict_server_lets_nobody_take_a_place_without_its_secret(strict_url: str) -> None:
    client = await RoomClient.connect(strict_url, "r", "a")
    secret = await told_secret(client)
    assert await turned_away(strict_url) == 403
    again = await RoomClient.connect(strict_url, "r", "a", query=f"&peerSecret={secret}")
    assert await client.closed() == 4000
    await again.close()


@pytest.mark.parametrize("secret", ["short", "x" * 200])
async def test_a_secret_has_a_length(url: str, secret: str) -> None:
    assert await turned_away(url, f"&peerSecret={secret}") == 400


async def test_the_secret_is_no_business_of_the_others(url: str) -> None:
    other = await RoomClient.connect(url, "r", "b")
    await other.join()
    client = await RoomClient.connect(url, "r", "a", query=f"&peerSecret={SECRET}")
    await client.join()
    await other.seen("newPeer")
    assert SECRET not in str(other.log)
    await client.close()
    await other.close()


def secrets(*, strict: bool = False) -> PeerSecrets:
    owners = PeerSecrets(strict=strict)
    owners.enter("a", SECRET, 0.0)
    return owners


def test_the_place_of_who_was_cut_off_is_kept_for_a_while() -> None:
    owners = secrets()
    owners.leave("a", 1006, 10.0)
    with pytest.raises(RequestError):
        owners.check("a", "", 10.0 + KEEP_S - 1)
    owners.check("a", SECRET, 10.0 + KEEP_S - 1)
    owners.check("a", "", 10.0 + KEEP_S)


def test_who_comes_back_in_time_has_the_place_again_and_for_good() -> None:
    owners = secrets()
    owners.leave("a", 1006, 10.0)
    assert owners.enter("a", SECRET, 20.0) == SECRET
    with pytest.raises(RequestError):
        owners.check("a", "", 20.0 + 2 * KEEP_S)


def test_the_place_of_who_left_on_purpose_is_free_at_once() -> None:
    owners = secrets()
    owners.leave("a", 1000, 10.0)
    owners.check("a", OTHER, 10.0)
    assert owners.enter("a", OTHER, 10.0) == OTHER


def test_no_place_is_kept_for_who_cannot_prove_to_be_the_one() -> None:
    owners = secrets(strict=True)
    owners.enter("b", "", 0.0)
    owners.leave("b", 1006, 10.0)
    owners.check("b", "", 10.0)


def test_only_so_many_places_are_kept() -> None:
    owners = PeerSecrets(strict=False)
    for number in range(MAX_KEPT + 1):
        owners.enter(str(number), SECRET, 0.0)
        owners.leave(str(number), 1006, 0.0)
    owners.check(str(MAX_KEPT), OTHER, 1.0)
    with pytest.raises(RequestError):
        owners.check("0", OTHER, 1.0)
