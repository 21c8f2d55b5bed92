"""Plugins start in order and stop in reverse; what goes wrong in one is told, counted, and no other's loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from miso.live.engine.engine import Engine
from miso.live.engine.known_plugins import ENTRY_POINT_GROUP, KnownPlugins, find_plugins
from miso.live.engine.plugin import Plugin, PluginSettings
from miso.live.engine.services import Live
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.format import FlvFormat
from miso.live.sessions.session import EndReason, Role
from miso.live.streams.stream import State
from tests.live.broadcast.peers import join
from tests.patience import PATIENCE_S


def plugin(name: str, log: list[str], **does: Callable[[], Any]) -> type[Plugin]:
    """A plugin that notes what is asked of it, and then does what is given for it."""

    class Noting(Plugin):
        def __init__(self, live: Live, settings: PluginSettings) -> None:
            does.get("init", lambda: None)()

        async def start(self) -> None:
            await self._do("start")

        async def run(self) -> None:
            if "run" in does:
                await self._do("run")

        async def stop(self) -> None:
            await self._do("stop")

        async def _do(self, what: str) -> None:
            log.append(f"{what} {name}")
            result = does.get(what, lambda: None)()
            if asyncio.iscoroutine(result):
                await result

    Noting.name = name
    return Noting


def fail(error: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


def engine_of(*plugins: type[Plugin], **sections: dict[str, Any]) -> Engine:
    return Engine(live_settings_model(plugins)(**sections), plugins)


async def test_the_last_to_start_is_the_first_to_stop() -> None:
    log: list[str] = []
    engine = engine_of(plugin("a", log), plugin("b", log), plugin("c", log))
    await engine.start()
    assert [one.name for one in engine.running] == ["a", "b", "c"]
    await engine.stop()
    await engine.stop()
    assert log == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_what_is_not_enabled_does_not_run() -> None:
    log: list[str] = []
    engine = engine_of(plugin("a", log), plugin("b", log), a={"enabled": False})
    await engine.start()
    await engine.stop()
    assert log == ["start b", "stop b"]


@pytest.mark.parametrize("where", ["init", "start"])
@pytest.mark.parametrize("error", [OSError("port 1935 is taken"), ZeroDivisionError("a bug")])
async def test_one_that_cannot_start_stops_nobody(
    where: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    bad = plugin("bad", log, **{where: fail(error)})
    engine = engine_of(plugin("a", log), bad, plugin("c", log))
    await engine.start()
    assert [one.name for one in engine.running] == ["a", "c"]
    assert engine.failures == {"bad": 1}
    assert engine.live.metrics.get_sample_value("miso_live_plugin_failures_total", {"plugin": "bad"}) == 1
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in told] == [f"live plugin bad cannot start: {error}"]
    assert (told[0].exc_info is None) == isinstance(error, OSError)  # a taken port is no bug of ours
    await engine.stop()
    assert log.count("stop bad") == (where == "start")


async def test_one_that_fails_later_is_stopped_and_the_others_go_on() -> None:
    log: list[str] = []
    go, stopped = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        raise ValueError("lost its way")

    engine = engine_of(plugin("a", log), plugin("bad", log, run=work, stop=stopped.set))
    await engine.start()
    await asyncio.sleep(0)
    assert len(engine.running) == 2
    go.set()
    await asyncio.wait_for(stopped.wait(), PATIENCE_S)
    assert [one.name for one in engine.running] == ["a"]
    assert engine.failures == {"bad": 1}
    await engine.stop()
    assert log.count("stop bad") == 1


async def test_the_end_waits_for_one_that_has_failed_and_is_being_stopped() -> None:
    log: list[str] = []
    stopping, may_stop = asyncio.Event(), asyncio.Event()

    async def stop() -> None:
        stopping.set()
        await may_stop.wait()
        log.append("bad has stopped")

    engine = engine_of(plugin("a", log), plugin("bad", log, run=fail(ValueError("lost")), stop=stop))
    await engine.start()
    await asyncio.wait_for(stopping.wait(), 60)
    end = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    may_stop.set()
    await end
    assert "bad has stopped" in log
    assert engine.failures == {"bad": 1}


async def test_one_that_fails_to_stop_keeps_nobody() -> None:
    log: list[str] = []
    engine = engine_of(plugin("a", log), plugin("bad", log, stop=fail(KeyError("gone"))))
    await engine.start()
    await engine.stop()
    assert log[-2:] == ["stop bad", "stop a"]
    assert engine.failures == {"bad": 1}


async def test_one_that_hangs_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "START_S", 0.01)
    monkeypatch.setattr(Engine, "STOP_S", 0.01)
    log: list[str] = []
    slow = plugin("slow", log, start=asyncio.Event().wait)
    stuck = plugin("stuck", log, stop=asyncio.Event().wait)
    engine = engine_of(slow, stuck, plugin("c", log))
    await engine.start()
    assert [one.name for one in engine.running] == ["stuck", "c"]
    await engine.stop()
    assert engine.failures == {"slow": 1, "stuck": 1}


async def test_one_that_cannot_even_be_cancelled_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("START_S", "STOP_S", "CANCEL_S"):
        monkeypatch.setattr(Engine, limit, 0.01)
    log: list[str] = []
    let_go = asyncio.Event()

    async def stay() -> None:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    plugins = [plugin(f"stuck_{what}", log, **{what: stay}) for what in ("start", "run", "stop")]
    engine = engine_of(*plugins, plugin("z", log))
    async with asyncio.timeout(60):
        await engine.start()
        await asyncio.sleep(0)
        await engine.stop()
    assert engine.failures == {"stuck_start": 1, "stuck_stop": 1}
    assert [line for line in log if line.startswith("stop")] == [
        "stop stuck_start",
        "stop z",
        "stop stuck_stop",
        "stop stuck_run",
    ]
    let_go.set()


async def test_one_that_cancels_itself_cancels_nobody_else() -> None:
    log: list[str] = []
    engine = engine_of(plugin("bad", log, start=fail(asyncio.CancelledError())), plugin("b", log))
    await engine.start()
    assert [one.name for one in engine.running] == ["b"]
    assert engine.failures == {"bad": 1}
    await engine.stop()


async def test_work_that_fails_when_it_is_cancelled_is_told(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("gone") from None

    engine = engine_of(plugin("bad", log, run=work), plugin("b", log))
    await engine.start()
    await asyncio.sleep(0)
    await engine.stop()
    assert log[-2:] == ["stop b", "stop bad"]
    assert "gone" in caplog.text
    assert engine.failures == {"bad": 1}


async def test_work_of_a_plugin_is_cancelled_before_it_is_stopped() -> None:
    log: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("work ends")

    engine = engine_of(plugin("a", log, run=work))
    await engine.start()
    await asyncio.sleep(0)
    await engine.stop()
    assert log == ["start a", "run a", "work ends", "stop a"]
    assert not engine.failures


async def test_a_start_that_is_cancelled_stops_what_has_begun() -> None:
    log: list[str] = []
    begun = asyncio.Event()

    async def begin() -> None:
        begun.set()
        await asyncio.Event().wait()

    engine = engine_of(plugin("a", log), plugin("slow", log, start=begin))
    starting = asyncio.create_task(engine.start())
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await engine.stop()
    assert log == ["start a", "start slow", "stop slow", "stop a"]


async def test_the_end_of_the_engine_is_the_end_of_sessions_and_streams() -> None:
    engine = engine_of()
    await engine.start()
    stream = engine.live.streams.get_or_create("live/a")
    session = engine.live.sessions.open("rtmp", "127.0.0.1", Role.PLAYER, "live/a", lambda: None)
    engine.live.streams.publish("live/a", lambda: None)
    viewer = await join(engine.live.broadcasts.get(stream, FlvFormat()))
    await engine.stop()
    assert stream.state is State.CLOSED
    assert [reason for reason, _ in viewer.ended] == [EndReason.STREAM_ENDED]
    assert len(engine.live.broadcasts) == 0
    viewer.close()
    assert session.end_reason is EndReason.INTERNAL  # a plugin that has stopped left it over


class _EntryPoint:
    """As importlib.metadata has it."""

    def __init__(self, name: str, load: Callable[[], object]) -> None:
        self.name, self.value, self.load = name, f"somewhere:{name}", load


class Named(Plugin):
    """Does nothing."""

    name: ClassVar[str] = "named"

    def __init__(self, live: Live, settings: PluginSettings) -> None:
        pass

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


def found(monkeypatch: pytest.MonkeyPatch, *entry_points: _EntryPoint) -> KnownPlugins:
    def fake(*, group: str) -> list[_EntryPoint]:
        assert group == ENTRY_POINT_GROUP
        return list(entry_points)

    monkeypatch.setattr("importlib.metadata.entry_points", fake)
    return find_plugins([plugin("rtmp", [])])


def test_entry_points_come_after_ours_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    other = type("Other", (Named,), {"name": "other"})
    known = found(monkeypatch, _EntryPoint("z", lambda: Named), _EntryPoint("a", lambda: other))
    assert [one.name for one in known.classes] == ["rtmp", "other", "named"]
    assert known.problems == ()


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        (fail(ImportError("no module named x")), "cannot be loaded: ImportError"),
        (fail(SyntaxError("odd")), "cannot be loaded: SyntaxError"),
        (lambda: 5, "5 is no class derived from"),
        (lambda: type("Bad", (Named,), {"name": "No Name"}), "its name is 'No Name'"),
        (lambda: type("Bad", (Named,), {"name": "rtmp"}), "the name 'rtmp' is taken"),
        (lambda: type("Bad", (Named,), {"name": "streams"}), "the name 'streams' is taken"),
        (lambda: type("Bad", (Named,), {"name": "players"}), "the name 'players' is taken"),
        (lambda: type("Bad", (Named,), {"name": "operators"}), "the name 'operators' is taken"),
        (lambda: type("Bad", (Named,), {"Settings": dict}), "its Settings are <class 'dict'>"),
    ],
)
def test_an_entry_point_of_no_use_is_told_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[], object], problem: str
) -> None:
    known = found(monkeypatch, _EntryPoint("bad", load), _EntryPoint("good", lambda: Named))
    assert [one.name for one in known.classes] == ["rtmp", "named"]
    assert len(known.problems) == 1
    assert "plugin bad (somewhere:bad)" in known.problems[0]
    assert problem in known.problems[0]
