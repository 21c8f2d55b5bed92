"""How every command begins: its settings are read, its log goes to standard error, its limits are raised."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TypeVar

from pydantic import ValidationError

from miso.commands.command_line import CommandLine, CommandSettings, ConfigError
from miso.commands.log_output import LogOutput
from miso.commands.process import allow_many_descriptors

logger = logging.getLogger("miso")

WRONG_SETTINGS = 2

S = TypeVar("S", bound=CommandSettings)


def begin(flags: CommandLine[S], arguments: Sequence[str], problems: Sequence[str] = ()) -> tuple[S, LogOutput] | None:
    """Sets the process up.

    Args:
        flags: How the command gets its settings.
        arguments: The command line without the program's name.
        problems: What else is wrong, for the log.

    Returns:
        The settings, and where log lines go, which is to be closed at the end; None: the settings are wrong, which has
        been said, and the exit code is ``WRONG_SETTINGS``.

    Raises:
        SystemExit: Only the settings' explanation was asked for, or the flags are no flags.
    """
    try:
        settings = flags.load(arguments)
    except (ConfigError, ValidationError) as error:
        print(flags.explain(error, arguments), file=sys.stderr)  # noqa: T201
        return None
    output = LogOutput()
    logging.basicConfig(level=settings.log_level.upper(), handlers=[output])
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # a line for each connection otherwise
    for name in flags.unknown_names():
        logger.warning("the environment's %s is no setting: passed over", name)
    for problem in problems:
        logger.error("%s", problem)
    allow_many_descriptors()
    return settings, output
