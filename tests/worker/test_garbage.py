"""The garbage collector of a worker does not look at what stays."""

from __future__ import annotations

import re
import sys

from miso.worker.channel import commands
from miso.worker.channel.bodies.worker import CreateRouterRequest
from tests.harness.client import WorkerClient

WATCHED = "import gc; gc.set_debug(gc.DEBUG_STATS); from miso.worker.__main__ import main; main()"
MODULES = 10_000  # objects; all modules of a worker have several times as many


def test_a_collection_looks_at_no_module_once_a_router_was_made() -> None:
    with WorkerClient([sys.executable, "-c", WATCHED]) as client:
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="one"))
        client.request(commands.WORKER_DUMP, {})
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="two"))
        client.request(commands.WORKER_DUMP, {})
        client.send_request(commands.WORKER_CLOSE, {})
        client.wait_for_exit()
        told = client.stderr()
    frozen = [int(count) for count in re.findall(r"objects in permanent generation: (\d+)", told)]
    assert frozen[0] == 0
    assert max(frozen) > MODULES
    first = frozen.index(max(frozen))
    looked_at = re.findall(r"objects in each generation: (\d+) (\d+) (\d+)", told)[first]
    assert sum(map(int, looked_at)) < MODULES
    assert frozen[first:] == sorted(frozen[first:], reverse=True)  # what a later router brings is looked at
