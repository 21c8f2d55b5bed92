"""Builds the web page when its sources are newer than what was built."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "demo" / "web"


def build_page() -> None:
    """Runs npm where it is needed; the caller may rely on ``demo/web/dist``.

    Raises:
        RuntimeError: npm is missing.
        subprocess.CalledProcessError: The build failed; npm has said why.
    """
    with (WEB / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_fresh():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("the web page needs npm to be built: install Node.js 18 or newer")
        if not _is_installed():
            subprocess.run([npm, "ci"], cwd=WEB, check=True)
        subprocess.run([npm, "run", "build"], cwd=WEB, check=True)


def _is_installed() -> bool:
    installed = WEB / "node_modules" / ".package-lock.json"
    return installed.is_file() and (WEB / "package-lock.json").stat().st_mtime <= installed.stat().st_mtime


def _is_fresh() -> bool:
    built = WEB / "dist" / "live" / "index.html"  # what is built last
    if not built.is_file():
        return False
    sources = [
        path for folder in ("src", "live", "cluster", "public") for path in (WEB / folder).rglob("*") if path.is_file()
    ]
    sources += [
        WEB / name
        for name in (
            "index.html",
            "package-lock.json",
            "package.json",
            "vite.config.ts",
            "vite.cluster.config.ts",
            "vite.live.config.ts",
            "tsconfig.json",
        )
    ]
    return max(path.stat().st_mtime for path in sources) <= built.stat().st_mtime
