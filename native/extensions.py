"""Rebuilds the compiled modules that were built from something else than what is here now.

``pytest``, ``make build`` and pip all come here. The list of extensions is the one in ``pyproject.toml``; a lock keeps
two of them from compiling into each other.

Contents decide, not times: a checkout or rebase can bring an edit that is older than what was built before it. Beside
each compiled module lies a stamp: a hash of all it was built from (source, the declarations it includes, settings,
versions) and one of the module itself. A second environment of the same Python finds the modules as they are. ``CC``
and ``CFLAGS`` of the environment are no part of it: a shell without them builds nothing anew.

With ``MISO_SANITIZE=1`` in the environment the modules are built with AddressSanitizer and UndefinedBehaviorSanitizer.
Those are other settings, so that either kind of build replaces the other. Such a module loads only into a process that
has ``libasan`` preloaded: ``python -m tests.sanitizers COMMAND …`` builds them and runs a command that way.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import itertools
import json
import os
import re
import subprocess
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from native.compiler import COMPILER_FLAGS, Job

ROOT = Path(__file__).resolve().parent.parent
SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")
SCRATCH = "build/native"
"""Where the C files go, below the root."""

# What UBSan finds ends the process like what ASan finds. The -fwrapv of Python's own flags would hide signed overflow;
# without it a byte that is shifted into the sign bit, which every gcc does as one means it, would be reported too.
SANITIZE_ARGS = ("-fsanitize=address,undefined", "-fno-sanitize=shift-base", "-fno-sanitize-recover=all")
SANITIZED: dict[str, Any] = {
    "extra-compile-args": [*SANITIZE_ARGS, "-fno-omit-frame-pointer", "-fno-wrapv", "-O1", "-g1"],
    "extra-link-args": [*SANITIZE_ARGS],
}

_CIMPORT_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+cimport\s+(\([^)]*\)|[^\n#]+)", re.MULTILINE)
_CIMPORT = re.compile(r"^\s*cimport\s+([^\n#]+)", re.MULTILINE)
_INCLUDE = re.compile(r"""^\s*#?include\s+["']([^"']+)["']""", re.MULTILINE)
_EXTERN = re.compile(r"""^\s*cdef extern from\s+["']([^"']+)["']""", re.MULTILINE)


