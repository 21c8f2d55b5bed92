"""npm packages that tests run against, each set installed once for all runs of the tests."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is not installed: `make test` says how to get it"
)


def install(folder: Path, package: str) -> Path:
    """Installs what ``package.json`` in a folder lists, a certain package among it, without the packages' own scripts.

    Two runs of the tests may ask at once.
    """
    with open(folder / ".setup-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / package).exists():
            command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder
