"""How the process of a command is set up before its event loop runs."""

from __future__ import annotations

import asyncio
import gc
import os
import resource

MANY_DESCRIPTORS = 65_536
"""For this process, and for each worker: every connection takes one."""


def fill_standard_descriptors() -> None:
    """Where one is closed (``2>&-``), the next socket would get its number, and the log would be written into it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def allow_many_descriptors() -> None:
    """Raises the soft limit, which is low for the sake of programs that use select(2), to what we are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = MANY_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MANY_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < many:
        resource.setrlimit(resource.RLIMIT_NOFILE, (many, hard))


def freeze_what_stays() -> None:
    """Takes what is there now, all modules among it, out of the garbage collector's sight: it stays.

    Then there is little to look at, so that cycles that sessions leave behind may be looked for often. Python does so
    once a quarter more has come since the last full collection. That must therefore come after the freezing: one before
    it would let a quarter of all modules' objects pile up first, some 40,000, and what they hold with them.
    """
    gc.collect()
    gc.freeze()
    gc.collect()


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """The event loop: uvloop's, or asyncio's own (None) where there is none."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop
