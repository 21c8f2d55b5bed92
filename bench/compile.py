"""Compiles the measuring code beside its sources when it is missing or old. It is no part of the distribution."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def stale_sources() -> list[Path]:
    """The ``.pyx`` files here whose compiled module is missing, or older than they or the declarations they use."""
    declarations = [*HERE.glob("*.pxd"), ROOT / "worker" / "dataplane" / "srtp.pxd"]
    newest_declaration = max(path.stat().st_mtime for path in declarations)
    stale = []
    for source in sorted(HERE.glob("*.pyx")):
        built = source.with_suffix(SUFFIX)
        if not built.exists() or built.stat().st_mtime < max(source.stat().st_mtime, newest_declaration):
            stale.append(source)
    return stale


def build() -> None:
    """Compiles what is stale, in place. Raises SystemExit with the compiler's own words when that fails."""
    with open(ROOT / ".build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = stale_sources()
        if not stale:
            return
        names = [str(source.relative_to(ROOT)) for source in stale]
        print(f"compiling {', '.join(names)}", file=sys.stderr, flush=True)
        result = subprocess.run(
            [sys.executable, "-m", "Cython.Build.Cythonize", "--inplace", "--force", "--quiet", *names],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise SystemExit(f"the measuring code does not compile:\n{result.stdout}\n{result.stderr}")
