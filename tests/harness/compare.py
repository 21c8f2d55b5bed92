"""``python -m tests.harness.compare --other-bin PATH``: where two workers differ in what they say to one controller.

Both hold the harness's conversation. What each says, replies and events in their order, is written down without what
differs by nature (ports, keys, times); refusals count by their kind, the words are each worker's own.
"""

from __future__ import annotations

import argparse
import difflib
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from miso.worker.channel.client_codec import Accepted, Message, Notification, Refused
from miso.worker.channel.codec import Dialect
from miso.worker.channel.commands import Command
from tests.harness.client import WorkerClient
from tests.harness.conversation import Conversation

_BY_NATURE = frozenset(
    {
        "pid",
        "timestamp",
        "port",
        "localPort",
        "remotePort",
        "keyBase64",
        "usernameFragment",
        "localIceUsernameFragment",
        "password",
        "tupleHash",
        "bytesReceived",  # SCTP's chunks
        "bytesSent",
        "sctpBufferedAmount",
    }
)
_IN_NO_ORDER = ("Ids", "Handlers", "fingerprints", "localIceUsernameFragments", "codecs")


class RecordingClient(WorkerClient):
    """Writes down what the worker says.

    Attributes:
        record: One line per request, reply and event.
    """

    record: list[str]

    def request(self, command: Command[Any, Any], internal: Mapping[str, str], body: Any = None) -> Accepted | Refused:
        """As ``WorkerClient``."""
        self.record.append(f"> {command.name} {'/'.join(internal.values())}")
        return super().request(command, internal, body)

    def next_message(self) -> Message:
        """As ``WorkerClient``."""
        message = super().next_message()
        if isinstance(message, Accepted):
            self.record.append(f"< {normalized(message.data)}")
        elif isinstance(message, Refused):
            self.record.append(f"< {message.error}")
        elif isinstance(message, Notification) and message.event != "running":
            self.record.append(f"* {message.target_id} {message.event} {normalized(message.data)}")
        return message


def normalized(data: object) -> str:
    """Data of a reply or event, without what differs by nature."""
    return json.dumps(_normalized("", data), sort_keys=True)


def _normalized(key: str, data: object) -> object:
    if key.startswith("ru_") or key.lower().endswith("bitrate") or (key in _BY_NATURE and data is not None):
        return "…"
    if isinstance(data, dict):
        if data.keys() == {"algorithm", "value"}:
            return data["algorithm"]
        return {name: _normalized(name, value) for name, value in data.items()}
    if isinstance(data, list):
        items = [_normalized(key, item) for item in data]
        return sorted(items, key=str) if key.endswith(_IN_NO_ORDER) else items
    return data


def converse(worker_bin: Sequence[str], dialect: Dialect) -> list[str]:
    """What a worker says in the conversation."""
    with RecordingClient(worker_bin, dialect, wait=False) as client:
        client.record = []
        client.wait_until_running()
        for _ in Conversation(client).hold():
            pass
        return client.record


def differences(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """A unified diff of two records."""
    return list(difflib.unified_diff(one, other, "worker-bin", "other-bin", lineterm="", n=2))


def main() -> int:
    """Prints the differences per dialect; 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.compare", description=__doc__)
    parser.add_argument("--worker-bin", default=f"{sys.executable} -m miso.worker", help="command line of a worker")
    parser.add_argument("--other-bin", required=True, help="command line of the worker to compare it with")
    parser.add_argument("--dialect", choices=["3.10", "3.12", "both"], default="both")
    options = parser.parse_args()
    found = False
    for dialect in Dialect if options.dialect == "both" else [Dialect(options.dialect)]:
        records = [converse(shlex.split(binary), dialect) for binary in (options.worker_bin, options.other_bin)]
        lines = differences(*records)
        print(f"dialect {dialect.value}: {len(records[0])} lines, {'no difference' if not lines else 'different'}")
        print("\n".join(lines))
        found = found or bool(lines)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
