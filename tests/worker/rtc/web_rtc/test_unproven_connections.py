"""Who has to go when too many TCP connections wait for their first check."""

from __future__ import annotations

import pytest

from miso.worker.rtc.web_rtc.unproven_connections import UnprovenConnections, network_of


@pytest.mark.parametrize(
    ("ip", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_subnet(ip: str, other: str, same: bool) -> None:
    assert (network_of(ip) == network_of(other)) == same


def test_the_network_with_most_gives_its_oldest() -> None:
    waiting: UnprovenConnections[str] = UnprovenConnections()
    for name, ip in (("a1", "10.0.0.1"), ("b1", "2001:db8::1"), ("b2", "2001:db8::2"), ("b3", "2001:db8::3")):
        waiting.add(name, ip)
    assert waiting.most_expendable() == "b1"
    waiting.remove("b1")
    assert waiting.most_expendable() == "b2"
    for name in ("b2", "b2", "never came"):
        waiting.remove(name)
    assert "b2" not in waiting
    assert len(waiting) == 2


def test_among_equals_the_oldest_of_all_goes() -> None:
    waiting: UnprovenConnections[str] = UnprovenConnections()
    for name, ip in (("a1", "10.0.0.1"), ("b1", "10.0.0.2"), ("c1", "10.0.0.3"), ("a2", "10.0.0.1")):
        waiting.add(name, ip)
    waiting.remove("a1")
    assert waiting.most_expendable() == "b1"
    assert sorted(waiting.take_all()) == ["a2", "b1", "c1"]
    assert len(waiting) == 0
