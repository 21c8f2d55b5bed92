"""Tokens for publishing and playing."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.live.access.tokens import Action, check_token, make_token
from miso.live.errors import RefusedError

SECRET = b"a secret"


def test_a_token_opens_what_it_is_for_until_it_expires() -> None:
    token = make_token(SECRET, Action.PUBLISH, "app/name", 1_000)
    check_token(SECRET, Action.PUBLISH, "app/name", token, 1_000.9)
    with pytest.raises(RefusedError, match="expired"):
        check_token(SECRET, Action.PUBLISH, "app/name", token, 1_001)


@pytest.mark.parametrize(
    ("secret", "action", "path"),
    [
        (SECRET, Action.PLAY, "app/name"),
        (SECRET, Action.PUBLISH, "app/other"),
        (SECRET, Action.PUBLISH, "app/name/deeper"),
        (b"another", Action.PUBLISH, "app/name"),
    ],
)
def test_it_opens_nothing_else(secret: bytes, action: Action, path: str) -> None:
    token = make_token(SECRET, Action.PUBLISH, "app/name", 1_000)
    with pytest.raises(RefusedError, match="does not allow"):
        check_token(secret, action, path, token, 0)


def test_who_changes_the_time_has_no_token() -> None:
    signature = make_token(SECRET, Action.PLAY, "a", 1_000).partition("-")[2]
    with pytest.raises(RefusedError, match="does not allow"):
        check_token(SECRET, Action.PLAY, "a", f"9000-{signature}", 0)


def test_it_can_be_made_without_us() -> None:
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", SECRET.decode(), "-r"],
        input=b"play\n1000\napp/name",
        capture_output=True,
        check=True,
    ).stdout.split()[0]
    check_token(SECRET, Action.PLAY, "app/name", f"1000-{made.decode()}", 0)


@given(st.text(max_size=100))
def test_whatever_comes_instead_of_a_token_is_refused(token: str) -> None:
    with pytest.raises(RefusedError):
        check_token(SECRET, Action.PLAY, "app/name", token, 0)


@pytest.mark.parametrize(
    "token", ["", "01000-" + "0" * 64, "-1-" + "0" * 64, "9" * 16 + "-" + "0" * 64, "1000-" + "٣" * 64]
)
def test_odd_tokens_are_refused(token: str) -> None:
    with pytest.raises(RefusedError):
        check_token(SECRET, Action.PLAY, "app/name", token, 0)


def test_no_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="secret"):
        make_token(b"", Action.PLAY, "app/name", 1)
