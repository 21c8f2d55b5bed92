"""Compiles modules one after the other: ``python -m native.compiler`` reads a job a line and answers with a line each.

Cython is imported once for all of them. It writes the C file, and the C compiler makes the extension of it in two
steps, so that ccache can answer the first one. Both ends speak JSON: a :class:`Job`, and the compilers' complaints,
empty when the module was built.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path

COMPILER_FLAGS = ("-O2", "-g0")
"""Python itself may be built with ``-O3 -g``: that takes twice the time here, and the packet path gains nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """One module to compile; paths are relative to the root, which is the current directory.

    Attributes:
        name: Full name of the module.
        source: Its ``.pyx`` or ``.py``; empty: it is the module that has what Cython's code for the others shares.
        built: Where the extension belongs.
        scratch: Folder for what comes on the way.
        shared: Full name of the module with what is shared; empty: each module has all it needs.
        compile_arguments, link_arguments: For the C compiler, after all others.
    """

    name: str
    source: str
    built: str
    scratch: str
    shared: str
    compile_arguments: list[str]
    link_arguments: list[str]

    def to_line(self) -> str:
        """For the compiler's standard input."""
        return json.dumps(asdict(self))


def compiler_command() -> list[str]:
    """The C compiler with Python's own flags and ours; ``CC`` and ``CFLAGS`` of the environment have the last word."""
    flags = shlex.split(sysconfig.get_config_var("CFLAGS") or "")
    kept = [flag for flag in flags if not flag.startswith(("-O", "-g"))]
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    position = shlex.split(sysconfig.get_config_var("CCSHARED") or "-fPIC")
    return [*command, *kept, *position, *COMPILER_FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))]


def linker_command() -> list[str]:
    """What makes an extension of an object file."""
    command = shlex.split(os.environ.get("LDSHARED") or sysconfig.get_config_var("LDSHARED"))
    return [*command, *shlex.split(os.environ.get("LDFLAGS", ""))]


def compile_module(job: Job) -> str:
    """Builds a module; gives the complaints of whoever could not."""
    c_file = Path(job.scratch, f"{job.name}.c")
    c_file.parent.mkdir(parents=True, exist_ok=True)
    said = _to_c(job, c_file)
    if said:
        return said
    object_file, extension = c_file.with_suffix(".o"), c_file.with_suffix(".so")
    includes = [f"-I{sysconfig.get_path('include')}", "-I."]
    steps = (
        [*compiler_command(), *includes, *job.compile_arguments, "-c", str(c_file), "-o", str(object_file)],
        [*linker_command(), str(object_file), *job.link_arguments, "-o", str(extension)],
    )
    for step in steps:
        result = subprocess.run(step, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            return f"{shlex.join(step)}\n{result.stdout}{result.stderr}"
    object_file.unlink()
    extension.replace(job.built)  # at once: a process that has the old one open keeps it
    return ""


def _to_c(job: Job, c_file: Path) -> str:
    from Cython.Build.SharedModule import generate_shared_module
    from Cython.Compiler import Main
    from Cython.Compiler.Errors import PyrexError

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            if not job.source:
                generate_shared_module(Main.CompilationOptions(shared_c_file_path=str(c_file), module_name=job.name))
                return ""
            failed = Main.compile(
                job.source,
                full_module_name=job.name,
                output_file=str(c_file),
                compiler_directives={"auto_pickle": False},  # C that nobody calls
                shared_utility_qualified_name=job.shared or None,
            ).num_errors
    except PyrexError as error:
        return f"{said.getvalue()}{error}"
    return said.getvalue() or f"Cython cannot read {job.source}" if failed else ""


def main() -> None:
    """Works until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(compile_module(Job(**json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
