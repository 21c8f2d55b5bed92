"""The harness's conversation over every command with the worker as a process: both dialects, every client's habits."""

import shlex
import sys

import pytest

from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import COMMANDS
from tests.harness.__main__ import CLIENTS, run

WORKER = shlex.split(f"{sys.executable} -m miso.worker")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("dialect", Dialect)
def test_every_command_is_answered_in_its_shape(dialect, client):
    outcomes = run(WORKER, dialect, CLIENTS[client])
    assert [outcome for outcome in outcomes if outcome.wrong] == []
    said = {outcome.command for outcome in outcomes}
    names = {(command.alias if dialect is Dialect.V3_12 else None) or command.name for command in COMMANDS}
    assert names <= said
