"""What comes again and again wakes the worker seldom, and nobody's reports leave together with everybody's."""

from __future__ import annotations

import asyncio
import itertools
import select
import time
from collections.abc import Callable

import pytest
import uvloop

from miso.worker.channel.bodies.transport import EnableTraceEventRequest
from miso.worker.dataplane import OutgoingTurn, Plane, TransportPlane, Turn
from miso.worker.faults import faults
from miso.worker.net.clock import LoopScheduler
from miso.worker.net.loop_delay import LoopDelay
from miso.worker.net.turns import Turns
from miso.worker.net.wake_up import WakeUp
from miso.worker.rtc.rounds import PROBE_GAP_US, ProbeRounds, WorkerRounds
from miso.worker.rtcp.reports import ReceiverReport
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.parameters import TRANSPORT_WIDE_CC_URI, VIDEO_SSRC, video_parameters
from tests.worker.rtc.rig import Rig
from tests.worker.rtc.world import FakeClock, FakeTimer, World
from tests.worker.rtp.packets import KEY_FRAME, rtp


class AskedOwner:
    """Of a transport's look at its bandwidth; ends the loop when it is asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.asked_us: list[int] = []

    def on_bandwidth_due(self) -> None:
        self.asked_us.append(time.monotonic_ns() // 1000)
        self.loop.stop()

    def on_probation_due(self) -> None:
        raise AssertionError("there is no estimate")


class CountingClock(FakeClock):
    """Keeps when it rang, and when a turn was due."""

    def __init__(self) -> None:
        super().__init__()
        self.times_us: list[int] = []

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        def ring() -> None:
            self.times_us.append(self.now_us())
            callback()

        return super().call_later(delay_us, ring)

    def tick(self) -> None:
        self.times_us.append(self.now_us())
        super().tick()


class BusyClock(FakeClock):
    """Has no time for what can wait: keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)


