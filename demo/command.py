"""The ``controller`` command: reads the settings, serves, and ends cleanly on SIGTERM, SIGINT and SIGHUP."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from miso.controller import ControllerError
from miso.demo.log_output import LogOutput
from miso.demo.server import DemoServer
from miso.demo.settings import ConfigError, Settings, load, origin, unknown_names
from miso.serving.certificate import CertificateError

logger = logging.getLogger("miso.demo")

WRONG_SETTINGS = 2
FAILED = 1
MANY_DESCRIPTORS = 65_536
"""For this process, and for each worker: every connection takes one."""


def run(arguments: Sequence[str]) -> int:
    """Does what :func:`miso.demo.__main__.main` promises."""
    _fill_standard_descriptors()
    try:
        settings = load(arguments)
    except (ConfigError, ValidationError) as error:
        text = _explain(error, arguments) if isinstance(error, ValidationError) else f"controller: {error}"
        print(text, file=sys.stderr)  # noqa: T201
        return WRONG_SETTINGS
    output = LogOutput()
    logging.basicConfig(level=settings.log_level.upper(), handlers=[output])
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # a line for each connection otherwise
    for name in unknown_names():
        logger.warning("the environment's %s is no setting: passed over", name)
    _allow_many_descriptors()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings, output))
    finally:
        output.close()


async def _serve(settings: Settings, output: LogOutput) -> int:
    stop = asyncio.Event()
    server = DemoServer(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, _on_signal, number, stop, server, output)
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except asyncio.CancelledError:
        return 0
    except (CertificateError, ControllerError, TypeError, OSError) as error:
        stopping.cancel()
        logger.error("cannot start: %s", error)
        return FAILED
    # What is here now stays. Without it there is little to look at, so what rooms leave behind is looked for often.
    gc.collect()
    gc.freeze()
    _announce(server)
    await stopping
    await server.close()
    return 0


def _on_signal(number: signal.Signals, stop: asyncio.Event, server: DemoServer, output: LogOutput) -> None:
    if stop.is_set():
        logger.warning("%s again: ending at once", number.name)
        server.kill_workers()  # one that hangs would not notice that its pipes are closed
        output.close()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    logger.info("%s: ending", number.name)
    stop.set()


def _announce(server: DemoServer) -> None:
    logger.info("page and signaling: %s", "  ".join(server.urls))
    logger.info("media announced at: %s", "  ".join(address.shown for address in server.workers.addresses))


def _fill_standard_descriptors() -> None:
    """Where one is closed (``2>&-``), the next socket would get its number, and the log would be written into it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _allow_many_descriptors() -> None:
    """Raises the soft limit, which is low for the sake of programs that use select(2), to what we are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = MANY_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MANY_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < many:
        resource.setrlimit(resource.RLIMIT_NOFILE, (many, hard))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _explain(error: ValidationError, arguments: Sequence[str]) -> str:
    lines = []
    for problem in error.errors():
        setting, *deeper = [str(part) for part in problem["loc"]] or [""]
        place = origin(setting, arguments) if setting else "settings"
        lines.append(f"controller: {'.'.join([place, *deeper])}: {_problem(problem)}")
    return "\n".join([*lines, "controller --help explains every setting"])


def _problem(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such setting"
    if problem["type"] == "path_type":
        return "should be a path"
    # pydantic's words, which speak of an input and of the kind of exception
    text = problem["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "should be", 1)
