"""RTMP URLs: which server, which application, which stream; and what is refused without repeating it."""

from __future__ import annotations

import pytest

from miso.live.rtmp.url import MAX_URL_LENGTH, RtmpUrl, read_url


@pytest.mark.parametrize(
    ("url", "expected", "tc_url"),
    [
        ("rtmp://host/app/name", RtmpUrl(False, "host", 1935, "app", "name"), "rtmp://host/app"),
        ("rtmps://host/app/name", RtmpUrl(True, "host", 443, "app", "name"), "rtmps://host/app"),
        (
            "rtmp://host:1936/a/b/name?k=1&l=/2",
            RtmpUrl(False, "host", 1936, "a/b", "name?k=1&l=/2"),
            "rtmp://host:1936/a/b",
        ),
        ("rtmp://[::1]:1/app/n#1", RtmpUrl(False, "::1", 1, "app", "n#1"), "rtmp://[::1]:1/app"),
    ],
)
def test_reads_what_it_says(url: str, expected: RtmpUrl, tc_url: str) -> None:
    assert read_url(url) == expected
    assert read_url(url).tc_url == tc_url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://host/app/secret", "begins with 'http'"),
        ("rtmp://host/secret", "incomplete"),
        ("rtmp:///app/secret", "incomplete"),
        ("rtmp://host/app/", "incomplete"),
        ("rtmp://me@host/app/secret", "expected USER:PASSWORD"),
        ("rtmp://:secret@host/app/name", "expected USER:PASSWORD"),
        ("rtmp://@host/app/secret", "expected USER:PASSWORD"),
        ("rtmp://me%20too:secret@host/app/name", "expected USER:PASSWORD"),
        ("rtmp://host/app/secret name", "blanks"),
        ("rtmp://host/app/secret\nname", "blanks"),
        ("rtmp://host:secret/app/name", "Port could not be cast"),
        ("rtmp://[host/app/secret", "Invalid IPv6"),
        ("rtmp://host/app/" + MAX_URL_LENGTH * "s", "characters"),
    ],
)
def test_refuses_what_is_none(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_url(url)


def test_reads_user_and_password_and_shows_neither() -> None:
    url = read_url("rtmp://me:a%2Fsecret%40@host/app/name")
    assert (url.user, url.password, url.host, url.tc_url) == ("me", "a/secret@", "host", "rtmp://host/app")
    assert "secret" not in repr(url)