class Extensions:
    """The compiled modules of a source tree, as it is at one moment: what was read once is not read again.

    Attributes:
        root: Where ``pyproject.toml`` is.
        tools: What builds them; another version builds other modules.
        sanitize: Whether they are built to find their own errors of memory and arithmetic.
        measuring: Whether it is about those of ``bench/``, which are no part of the distribution.
    """

    def __init__(self, root: Path = ROOT, *, sanitize: bool | None = None, measuring: bool = False) -> None:
        self.root = root
        self.measuring = measuring
        self.sanitize = os.environ.get("MISO_SANITIZE") == "1" if sanitize is None else sanitize
        self.tools = (
            sys.version,
            importlib.metadata.version("cython"),
            " ".join(COMPILER_FLAGS),
        )
        self._includes: dict[Path, list[Path]] = {}
        self._hashes: dict[Path, str] = {}

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Module name → its entry in ``[tool.setuptools] ext-modules``; the shared one has no sources."""
        if self.measuring:
            modules = list(self._tool["miso"]["measuring-modules"])
        else:
            modules = list(self._tool["setuptools"].get("ext-modules", []))
        if self.shared and not self.measuring:
            modules.insert(0, {"name": self.shared, "sources": []})
        if self.sanitize:
            modules = [
                module | {key: [*module.get(key, []), *arguments] for key, arguments in SANITIZED.items()}
                for module in modules
            ]
        return {module["name"]: module for module in modules}

    @cached_property
    def _tool(self) -> dict[str, Any]:
        tool: dict[str, Any] = tomllib.loads((self.root / "pyproject.toml").read_text())["tool"]
        return tool

    @cached_property
    def shared(self) -> str:
        """The module with what Cython's code for all the others has in common (``[tool.miso] shared-module``)."""
        return str(self._tool.get("miso", {}).get("shared-module", ""))

    def built(self, name: str) -> Path:
        """Where the compiled module belongs."""
        return self.root / (name.replace(".", "/") + SUFFIX)

    def inputs(self, name: str) -> list[Path]:
        """The files that a module is built from: its sources, and every declaration that these include in turn."""
        found: dict[Path, None] = {}
        waiting = [self.root / source for source in self.settings[name]["sources"]]
        waiting += [source.with_suffix(".pxd") for source in waiting]
        while waiting:
            path = waiting.pop()
            if path not in found and path.is_file():
                found[path] = None
                if path not in self._includes:
                    self._includes[path] = list(self._included(path))
                waiting += self._includes[path]
        return sorted(found)

    def stale(self) -> list[str]:
        """The modules that are missing, or do not fit their stamps."""
        return [name for name in self.settings if self._stamped(name) != self._made_from(name) + self._made(name)]

    def build(self) -> list[str]:
        """Compiles what is stale, in place; gives its names.

        Raises:
            SystemExit: With the compiler's own words, or with the sources that are missing.
        """
        sources = [source for module in self.settings.values() for source in module["sources"]]
        missing = [source for source in sources if not (self.root / source).is_file()]
        if missing:
            linked = " (a copy of this tree must keep its symbolic links, which a zip file loses)"
            raise SystemExit(f"{missing[0]} is missing{linked if missing[0].startswith('miso/') else ''}")
        with open(self.root / ".build.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._remove_abandoned()
            stale = self.stale()
            if not stale:
                return []
            failures = self._compile({name: self._made_from(name) for name in stale})  # an edit from here on is new
            if failures:
                raise SystemExit("the compiled modules do not build:\n" + "\n".join(failures))
            return stale

    def _remove_abandoned(self) -> None:
        """Takes away what was built of modules that are no more: they could still be imported."""
        tops = {name.partition(".")[0] for name in self.settings}
        kept = {self._stamp_path(name).resolve() for name in self.settings}
        for top in tops:
            for folder, _, files in os.walk(self.root / top, followlinks=True):
                stamps = {Path(folder, file).resolve() for file in files if file.endswith(f"{SUFFIX}.stamp")}
                for stamp in stamps - kept:
                    stamp.with_suffix("").unlink(missing_ok=True)
                    stamp.unlink()

    def _compile(self, made_from: dict[str, str]) -> list[str]:
        """Compiles side by side, what takes longest first; gives the complaints of the first that failed.

        Each module gets its stamp when it is done: a build that is interrupted goes on from there.
        """
        names = sorted(made_from, key=lambda name: (name != self.shared, -sum(map(_size, self.inputs(name)))))
        jobs, done, failures = iter([self._job(name) for name in names]), itertools.count(1), list[str]()
        lock = threading.Lock()

        def work() -> None:
            command = [sys.executable, "-m", "native.compiler"]
            # pip gives the compiler that it has fetched to its build by PYTHONPATH
            paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
            with subprocess.Popen(
                command, cwd=self.root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as compiler:
                while True:
                    with lock:
                        job = None if failures else next(jobs, None)
                    if job is None:
                        compiler.communicate()
                        return
                    said = _ask(compiler, job)
                    with lock:
                        if said:
                            failures.append(f"{job.name}: {said}")
                        else:
                            self._stamp_path(job.name).write_text(made_from[job.name] + self._made(job.name))
                        sys.stderr.write(f"compiled {next(done)} of {len(names)}: {job.name}\n")

        workers = [threading.Thread(target=work) for _ in range(min(len(names), len(os.sched_getaffinity(0))))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return failures

    def _job(self, name: str) -> Job:
        module = self.settings[name]
        return Job(
            name=name,
            source=module["sources"][0] if module["sources"] else "",
            built=str(self.built(name)),
            scratch=f"{SCRATCH}{'-sanitized' if self.sanitize else ''}",
            shared=self.shared,
            compile_arguments=module.get("extra-compile-args", []),
            link_arguments=module.get("extra-link-args", []),
        )

    def _made_from(self, name: str) -> str:
        """All that has a part in the module."""
        inputs = self.inputs(name)
        self._hashes |= {path: _hash(path) for path in inputs if path not in self._hashes}
        files = [f"{path.relative_to(self.root)} {self._hashes[path]}" for path in inputs]
        return "\n".join([*self.tools, self.shared, json.dumps(self.settings[name], sort_keys=True), *files, ""])

    def _made(self, name: str) -> str:
        """What is there now."""
        built = self.built(name)
        return f"built {_hash(built) if built.is_file() else 'nothing'}\n"

    def _stamped(self, name: str) -> str:
        path = self._stamp_path(name)
        return path.read_text() if path.is_file() else ""

    def _stamp_path(self, name: str) -> Path:
        built = self.built(name)
        return built.with_name(f"{built.name}.stamp")

    def _included(self, path: Path) -> Iterator[Path]:
        text = path.read_text()
        for module, names in _CIMPORT_FROM.findall(text):
            yield self._declaration(module)
            # a name can be a module, too
            yield from (self._declaration(f"{module}.{name}") for name in _names(names))
        for names in _CIMPORT.findall(text):
            yield from (self._declaration(module) for module in _names(names))
        yield from (path.parent / name for name in _INCLUDE.findall(text))
        yield from (self.root / name for name in _EXTERN.findall(text))  # the system's headers are not there

    def _declaration(self, module: str) -> Path:
        return self.root / (module.replace(".", "/") + ".pxd")


def extension_modules() -> dict[str, list[Path]]:
    """Module name → its sources, from ``[tool.setuptools] ext-modules``."""
    return {name: [ROOT / source for source in module["sources"]] for name, module in Extensions().settings.items()}


def build(*, measuring: bool = False) -> None:
    """Compiles what is stale in this source tree. Raises SystemExit with the compiler's own words when that fails."""
    Extensions().build()
    if measuring:
        Extensions(measuring=True).build()


def _names(text: str) -> list[str]:
    """What a list of cimports names, without parentheses, comments and ``as``."""
    without_comments = re.sub(r"#[^\n]*", "", text).strip(" ()")
    return [part.split()[0] for part in without_comments.split(",") if part.strip()]


def _ask(compiler: subprocess.Popen[str], job: Job) -> str:
    """Has a module compiled; gives the complaints."""
    assert compiler.stdin is not None
    assert compiler.stdout is not None
    try:
        compiler.stdin.write(job.to_line() + "\n")
        compiler.stdin.flush()
        return str(json.loads(compiler.stdout.readline()))
    except (OSError, ValueError):
        return f"the compiler ended with {compiler.wait()}"


def _size(path: Path) -> int:
    return path.stat().st_size


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
