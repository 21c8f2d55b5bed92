"""A compiled module that reads beyond what it was given, or overflows, is found when it was built for that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from native.extensions import Extensions
from tests import sanitizers

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = """
[[tool.setuptools.ext-modules]]
name = "careless"
sources = ["careless.pyx"]
"""
CARELESS = """# cython: language_level=3, boundscheck=False, wraparound=False
def byte(bytes data, int offset):
    return (<const unsigned char *>data)[offset]


def double(int number):
    return number * 2
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "careless.pyx").write_text(CARELESS)
    extensions = Extensions(root, sanitize=True)
    assert extensions.build() == ["careless"]
    assert extensions.stale() == []
    return root


def _run(tree: Path, statement: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("PYTHONPATH", str(tree))
    return sanitizers.run([sys.executable, "-c", f"import careless; {statement}"])


def test_what_stays_within_its_bounds_passes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(tree, "assert careless.byte(b'abc', 2) == ord('c')", monkeypatch) == 0


def test_the_commands_own_failure_is_given_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(tree, "raise SystemExit(7)", monkeypatch) == 7


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("careless.byte(b'abc', 5)", "heap-buffer-overflow"),
        ("careless.double(2**30)", "signed integer overflow"),
    ],
)
def test_what_it_must_not_do_is_reported(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], statement: str, what: str
) -> None:
    assert _run(tree, statement, monkeypatch) == 1
    assert what in capfd.readouterr().err


def test_either_kind_of_build_replaces_the_other(tree: Path) -> None:
    assert Extensions(tree, sanitize=True).stale() == []
    assert Extensions(tree, sanitize=False).stale() == ["careless"]


def test_a_sanitized_module_does_not_load_unnoticed(tree: Path) -> None:
    plain = subprocess.run([sys.executable, "-c", "import careless"], cwd=tree, capture_output=True, check=False)
    assert plain.returncode != 0


def test_says_what_a_compiler_lacks(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho ${1#-print-file-name=}\n")
    compiler.chmod(0o755)
    with pytest.raises(SystemExit, match=r"has no libasan\.so.*Debian"):
        sanitizers.runtimes(str(compiler))


def test_programs_of_others_are_started_without_the_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libasan.so")
    monkeypatch.setenv("MISO_SANITIZE", "1")
    assert "LD_PRELOAD" not in sanitizers.environment_of_others()
    monkeypatch.delenv("MISO_SANITIZE")
    assert sanitizers.environment_of_others()["LD_PRELOAD"] == "/usr/lib/libasan.so"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
def test_pip_is_told_to_build_the_same_modules_as_make_does() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES")}
    wants = []
    for settings in ([], ["SANITIZE=1"]):
        command = ["make", "--dry-run", "--what-if=pyproject.toml", "build", *settings]
        said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
        (installs,) = [line for line in said.splitlines() if "pip install" in line and " -e " in line]
        wants.append("MISO_SANITIZE=1 " in installs)
    assert wants == [False, True]
