"""Every fuzz target for a short while in each test run, with a fixed seed; ``make fuzz`` goes on for longer."""

from __future__ import annotations

import pytest

from tests.fuzz.engine import Finding, Target, fuzz, load_target, target_names


@pytest.mark.parametrize("name", target_names())
def test_mutated_input_ends_in_acceptance_or_the_documented_error(name: str) -> None:
    target = load_target(name)
    report = fuzz(target, seed=1, inputs=5_000, seconds=3.0)
    assert not isinstance(report, Finding), f"{report.what}: {report.data.hex()}"
    assert report.accepted > 0, "not even the seeds are accepted"


def test_finds_a_parser_that_reads_past_its_input() -> None:
    def reads_a_length_it_does_not_check(data: bytes) -> None:
        if data:
            data[data[0]]

    found = fuzz(
        Target("careless", [b"\x01\x02\x03"], reads_a_length_it_does_not_check, ()), seed=1, inputs=1_000, seconds=5.0
    )
    assert isinstance(found, Finding)
    assert "IndexError" in found.what
