"""Counts the Python objects that are made, those too that are gone before anybody looks."""

from __future__ import annotations

import ctypes
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

_SOURCE = """
#include <Python.h>

static PyMemAllocatorEx interpreters;
static unsigned long long count;

static void *count_malloc(void *context, size_t size) {
    count++;
    return interpreters.malloc(context, size);
}

static void *count_calloc(void *context, size_t number, size_t size) {
    count++;
    return interpreters.calloc(context, number, size);
}

void begin(void) {
    PyMemAllocatorEx counting;
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &interpreters);
    counting = interpreters;
    counting.malloc = count_malloc;
    counting.calloc = count_calloc;
    count = 0;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &counting);
}

unsigned long long end(void) {
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &interpreters);
    return count;
}
"""


@cache
def _library() -> ctypes.PyDLL:
    with TemporaryDirectory() as folder:
        source, built = Path(folder, "allocations.c"), Path(folder, "allocations.so")
        source.write_text(_SOURCE)
        compiler = shlex.split(sysconfig.get_config_var("CC"))
        include = f"-I{sysconfig.get_path('include')}"
        subprocess.run([*compiler, "-shared", "-fPIC", "-O1", include, str(source), "-o", str(built)], check=True)
        library = ctypes.PyDLL(str(built))
    library.begin.restype = None
    library.end.restype = ctypes.c_ulonglong
    return library


class Allocations:
    """How many there were while it was watched."""

    count = 0


@contextmanager
def counted() -> Iterator[Allocations]:
    """Counts what the interpreter's object allocator is asked for; objects on its free lists do not count."""
    library = _library()
    result = Allocations()
    library.begin()
    try:
        yield result
    finally:
        result.count = library.end()
