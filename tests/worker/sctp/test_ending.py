"""Shutdown, abort, and a peer that is gone."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.sctp.events import SctpState
from miso.worker.sctp.wire.constants import ChunkType
from tests.worker.sctp.world import World

Load = Callable[[str], ModuleType]


@pytest.fixture
def module(load: Load) -> ModuleType:
    return load("miso.worker.sctp.association")


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_a_shutdown_waits_for_what_was_sent(module: ModuleType, loss: float) -> None:
    world = World(module=module, seed=9, loss=0.0)
    world.connect()
    for link in (world.link_from(world.a), world.link_from(world.b)):
        link.loss = loss
    world.send(bytes(100_000))
    world.a.association.shutdown(world.now_us)
    world.run(120)
    assert [len(data) for _, _, data in world.b.messages()] == [100_000]
    assert world.a.association.state is world.b.association.state is SctpState.CLOSED
    assert world.a.association.next_timer_us is None
    assert world.b.association.next_timer_us is None


def test_both_shut_down_at_once(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.a.association.shutdown(world.now_us)
    world.b.association.shutdown(world.now_us)
    world.run(10)
    assert world.a.association.state is world.b.association.state is SctpState.CLOSED
    assert world.a.association.next_timer_us is world.b.association.next_timer_us is None


def test_a_peer_that_is_gone_is_noticed_with_data_in_flight(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.link_from(world.a).drop = lambda packet: True
    world.send(b"x")
    world.run(600, until=lambda: world.a.association.state is SctpState.CLOSED)
    assert world.a.association.state is SctpState.CLOSED
    assert world.a.sent[-1][12] == ChunkType.ABORT
    assert world.a.association.buffered_amount == 0


def test_a_peer_that_is_gone_is_noticed_by_heartbeats(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.run(100)
    assert world.is_connected()
    world.link_from(world.b).drop = lambda packet: True
    world.run(600)
    assert world.a.association.state is SctpState.CLOSED


def test_closing_before_the_beginning_and_twice_is_no_error(module: ModuleType) -> None:
    world = World(module=module)
    world.a.association.close(world.now_us)
    world.a.association.close(world.now_us)
    world.a.association.start(world.now_us)
    assert world.a.association.state is SctpState.CLOSED
    assert world.a.association.take_packets() == []
