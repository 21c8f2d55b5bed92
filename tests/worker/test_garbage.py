"""The garbage collector of a worker does not look at what stays."""

from __future__ import annotations

import re
import subprocess
import sys
import time

from miso.worker.channel import commands
from miso.worker.channel.bodies.worker import CloseRouterRequest, CreateRouterRequest
from miso.worker.garbage import LEAST_FREEZINGS
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


def test_all_is_looked_at_a_moment_after_the_last_router_has_closed() -> None:
    looks = []
    for waits_s in (0.0, 1.5):
        with WorkerClient([sys.executable, "-c", WATCHED]) as client:
            client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="one"))
            client.request(commands.ROUTER_CLOSE, {}, CloseRouterRequest(router_id="one"))
            time.sleep(waits_s)
            client.request(commands.WORKER_DUMP, {})
            client.send_request(commands.WORKER_CLOSE, {})
            client.wait_for_exit()
            looks.append(client.stderr().count("collecting generation 2"))
    assert looks[0] < looks[1]  # the answer did not wait for it


GROWING = """
import gc, weakref
from miso.worker.garbage import LEAST_FREEZINGS, Garbage

class Cycle:
    def __init__(self):
        self.itself = self

soon = []
garbage = Garbage(soon.append)
garbage.freeze_what_stays()
modules = gc.get_freeze_count()
kept, freezings, looked_at = [], 0, []

def grow(times):
    global freezings
    until = freezings + times
    while freezings < until:
        kept.append([])
        if soon:
            looked_at.append(sum(len(gc.get_objects(generation)) for generation in range(3)))
            soon.pop()()
            assert not soon
            freezings += 1

cycle = Cycle()
left = weakref.ref(cycle)
grow(1)
assert modules + 1_500 < gc.get_freeze_count() < modules + 3_000
del cycle
gc.collect()
assert left() is not None  # it is not looked at
grow(LEAST_FREEZINGS - 2)
assert left() is not None
grow(1)
assert left() is None
assert max(looked_at) < 3_000 < 300_000 < len(kept)
cycle = Cycle()
left = weakref.ref(cycle)
grow(2)
del cycle
gc.collect()
assert left() is not None
garbage.collect_unwatched()
assert left() is None
print("done")
"""


CHURNING = """
import gc
from miso.worker.garbage import LEAST_FREEZINGS, OBJECTS_OF_LOOK, Garbage

soon, looks = [], [0, 0, 0]
garbage = Garbage(soon.append)
garbage.freeze_what_stays()
def count(phase, about):
    looks[about["generation"]] += phase == "stop"

gc.callbacks.append(count)
for _ in range(3 * LEAST_FREEZINGS):
    kept = [[] for _ in range(3 * OBJECTS_OF_LOOK)]  # and those of before are gone
    while soon:
        soon.pop()()
print(*looks)
"""


def test_who_leaves_and_comes_again_makes_nobody_look_at_all() -> None:
    told = subprocess.run([sys.executable, "-c", CHURNING], capture_output=True, text=True, timeout=60, check=False)
    young, _, everything = map(int, told.stdout.split())
    assert young >= 3 * LEAST_FREEZINGS
    assert everything == 0


def test_what_has_survived_is_looked_at_again_when_as_much_has_come() -> None:
    told = subprocess.run([sys.executable, "-c", GROWING], capture_output=True, text=True, timeout=60, check=False)
    assert told.stdout == "done\n", told.stderr