class WatchedClock(FakeClock):
    """Keeps how many traces the largest piece of work made that media has to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self)
        self.most = 0

    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        return super().call_later(delay_us, lambda: self._watch(callback))

    def call_soon(self, callback: Callable[[], None]) -> None:
        super().call_soon(lambda: self._watch(callback))

    @property
    def traces(self) -> int:
        return sum(event == "trace" for _, event, _ in self.world.notifier.events)

    def _watch(self, callback: Callable[[], None]) -> None:
        before = self.traces
        callback()
        self.most = max(self.most, self.traces - before)


def test_what_is_due_at_about_the_same_time_is_done_together() -> None:
    clock = CountingClock()
    rounds = ProbeRounds(clock, Plane())
    turns = [Turn() for _ in range(50)]
    began_us = clock.now_us()
    for number, turn in enumerate(turns):
        rounds.set(turn, 100 + 100 * number)
    clock.advance(100)
    assert all(turn.due_us < 0 for turn in turns)
    assert clock.times_us == [began_us + 100 + PROBE_GAP_US * number for number in range(-(-4_900 // PROBE_GAP_US) + 1)]
    assert clock.waiting == 0


def test_who_is_set_earlier_than_all_others_does_not_wait_for_them() -> None:
    clock = CountingClock()
    rounds = ProbeRounds(clock, Plane())
    late, early = Turn(), Turn()
    rounds.set(late, 1_000_000)
    rounds.set(early, 5_000)
    clock.advance(5)
    assert (early.due_us, late.due_us) == (-1, clock.now_us() + 995_000)
    rounds.stop(late)
    assert clock.waiting == 0


def test_what_is_more_than_one_pass_does_goes_on_a_millisecond_later() -> None:
    clock = CountingClock()
    rounds = ProbeRounds(clock, Plane())
    turns = [Turn() for _ in range(200)]
    for turn in turns:
        rounds.set(turn, 0)
    began_us = clock.now_us()
    clock.advance(100)
    assert clock.times_us == [began_us, began_us + 1000, began_us + 2000, began_us + 3000]
    assert all(turn.due_us < 0 for turn in turns)


def test_what_is_more_than_one_pass_does_at_a_tick_takes_turns_with_other_work() -> None:
    clock = FakeClock()
    rounds = WorkerRounds(clock, Plane())
    turns = [Turn() for _ in range(200)]
    for turn in turns:
        rounds.set(turn, 0)
    left: list[int] = []

    def look() -> None:
        left.append(sum(turn.due_us >= 0 for turn in turns))
        if left[-1]:
            clock.call_soon(look)

    rounds.go_on()
    look()
    clock.settle()
    assert left == [*range(184, 0, -16), 0]


def test_ticks_that_a_busy_worker_has_no_time_for_do_not_pile_up() -> None:
    clock = BusyClock()
    soon = clock.soon
    rounds = WorkerRounds(clock, Plane())
    turns = [Turn() for _ in range(200)]
    for turn in turns:
        rounds.set(turn, 0)
    for _ in range(50):
        rounds.on_events([], clock.now_us())
    assert len(soon) == 1
    while soon:
        soon.pop()()
        assert len(soon) <= 1
    assert all(turn.due_us < 0 for turn in turns)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_tick_of_the_kernels_brings_what_is_due_and_no_more(new_loop) -> None:
    loop, delay, plane = new_loop(), LoopDelay(), Plane()
    owner = AskedOwner(loop)
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    rounds = WorkerRounds(scheduler, plane)
    due, later = OutgoingTurn(TransportPlane(plane, False), 600_000), Turn()
    due.owner, due.asks_control = owner, True
    delay.ticked, delay.on_events = rounds.turns, rounds.on_events
    began_us = scheduler.now_us()
    rounds.set(due, 30_000)
    rounds.set(later, 3600_000_000)
    later_us = later.due_us
    loop.add_reader(delay.fileno, delay.on_tick)
    delay.start()
    loop.run_forever()
    assert len(owner.asked_us) == 1
    assert owner.asked_us[0] >= began_us + 30_000
    assert due.due_us >= began_us + 1_000_000
    assert later.due_us == later_us
    delay.stop()
    loop.close()


def test_a_fault_at_a_tick_costs_this_one_look() -> None:
    plane, delay, before = Plane(), LoopDelay(), faults.count
    rounds = WorkerRounds(FakeClock(), plane)
    due = OutgoingTurn(TransportPlane(plane, False), 600_000)
    due.asks_control = True

    def fail(events: object, now_us: int) -> None:
        raise RuntimeError("nobody expects it")

    delay.ticked, delay.on_events = rounds.turns, fail
    rounds.turns.set(due, 0)
    delay.start()
    select.select([delay.fileno], [], [])
    wake_up = WakeUp(delay, delay.on_tick)
    wake_up.run()
    assert faults.count == before + 1
    assert due.due_us > 0
    wake_up.run()  # too early: there is nothing to read
    assert faults.count == before + 1
    delay.stop()


def test_transports_that_come_at_the_same_time_do_not_go_on_together(rig: Rig) -> None:
    senders = [rig.connect() for _ in range(20)]
    for sender in senders:
        rig.produce(sender)
        sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    times: list[list[int]] = [[] for _ in senders]
    for step in range(300):
        rig.clock.advance(20)
        for sender, its_times in zip(senders, times, strict=True):
            its_times += [step] * len(sender.rtcp(ReceiverReport))
    assert all(4 <= len(its_times) <= 6 for its_times in times)
    assert len({its_times[0] for its_times in times}) == 1  # half a second after they came
    assert len({its_times[2] for its_times in times}) > 10
    apart = [20 * (later - earlier) for its_times in times for earlier, later in itertools.pairwise(its_times)]
    assert min(apart) >= 1000 - 20
    assert max(apart) <= 1500 + 40


def test_bandwidth_that_is_due_of_many_is_shared_out_one_by_one_so_that_media_goes_on_in_between() -> None:
    clock = WatchedClock()
    rig = Rig(clock.world)
    sender = LayeredSender(rig, modes=["L1T3", "L1T3"])
    viewers = [rig.connect() for _ in range(10)]
    for viewer in viewers:
        parameters = sender.receiver_parameters()
        parameters["headerExtensions"].append({"uri": TRANSPORT_WIDE_CC_URI, "id": 5})
        sender.consume(viewer, rtpParameters=parameters)
        viewer.transport.enable_trace_event(EnableTraceEventRequest(types=["bwe"]))
    clock.advance(2500)
    assert clock.traces == 2 * len(viewers)
    assert clock.most == 1
    rig.close()


def test_a_silent_sender_wakes_the_worker_seldom() -> None:
    clock = CountingClock()
    rig = Rig(World(clock))
    extensions = [{"uri": TRANSPORT_WIDE_CC_URI, "id": 5}]
    rig.produce(rig.connect(), parameters=video_parameters(headerExtensions=extensions))
    clock.advance(2_000)
    assert len(clock.times_us) >= 20  # a sender that may begin to send is told ten times a second what has come
    clock.advance(2_000)
    clock.times_us.clear()
    clock.advance(10_000)
    assert 20 <= len(clock.times_us) <= 32  # twice a second, and reports
    rig.close()
