"""An event emitter whose listeners cannot harm whoever emits."""

from __future__ import annotations

import logging

import pytest

from miso.controller.emitter import Emitter


def failing(*_: object) -> None:
    raise RuntimeError("the listener's bug")


def test_a_failing_listener_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    emitter = Emitter()
    seen: list[object] = []
    emitter.on("score", failing)
    emitter.on("score", seen.append)
    with caplog.at_level(logging.ERROR):
        assert emitter.emit("score", 7)
    assert seen == [7]
    assert "the listener's bug" in caplog.text


async def test_a_failing_coroutine_listener_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        failing()

    emitter = Emitter()
    emitter.on("close", fail)
    with caplog.at_level(logging.ERROR):
        emitter.emit("close")
        await emitter.wait_for_complete()
    assert "the listener's bug" in caplog.text


def test_a_listener_of_error_gets_the_exception() -> None:
    emitter = Emitter()
    seen: list[object] = []
    emitter.on("score", failing)
    emitter.on("error", seen.append)
    emitter.emit("score")
    assert [str(error) for error in seen] == ["the listener's bug"]


def test_a_failing_listener_of_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    emitter = Emitter()
    emitter.on("score", failing)
    emitter.on("error", failing)
    with caplog.at_level(logging.ERROR):
        assert emitter.emit("score")
    assert "the listener's bug" in caplog.text


def test_says_whether_anybody_listened() -> None:
    emitter = Emitter()
    emitter.once("close", lambda: None)
    assert emitter.emit("close")
    assert not emitter.emit("close")
