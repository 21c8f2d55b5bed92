"""The tool that compares two workers: what it takes for a difference."""

import shlex
import sys

from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import COMMANDS
from tests.harness.compare import converse, differences, normalized

WORKER = shlex.split(f"{sys.executable} -m miso.worker")


def test_ports_keys_and_order_of_ids_are_no_difference():
    one = {"tuple": {"localIp": "127.0.0.1", "localPort": 4000}, "consumerIds": ["a", "b"], "sendBitrate": 3}
    other = {"consumerIds": ["b", "a"], "sendBitrate": 0, "tuple": {"localIp": "127.0.0.1", "localPort": 5000}}
    assert normalized(one) == normalized(other)


def test_a_field_that_is_not_there_is_a_difference():
    assert normalized({"rtxSsrc": None}) != normalized({})
    assert normalized({"remotePort": None}) != normalized({"remotePort": 1})
    assert differences(["> worker.dump ", "< Error"], ["> worker.dump ", "< null"])


def test_writes_down_every_command_with_its_reply():
    record = converse(WORKER, Dialect.V3_12)
    asked = {line.split()[1] for line in record if line.startswith("> ")}
    sent_otherwise = {"worker.close"}
    assert asked >= {command.name for command in COMMANDS} - sent_otherwise
    assert len([line for line in record if line.startswith("< ")]) >= len(asked)
