"""The gate: who may publish and play."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr, ValidationError

from miso.live.access.gate import Asking, Gate
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.errors import DeniedError, RefusedError

NOW_S = 1_000.0
SECRET = "of publishers"


def gate(publish: str | None = SECRET, play: str | None = None) -> Gate:
    settings = AccessSettings(
        publish_secret=SecretStr(publish) if publish else None, play_secret=SecretStr(play) if play else None
    )
    return Gate(settings, lambda: NOW_S)


def asking(action: Action, token: str | None = None, path: str = "live/a") -> Asking:
    return Asking(action, path, "rtmp", "192.0.2.1", {} if token is None else {"token": token})


async def test_without_a_secret_everybody_may() -> None:
    anonymous = gate(publish=None)
    assert await anonymous.admit(asking(Action.PUBLISH)) == "live/a"
    assert await anonymous.admit(asking(Action.PLAY, "nonsense")) == "live/a"


async def test_who_has_a_token_may_do_what_it_is_for() -> None:
    token = make_token(SECRET.encode(), Action.PUBLISH, "live/a", 2_000)
    assert await gate().admit(asking(Action.PUBLISH, token)) == "live/a"
    assert await gate().admit(asking(Action.PLAY)) == "live/a"  # of which there is no secret


@pytest.mark.parametrize(
    ("token", "unauthorized"),
    [
        (None, True),
        ("", True),
        ("nonsense", False),
        (make_token(SECRET.encode(), Action.PLAY, "live/a", 2_000), False),
        (make_token(SECRET.encode(), Action.PUBLISH, "live/b", 2_000), False),
        (make_token(SECRET.encode(), Action.PUBLISH, "live/a", 999), False),
        (make_token(b"another secret", Action.PUBLISH, "live/a", 2_000), False),
    ],
)
async def test_who_has_none_or_a_wrong_one_may_not(token: str | None, unauthorized: bool) -> None:
    closed = gate()
    with pytest.raises(DeniedError) as caught:
        await closed.admit(asking(Action.PUBLISH, token))
    assert caught.value.unauthorized is unauthorized
    assert SECRET not in str(caught.value)
    assert closed.denied == {Action.PUBLISH: 1}


async def test_a_secret_of_players_opens_nothing_for_publishers() -> None:
    both = gate(play="of players")
    token = make_token(b"of players", Action.PLAY, "live/a", 2_000)
    assert await both.admit(asking(Action.PLAY, token)) == "live/a"
    with pytest.raises(DeniedError):
        await both.admit(asking(Action.PUBLISH, token))


async def test_denials_are_logged_once_a_second_without_what_was_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    closed = gate()
    for _ in range(100):
        with pytest.raises(DeniedError):
            await closed.admit(asking(Action.PUBLISH, "guessed"))
    assert len(caplog.records) == 1
    assert "192.0.2.1" in caplog.text
    assert "guessed" not in caplog.text
    assert closed.denied[Action.PUBLISH] == 100


@pytest.mark.parametrize("path", ["live/a\nINFO all is well", "live/\x1b[2Ja", "live/" + "a" * 5_000, "live/../a"])
async def test_a_path_that_no_stream_may_have_is_refused_before_it_stands_in_a_log(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for publish in (SECRET, None):
        with pytest.raises(RefusedError):
            await gate(publish).admit(asking(Action.PUBLISH, path=path))
    assert path not in caplog.text


def test_an_empty_secret_is_wrong() -> None:
    with pytest.raises(ValidationError, match="must not be empty"):
        AccessSettings(publish_secret=SecretStr(" "))


async def test_a_token_may_be_the_password() -> None:
    token = make_token(SECRET.encode(), Action.PUBLISH, "live/a", 2_000)
    assert await gate().admit(Asking(Action.PUBLISH, "live/a", "rtmp", "192.0.2.1", {}, "anna", token)) == "live/a"
    with pytest.raises(DeniedError):
        await gate().admit(Asking(Action.PUBLISH, "live/a", "rtmp", "192.0.2.1", {}, "anna", "word"))


USERS = {"anna": SecretStr("of anna")}


async def test_where_there_are_users_a_publisher_is_one_of_them() -> None:
    house = Gate(AccessSettings(users=USERS), lambda: NOW_S)
    assert await house.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1", {}, "anna", "of anna")) == "live/a"
    assert await house.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1", {}, "anna", is_proved=True)) == "live/a"
    assert await house.admit(asking(Action.PLAY)) == "live/a"
    for user, password, unauthorized in (
        ("", "", True),
        ("anna", "", False),
        ("anna", "of bert", False),
        ("bert", "of anna", False),
        ("\udc80", "é", False),
    ):
        with pytest.raises(DeniedError) as caught:
            await house.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1", {}, user, password))
        assert caught.value.unauthorized is unauthorized


async def test_players_are_users_if_it_is_so_set() -> None:
    house = Gate(AccessSettings(users=USERS, players_are_users=True), lambda: NOW_S)
    assert await house.admit(Asking(Action.PLAY, "live/a", "http-flv", "::1", {}, "anna", "of anna")) == "live/a"
    with pytest.raises(DeniedError):
        await house.admit(asking(Action.PLAY))


async def test_with_a_secret_and_users_either_will_do() -> None:
    both = Gate(AccessSettings(users=USERS, publish_secret=SecretStr(SECRET)), lambda: NOW_S)
    token = make_token(SECRET.encode(), Action.PUBLISH, "live/a", 2_000)
    assert await both.admit(asking(Action.PUBLISH, token)) == "live/a"
    assert await both.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1", {}, "anna", "of anna")) == "live/a"
    with pytest.raises(DeniedError):
        await both.admit(Asking(Action.PUBLISH, "live/a", "rtmp", "::1", {}, "anna", "of bert"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"users": {"a b": "x"}}, "a user has 1 to 49"),
        ({"users": {"u" * 50: "x"}}, "a user has 1 to 49"),
        ({"users": {"anna": " "}}, "password of anna must not be empty"),
        ({"players_are_users": True}, "needs users"),
    ],
)
def test_users_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AccessSettings.model_validate(settings)
