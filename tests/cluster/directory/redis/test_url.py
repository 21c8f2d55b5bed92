"""Where Redis is, as an operator writes it."""

from __future__ import annotations

import pytest

from miso.cluster.directory.redis.url import StoreUrl, parse_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://h", StoreUrl(hosts=(("h", 6379),))),
        ("valkey://h:1", StoreUrl(hosts=(("h", 1),))),
        ("redis://[::1]:7000/3", StoreUrl(hosts=(("::1", 7000),), database=3)),
        ("redis://:p%40ss@h/0", StoreUrl(hosts=(("h", 6379),), password="p@ss")),
        ("redis://me:p:w@h", StoreUrl(hosts=(("h", 6379),), username="me", password="p:w")),
        (
            "rediss://h?ssl_ca_certs=/ca.pem&ssl_check_hostname=false",
            StoreUrl(
                hosts=(("h", 6379),), tls=True, options={"ssl_ca_certs": "/ca.pem", "ssl_check_hostname": "false"}
            ),
        ),
        ("unix:///run/redis.sock?db=2", StoreUrl(path="/run/redis.sock", database=2)),
        (
            "redis+sentinel://:pw@a,b:1/main/4?sentinel_password=s",
            StoreUrl(
                kind="sentinel",
                hosts=(("a", 26379), ("b", 1)),
                service="main",
                database=4,
                password="pw",
                options={"sentinel_password": "s"},
            ),
        ),
        (
            "rediss+cluster://a:1,[::2]:3",
            StoreUrl(kind="cluster", tls=True, hosts=(("a", 1), ("::2", 3))),
        ),
    ],
)
def test_what_can_be_written(text: str, expected: StoreUrl) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is no scheme"),
        ("localhost:6379", "'localhost' is no scheme"),
        ("http://h", "'http' is no scheme"),
        ("redis://", "has no host"),
        ("redis://h:port", "'h:port' is no host"),
        ("redis://h:70000", "'h:70000' is no host"),
        ("redis://a,,b", "has no host"),
        ("redis://a,b", "an address of one Redis has one host"),
        ("redis://[::1", "cannot be read"),
        ("redis://h/x", "'x' is no number of a database"),
        ("redis://h/-1", "'-1' is no number of a database"),
        ("redis://h/1/2", "more in it than a database"),
        ("redis://h?ssl_ca_certs=/x", "'ssl_ca_certs' is no option of such an address of Redis; there are: none"),
        ("rediss://h?ssl_ca=/x", "there are: ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_check_hostname"),
        ("rediss://h?ssl_check_hostname=no", "is true or false"),
        ("redis+sentinel://h", "does not say what Sentinel calls it"),
        ("redis+cluster://h/1", "a Redis Cluster has no databases"),
        ("unix://", "no path of a socket"),
    ],
)
def test_what_cannot_be_read_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="^.*" + complaint.replace("?", r"\?")):
        parse_url(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:secret@h:1/2", "redis://h:1"),
        ("rediss+sentinel://:secret@a,[::1]:2/main?sentinel_password=secret", "rediss+sentinel://a:26379,[::1]:2/main"),
        ("redis+cluster://:secret@a,b", "redis+cluster://a:6379,b:6379"),
        ("unix://:secret@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_what_is_shown_has_no_secrets(text: str, shown: str) -> None:
    url = parse_url(text)
    assert str(url) == shown
    assert "secret" not in repr(url)


@pytest.mark.parametrize("text", ["redis://:secret@h:port", "redis://:secret@h/x", "redis://:secret@h?a=secret"])
def test_what_cannot_be_read_is_said_without_secrets(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)redis") as caught:
        parse_url(text)
    assert "secret" not in str(caught.value)
