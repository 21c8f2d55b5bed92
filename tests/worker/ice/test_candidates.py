"""Candidates: priorities and addresses."""

from __future__ import annotations

from miso.worker.ice.candidates import LocalEndpoint, candidate_priority, make_candidates


def test_priority_is_the_formula_of_the_rfc() -> None:
    assert candidate_priority(10_000) == 64 * 2**24 + 10_000 * 256 + 255


def test_later_addresses_are_preferred_less_and_the_announced_address_is_told() -> None:
    first = [LocalEndpoint("udp", "127.0.0.1", 4000, "9.9.9.1"), LocalEndpoint("tcp", "127.0.0.1", 4001, "9.9.9.1")]
    second = [LocalEndpoint("udp", "::1", 4002), LocalEndpoint("tcp", "::1", 4003)]
    candidates = make_candidates([first, second], prefer_tcp=True)
    assert [(c.foundation, c.protocol, c.ip, c.port) for c in candidates] == [
        ("udpcandidate", "udp", "9.9.9.1", 4000),
        ("tcpcandidate", "tcp", "9.9.9.1", 4001),
        ("udpcandidate", "udp", "::1", 4002),
        ("tcpcandidate", "tcp", "::1", 4003),
    ]
    preferences = [(candidate.priority >> 8) & 0xFFFF for candidate in candidates]
    assert preferences == [10_000, 11_000, 9_900, 10_900]


def test_an_empty_group_still_lowers_the_next() -> None:
    (candidate,) = make_candidates([[], [LocalEndpoint("udp", "127.0.0.1", 1)]])
    assert candidate.priority == candidate_priority(9_900)
