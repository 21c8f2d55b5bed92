"""One package of all rooms: each file has one name, and an application's own names are its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import miso
from miso import controller

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bench", "native", "tests")  # run in a checkout, installed nowhere
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in (*TOOLS, "miso"))


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_each_room_is_linked_into_the_package() -> None:
    links = {path.name: str(path.readlink()) for path in (ROOT / "miso").iterdir() if path.is_symlink()}
    assert links == {room: f"../{room}" for room in ROOMS}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("how", ["-c import {}", "-c from {} import nothing", "-m {}"])
def test_a_room_is_no_module_of_its_own(room: str, how: str) -> None:
    option, _, command = how.partition(" ")
    ended = python(option, command.format(room))
    assert ended.returncode == 1
    assert f"{room} is imported as miso.{room}" in ended.stderr


def test_the_package_is_the_controllers_interface() -> None:
    assert miso.__all__ == controller.__all__
    assert {name: getattr(miso, name) for name in controller.__all__} == {
        name: getattr(controller, name) for name in controller.__all__
    }
    assert set(controller.__all__) <= set(dir(miso))
    said = python("-c", "from miso import *; print(create_worker.__module__)")
    assert said.stdout == "miso.controller.worker\n", said.stderr


def test_what_is_no_part_of_the_interface_is_no_attribute() -> None:
    for name in ("create_nothing", "emitter", "__wrapped__"):
        assert not hasattr(miso, name)


def test_importing_the_package_loads_no_room() -> None:
    said = python("-c", "import miso, sys; print(*(name for name in sys.modules if name.startswith('miso')))")
    assert said.stdout == "miso\n"
