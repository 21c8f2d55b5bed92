from __future__ import annotations

import pytest

from miso.worker.dataplane.random_numbers import COUNT, random_number


def test_each_is_another_and_has_32_bits() -> None:
    drawn = [random_number() for _ in range(10 * COUNT)]
    assert len(set(drawn)) > len(drawn) - 3
    assert {bit for number in drawn for bit in range(32) if number >> bit & 1} == set(range(32))


def test_all_that_the_kernel_gave_are_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def urandom(size: int) -> bytes:
        asked.append(size)
        return b"".join(number.to_bytes(4, "little") for number in range(size // 4))

    monkeypatch.setattr("os.urandom", urandom)
    while random_number() != COUNT - 1:  # what was left before
        pass
    assert asked == [4 * COUNT]
    assert sorted(random_number() for _ in range(COUNT - 1)) == list(range(COUNT - 1))
    random_number()
    assert len(asked) == 2
