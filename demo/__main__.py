"""The ``controller`` command: reads the settings, serves, and ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import tomllib
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller import ControllerError
from demo.server import DemoServer
from demo.settings import Settings, load

logger = logging.getLogger("demo")

WRONG_SETTINGS = 2
FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until a signal ends it.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` by default.

    Returns:
        The process's exit code: 0 after a signal, 2 for wrong settings, 1 when it could not start.
    """
    try:
        settings = load(sys.argv[1:] if arguments is None else arguments)
    except (ValidationError, OSError, tomllib.TOMLDecodeError) as error:
        print(_explain(error), file=sys.stderr)  # noqa: T201
        return WRONG_SETTINGS
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s  %(message)s", stream=sys.stderr
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # a line for each connection otherwise
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, number, stop)
    server = DemoServer(settings)
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except asyncio.CancelledError:
        return 0
    except (ControllerError, TypeError, OSError) as error:
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


def _on_signal(number: signal.Signals, stop: asyncio.Event) -> None:
    if stop.is_set():
        logger.warning("%s again: ending at once", number.name)
        # the workers end by themselves when their pipes close
        sys.stderr.flush()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    logger.info("%s: ending", number.name)
    stop.set()


def _announce(server: DemoServer) -> None:
    logger.info("page and signaling: %s", "  ".join(server.urls))
    logger.info("media announced at: %s", "  ".join(address.shown for address in server.workers.addresses))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _explain(error: Exception) -> str:
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"controller: config: {error}"
    if not isinstance(error, ValidationError):
        return f"controller: {error}"
    lines = [
        f"controller: {'.'.join(str(part) for part in problem['loc']) or 'settings'}: {_problem(problem)}"
        for problem in error.errors()
    ]
    return "\n".join([*lines, "controller --help explains every setting"])


def _problem(problem: ErrorDetails) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such setting"
    # pydantic's words, which speak of an input and of the kind of exception
    text = problem["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "should be", 1)


if __name__ == "__main__":
    sys.exit(main())
