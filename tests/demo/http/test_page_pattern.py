"""Where pages of servers may be that come to the cluster later."""

from __future__ import annotations

import pytest

from miso.demo.http.origins import Origins
from miso.demo.http.page_pattern import PagePattern
from miso.demo.settings import Settings

WRONG = (
    *("*", "https://*", "https://*.", "a.example.org", "ftp://a", "https://a/b", "https://a:0", "https://a:70000"),
    *("https://a.*.org", "https://a b", "https://a;script-src *", "https://a, https://b", "https://[::1]", ""),
)


@pytest.mark.parametrize(
    ("pattern", "origin", "matches"),
    [
        ("https://*.room.example.org", "https://a.room.example.org", True),
        ("https://*.room.example.org", "https://a.room.example.org:443", True),
        ("https://*.room.example.org/", "https://b.a.room.example.org", True),
        ("https://*.room.example.org", "https://room.example.org", False),
        ("https://*.room.example.org", "https://evilroom.example.org", False),
        ("https://*.room.example.org", "http://a.room.example.org", False),
        ("https://*.room.example.org", "https://a.room.example.org:4443", False),
        ("https://*.room.example.org:*", "https://a.room.example.org:4443", True),
        ("https://*.Room.example.org:4443", "https://a.room.example.org:4443", True),
        ("http://localhost:*", "http://localhost:3001", True),
        ("http://localhost:*", "http://localhost.evil.example:3001", False),
        ("https://*.room.example.org", "https://a.room.example.org.", True),
        ("https://*.room.example.org", "http://[", False),
        ("https://*.room.example.org", "https://a.room.example.org:99999999", False),
        ("https://*.room.example.org", "null", False),
    ],
)
def test_a_pattern_is_understood_as_browsers_understand_it(pattern: str, origin: str, matches: bool) -> None:
    assert PagePattern.parse(pattern).matches(origin) is matches


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_pattern_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no form of a page's address"):
        PagePattern.parse(wrong)


@pytest.mark.parametrize(
    ("wide", "reason"),
    [
        ("https://*.com", "all hosts below 'com'.*at least two labels"),
        ("https://*.localhost:*", "all hosts below 'localhost'"),
        ("https://*.168.0.1", "the end of an address is no name"),
        ("https://*.1", "the end of an address is no name"),
    ],
)
def test_a_pattern_by_which_strangers_would_be_meant_is_refused(wide: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Settings(cluster_pages=["https://*.room.example.org", wide])


def test_pages_of_servers_that_have_gone_may_come_and_ours_may_go_to_those_that_come() -> None:
    origins = Origins([], ["b.room.example.org"], pages=[PagePattern.parse("https://*.room.example.org")])
    headers = {"host": "b.room.example.org"}
    assert origins.refusal({**headers, "origin": "https://a.room.example.org"}, None) is None
    assert origins.refusal({**headers, "origin": "https://a.evil.example"}, None) is not None
    assert origins.reachable == ["wss://*.room.example.org:443"]
