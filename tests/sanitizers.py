"""Runs a command with the compiled modules watched: ``python -m tests.sanitizers [COMMAND …]``.

The modules are built with AddressSanitizer and UndefinedBehaviorSanitizer (``native/``; without a command
that is all), and the command gets the environment in which they load. Python's own allocator is put aside, so that
each object has its fence. Whatever process of the command reads or writes where it must not, or overflows, ends there
with code 1. What UBSan has to say stands on that process's stderr; ASan's reports of all processes, whose stderr may go
nowhere, are printed at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from native.extensions import Extensions

# libstdc++ because ASan looks for what throws C++ exceptions when it starts, and aborts where a library throws later.
RUNTIMES = ("libasan.so", "libubsan.so", "libstdc++.so")


def runtimes(compiler: str = "gcc") -> list[Path]:
    """Where the compiler has what sanitized modules need.

    Raises:
        SystemExit: It has none; with what is missing, and how to get it.
    """
    found = []
    for name in RUNTIMES:
        said = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
        path = Path(said.strip())
        if not path.is_absolute() or not path.exists():
            raise SystemExit(
                f"{compiler} has no {name}, which the sanitizers need. On Debian it comes with gcc and g++ (packages"
                " libgcc-12-dev, libstdc++-12-dev), on Fedora with libasan, libubsan and libstdc++-devel."
            )
        found.append(path.resolve())
    return found


def environment(reports: Path) -> dict[str, str]:
    """What a process that loads sanitized modules is started with; reports go to files in the directory."""
    options = {
        "detect_leaks": "0",  # Python keeps what it needs until it ends
        "detect_stack_use_after_return": "1",
        "allocator_may_return_null": "1",
        "print_stacktrace": "1",
        "log_path": str(reports / "report"),
    }
    said = ":".join(f"{name}={value}" for name, value in options.items())
    return os.environ | {
        "MISO_SANITIZE": "1",
        "LD_PRELOAD": " ".join(str(path) for path in runtimes()),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": said,
        "UBSAN_OPTIONS": said,
    }


def environment_of_others() -> dict[str, str]:
    """What a program that is not ours is started with: some, as curl, hang with ASan's runtime in them."""
    if not are_on():
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def are_on() -> bool:
    """Whether this process was started so: then it takes a few times the time and the memory."""
    return os.environ.get("MISO_SANITIZE") == "1"


def run(command: list[str]) -> int:
    """Runs a command, prints ASan's reports, and gives its exit code, or 1 when there are some."""
    with tempfile.TemporaryDirectory(prefix="miso-sanitizers-") as directory:
        code = subprocess.run(command, env=environment(Path(directory)), check=False).returncode
        reports = sorted(Path(directory).iterdir())
        for report in reports:
            print(f"\n{report.name}:\n{report.read_text(errors='replace')}", file=sys.stderr)
        if reports:
            print(f"AddressSanitizer ended {len(reports)} processes", file=sys.stderr)
        return 1 if reports else code


def main() -> int:
    """Builds, and runs what the command line says."""
    runtimes()
    Extensions(sanitize=True).build()
    return run(sys.argv[1:]) if sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
