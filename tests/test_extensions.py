"""What is compiled is what the sources say, however they came to say it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from native.extensions import Extensions

SETTINGS = """
[[tool.setuptools.ext-modules]]
name = "kitchen.soup"
sources = ["kitchen/soup.pyx"]

[[tool.setuptools.ext-modules]]
name = "kitchen.rice"
sources = ["kitchen/rice.py"]
"""
FILES = {
    "pyproject.toml": SETTINGS,
    "kitchen/__init__.py": "",
    "kitchen/salt.pxd": "cdef enum:\n    GRAINS = 7\n",
    "kitchen/pot.pxd": "from kitchen cimport (  # a module among names\n    salt,\n)\n",
    "kitchen/soup.pyx": "from kitchen.pot cimport salt\n\n\ndef grains():\n    return salt.GRAINS\n",
    "kitchen/rice.py": "# cython: language_level=3\n\n\ndef grains():\n    return 1000\n",
}


@pytest.fixture(scope="module")
def built_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    assert Extensions(root).build() == ["kitchen.soup", "kitchen.rice"]
    return root


@pytest.fixture
def tree(built_tree: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built_tree, tmp_path / "tree", symlinks=True)


def _edit(path: Path, old: str, new: str) -> None:
    """As a checkout may do it: the edit is older than what was built before it."""
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, (0, 0))


def _grains(root: Path, module: str) -> int:
    ask = f"import {module} as module; assert module.__file__.endswith('.so'); print(module.grains())"
    return int(subprocess.check_output([sys.executable, "-c", ask], cwd=root))


def test_nothing_is_stale_after_a_build_whatever_the_times_say(tree: Path) -> None:
    for path in tree.rglob("*.p*"):
        path.touch()
    assert Extensions(tree).build() == []


def test_an_old_edit_of_a_declaration_reaches_what_includes_it_over_another(tree: Path) -> None:
    _edit(tree / "kitchen/salt.pxd", "7", "8")
    assert _grains(tree, "kitchen.soup") == 7
    assert Extensions(tree).build() == ["kitchen.soup"]
    assert _grains(tree, "kitchen.soup") == 8


def test_an_old_edit_of_a_source_is_built(tree: Path) -> None:
    _edit(tree / "kitchen/rice.py", "1000", "1001")
    assert Extensions(tree).stale() == ["kitchen.rice"]


def test_the_compiler_is_found_where_pip_has_put_it(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pip's build environment is a folder in PYTHONPATH whose sitecustomize leads to Cython."""
    (tmp_path / "sitecustomize.py").write_text("import pathlib; (pathlib.Path(__file__).parent / 'led').touch()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    _edit(tree / "kitchen/rice.py", "1000", "1002")
    assert Extensions(tree).build() == ["kitchen.rice"]
    assert (tmp_path / "led").exists()


def test_a_declaration_that_appears_beside_its_module_counts(tree: Path) -> None:
    (tree / "kitchen/rice.pxd").write_text("cpdef int grains()\n")
    assert Extensions(tree).stale() == ["kitchen.rice"]


def test_other_settings_build_other_modules(tree: Path) -> None:
    _edit(tree / "pyproject.toml", '"kitchen/rice.py"]', '"kitchen/rice.py"]\nextra-compile-args = ["-O1"]')
    assert Extensions(tree).stale() == ["kitchen.rice"]


def test_other_tools_build_other_modules(tree: Path) -> None:
    extensions = Extensions(tree)
    extensions.tools = ("another Python", *extensions.tools[1:])
    assert extensions.stale() == ["kitchen.soup", "kitchen.rice"]


def test_a_module_that_somebody_else_built_is_built_once_more(tree: Path) -> None:
    built = Extensions(tree).built("kitchen.soup")
    other = Extensions(tree).built("kitchen.rice").read_bytes()
    built.unlink()
    built.write_bytes(other)
    assert Extensions(tree).stale() == ["kitchen.soup"]


def test_a_module_without_a_stamp_is_built_once_more(tree: Path) -> None:
    (stamp,) = (tree / "kitchen").glob("soup*.stamp")
    stamp.unlink()
    assert Extensions(tree).stale() == ["kitchen.soup"]


def test_a_source_that_is_missing_is_named(tree: Path) -> None:
    (tree / "kitchen/soup.pyx").unlink()
    with pytest.raises(SystemExit, match=r"kitchen/soup\.pyx is missing"):
        Extensions(tree).build()


def test_what_was_built_of_a_module_that_is_no_more_goes(tree: Path) -> None:
    built = Extensions(tree).built("kitchen.rice")
    assert built.exists()
    _edit(tree / "pyproject.toml", SETTINGS[SETTINGS.rindex("[[") :], "")
    Extensions(tree).build()
    assert list(tree.rglob("rice*")) == [tree / "kitchen/rice.py"]
    assert _grains(tree, "kitchen.soup") == 7


def test_a_source_that_does_not_compile_ends_the_run_with_the_compilers_words(tree: Path) -> None:
    _edit(tree / "kitchen/soup.pyx", "return salt.GRAINS", "return undeclared(")
    with pytest.raises(SystemExit, match="undeclared"):
        Extensions(tree).build()
    assert Extensions(tree).stale() == ["kitchen.soup"]


def test_what_was_built_beside_a_failure_is_not_built_again(tree: Path) -> None:
    _edit(tree / "kitchen/salt.pxd", "7", "8")
    (tree / "kitchen/rice.py").write_text("def grains(:\n")
    with pytest.raises(SystemExit, match=r"kitchen\.rice"):
        Extensions(tree).build()
    assert Extensions(tree).stale() == ["kitchen.rice"]
