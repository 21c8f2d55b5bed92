"""Who is an operator."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from miso.live.operators.settings import OperatorsSettings
from tests.live.statistics.house import running

SECRET = {"Authorization": "Bearer of the house"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost:8000"},
        {"Host": "[::1]:8000"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost", "Origin": "http://localhost"},
    ],
)
async def test_who_is_of_this_machine_is_one(headers: dict[str, str]) -> None:
    async with running() as house:
        await house.get("/stats", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "rebound.example.org"},
        {"Host": "localhost.example.org"},
        {"Host": "["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
    ],
)
async def test_others_are_not(headers: dict[str, str]) -> None:
    async with running() as house:
        await house.get("/stats", 403, headers=headers)
        assert house.live.operators.refused == {403: 1}


async def test_a_trusted_proxy_tells_who_it_is() -> None:
    async with running(trusted_proxies=("127.0.0.0/8",)) as house:
        await house.get("/stats", 403, headers={"X-Forwarded-For": "192.0.2.1"})
        await house.get("/stats", 403, headers={"X-Forwarded-For": "127.0.0.1, 192.0.2.1"})
        await house.get("/stats", headers={"X-Forwarded-For": "127.0.0.1"})


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer of the hous", "Basic of the house", "Bearer \xff"])
async def test_with_a_secret_it_must_be_brought(given: str) -> None:
    async with running(secret="of the house") as house:
        response = await house.http.get("/api/v1/stats", headers={b"Authorization": given.encode("latin-1")})
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def test_with_a_secret_anybody_who_brings_it_is_one_but_no_other_page() -> None:
    async with running(secret="of the house") as house:
        await house.get("/stats", headers={**SECRET, "Host": "live.example.org", "X-Forwarded-For": "192.0.2.1"})
        await house.get("/stats", 403, headers={**SECRET, "Origin": "https://example.org"})


@pytest.mark.parametrize("path", ["streams", "sessions", "history", "stats", "events", "streams/live/a"])
async def test_nothing_is_shown_to_others(path: str) -> None:
    async with running(secret="of the house") as house:
        await house.get(f"/{path}", 401)
        await house.delete("/streams/live/a", 401)
        assert (await house.http.get("/metrics")).status_code == 401


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValidationError):
        OperatorsSettings(secret=SecretStr(" "))
