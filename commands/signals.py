"""How a command is told to end: by SIGTERM, SIGINT or SIGHUP, and at once by a second one."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from miso.commands.log_output import LogOutput

logger = logging.getLogger("miso")


def stop_by_signals(output: LogOutput, end_at_once: Callable[[], None] = lambda: None) -> asyncio.Event:
    """Handles them from now on, within an event loop.

    Args:
        output: What has been logged is written before the process ends at once.
        end_at_once: Called by a second signal, after which the process ends without more ado.

    Returns:
        Set by the first signal: the command is to end.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            logger.warning("%s again: ending at once", number.name)
            end_at_once()
            output.close()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        logger.info("%s: ending", number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, on_signal, number)
    return stop
