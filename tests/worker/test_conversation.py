"""The harness's conversation over every command, in both dialects, with the worker as a process."""

import shlex
import sys

import pytest

from tests.harness.__main__ import run
from worker.channel.codec import Dialect
from worker.channel.commands import COMMANDS

WORKER = shlex.split(f"{sys.executable} -m worker")


@pytest.mark.parametrize("dialect", Dialect)
def test_every_command_is_answered_in_its_shape(dialect):
    outcomes = run(WORKER, dialect)
    assert [outcome for outcome in outcomes if outcome.wrong] == []
    said = {outcome.command for outcome in outcomes}
    names = {(command.alias if dialect is Dialect.V3_12 else None) or command.name for command in COMMANDS}
    assert names <= said
