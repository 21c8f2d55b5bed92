"""Rebuilds the compiled modules when a source is newer than what was built from it.

``pytest`` calls this before it collects, ``make build`` calls it by hand: ``python tests/extensions.py``. The list of
extensions is the one in ``pyproject.toml``; a lock keeps two test runs from compiling into each other.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
SETUP = "import setuptools; setuptools.setup()"


def extension_modules() -> dict[str, list[Path]]:
    """Module name → its sources, from ``[tool.setuptools] ext-modules``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = settings["tool"]["setuptools"].get("ext-modules", [])
    return {module["name"]: [ROOT / source for source in module["sources"]] for module in modules}


def stale_modules() -> list[str]:
    """Extensions that are missing, or older than a source or any ``.pxd`` of ours (one may include the other)."""
    declarations = [path.stat().st_mtime for path in (ROOT / "worker").rglob("*.px[di]")]
    newest_declaration = max(declarations, default=0.0)
    settings_time = (ROOT / "pyproject.toml").stat().st_mtime
    stale = []
    for name, sources in extension_modules().items():
        built = ROOT / (name.replace(".", "/") + SUFFIX)
        newest = max(newest_declaration, settings_time, *(source.stat().st_mtime for source in sources))
        if not built.exists() or built.stat().st_mtime < newest:
            stale.append(name)
    return stale


def build() -> None:
    """Compiles what is stale, in place. Raises SystemExit with the compiler's own words when that fails."""
    with open(ROOT / ".build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = stale_modules()
        if not stale:
            return
        print(f"building {len(stale)} compiled modules: {', '.join(stale)}", file=sys.stderr, flush=True)
        result = subprocess.run(
            [sys.executable, "-c", SETUP, "-q", "build_ext", "--inplace", "--parallel", "2"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise SystemExit(f"the compiled modules do not build:\n{result.stdout}\n{result.stderr}")
        for name in stale:  # distutils leaves a module alone whose C code came out the same
            (ROOT / (name.replace(".", "/") + SUFFIX)).touch()


if __name__ == "__main__":
    build()
