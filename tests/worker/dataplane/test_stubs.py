"""The ``.pyi`` beside each extension says what the compiled module has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from native.extensions import ROOT, extension_modules

MODULES = [name for name, sources in extension_modules().items() if any(source.suffix == ".pyx" for source in sources)]
WHAT_CYTHON_ADDS = r".*\.__(reduce_cython|setstate_cython|test|pyx_capi)__"


@pytest.mark.parametrize("name", MODULES)
def test_every_extension_has_a_stub(name: str) -> None:
    assert (ROOT / name.replace(".", "/")).with_suffix(".pyi").exists()


def test_the_stubs_are_true(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    allowed = tmp_path / "allowed"
    allowed.write_text(WHAT_CYTHON_ADDS + "\n")
    options = ["--concise", "--ignore-disjoint-bases", "--ignore-unused-allowlist", "--allowlist", str(allowed)]
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *MODULES, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
