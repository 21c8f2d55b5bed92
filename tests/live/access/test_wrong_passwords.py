"""Who guesses passwords is not listened to for a while; others are."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from miso.live.access.gate import Asking, Gate
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.access.wrong_passwords import MAX_ADDRESSES, TOO_MANY_WRONG, WrongPasswords
from miso.live.errors import DeniedError

SECRET = "of publishers"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class House:
    """A gate with a user, and its time."""

    def __init__(self, per_minute: int = 3, secret: str | None = None) -> None:
        self.now_s = 1_000.0
        settings = AccessSettings(
            users={"anna": SecretStr("right")},
            publish_secret=SecretStr(secret) if secret else None,
            max_wrong_passwords_per_minute=per_minute,
        )
        self.gate = Gate(settings, lambda: self.now_s)

    async def says(self, password: str, address: str = HERE, user: str = "anna") -> str:
        """Why it may not publish; empty: it may."""
        try:
            await self.gate.admit(Asking(Action.PUBLISH, "live/a", "http", address, {}, user, password))
        except DeniedError as error:
            return str(error)
        return ""


async def test_a_right_one_is_not_looked_at_after_too_many_wrong_ones(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    house = House()
    for guess in range(3):
        assert "wrong" in await house.says(f"guess {guess}")
    assert await house.says("right") == TOO_MANY_WRONG
    assert await house.says("right", ELSEWHERE) == ""
    assert house.gate.wrong_passwords.refused == 1
    assert f"address={HERE}" in caplog.text
    assert "right" not in caplog.text
    house.now_s += 21
    assert await house.says("right") == ""


async def test_a_minute_gives_a_minutes_number_of_guesses() -> None:
    house = House()
    looked_at = 0
    for _ in range(600):
        looked_at += await house.says("a guess") != TOO_MANY_WRONG
        house.now_s += 0.1
    assert looked_at == 3 + 2  # at once, and in the minute


async def test_what_is_right_or_is_no_password_does_not_count() -> None:
    house = House()
    for _ in range(10):
        assert await house.says("right") == ""
        assert "are needed" in await house.says("", user="")
    assert len(house.gate.wrong_passwords) == 0


async def test_a_token_is_none_to_guess() -> None:
    house = House(secret=SECRET)
    token = make_token(SECRET.encode(), Action.PUBLISH, "live/a", 2_000)
    for _ in range(10):
        assert await house.says(token, user="") == ""
    for _ in range(10):
        await house.says("a guess")
    assert await house.says(token, user="") == ""


async def test_without_a_limit_all_are_looked_at() -> None:
    house = House(per_minute=0)
    for _ in range(100):
        assert await house.says("a guess") != TOO_MANY_WRONG


async def test_an_ipv6_64_is_one_address_and_addresses_are_not_remembered_without_end() -> None:
    wrong = WrongPasswords(1, lambda: 1_000.0)
    wrong.add("2001:db8::1")
    assert wrong.refuse("2001:db8::2")
    for number in range(MAX_ADDRESSES + 5):
        wrong.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(wrong) == MAX_ADDRESSES
    assert not wrong.refuse("2001:db8::2")


async def test_a_clock_that_is_set_back_locks_nobody_out_for_longer() -> None:
    now_s = [1_000.0]
    wrong = WrongPasswords(1, lambda: now_s[0])
    wrong.add(HERE)
    now_s[0] = 10.0
    assert wrong.refuse(HERE)
    now_s[0] = 71.0
    assert not wrong.refuse(HERE)
