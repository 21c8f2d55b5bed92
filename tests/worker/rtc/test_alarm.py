"""A timer that is set, set anew and stopped."""

from __future__ import annotations

from miso.worker.rtc.alarm import Alarm
from tests.worker.rtc.world import FakeClock


class Owner:
    id = "t1"

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.rang_us: list[int] = []
        self.alarm = Alarm(self.clock, self, Owner.ring)

    def ring(self) -> None:
        assert not self.alarm.is_set
        self.rang_us.append(self.clock.now_us())


def test_rings_once_when_it_is_due() -> None:
    owner = Owner()
    due_us = owner.clock.now_us() + 5000
    owner.alarm.set(5000)
    assert owner.alarm.due_us == due_us
    owner.clock.advance(100)
    assert owner.rang_us == [due_us]
    assert not owner.alarm.is_set


def test_set_anew_it_rings_at_the_new_time_only() -> None:
    owner = Owner()
    owner.alarm.set(5000)
    owner.alarm.set(20_000)
    due_us = owner.alarm.due_us
    owner.clock.advance(100)
    assert owner.rang_us == [due_us]


def test_stopped_it_does_not_ring_and_can_be_set_again() -> None:
    owner = Owner()
    owner.alarm.stop()
    owner.alarm.set(5000)
    owner.alarm.stop()
    assert not owner.alarm.is_set
    assert owner.clock.waiting == 0
    owner.clock.advance(10)
    assert owner.rang_us == []
    owner.alarm.set(0)
    owner.clock.advance(0)
    assert len(owner.rang_us) == 1


def test_names_its_owner_for_the_log_of_faults() -> None:
    assert Owner().alarm.id == "Owner t1"
