"""Which host a client is sent to when the one that it came to drains or is full: a near one, and one with room."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from miso.cluster.facts import NodeFact, WorkerLoad
from miso.cluster.placement.choice import RandomSource, less_loaded
from miso.cluster.placement.expected import ExpectedLoad
from miso.cluster.placement.settings import DEFAULT_PLACEMENT, PlacementSettings

_HOST_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")


class HostChooser:
    """Chooses among the other hosts, and keeps in mind whom it sent where.

    What the others say of their load is late, and clients that are sent somewhere arrive after a moment: each counts
    with its expected cost until the host it was sent to has said something new.
    """

    def __init__(self, random: RandomSource, settings: PlacementSettings = DEFAULT_PLACEMENT) -> None:
        """Makes a chooser for one host.

        Args:
            random: Chance.
            settings: What full is, and what a client costs.
        """
        self._random = random
        self._settings = settings
        self._sent: dict[str, ExpectedLoad] = {}
        self._said: dict[str, list[WorkerLoad]] = {}
        """What each node said of its workers when it was last looked at."""
        self._count = 0

    def choose(
        self,
        nodes: Iterable[NodeFact],
        here: NodeFact,
        now_s: float,
        *,
        region: str | None = None,
        hops: int = 0,
        passed: Collection[str] = (),
    ) -> NodeFact | None:
        """Chooses where a client goes; it counts as sent there.

        A host that drains sends to any other that is not full, to a full one only when all are: it will be gone. One
        that is full sends to one that has less by ``gain``. Of these the nearest regions come first: ``eu-west-2`` is
        nearer to ``eu-west-1`` than ``eu-north-1`` is, and that nearer than ``us-east-1``, since they have more
        leading parts in common.

        Args:
            nodes: All nodes that live; ``here`` may be among them.
            here: The node that the client came to.
            now_s: A monotonic clock, in seconds.
            region: Where the client is, when that is known; else it is taken to be in the region of ``here``.
            hops: How often it was sent from host to host before.
            passed: Names of hosts that it comes from: it is not sent there again.

        Returns:
            The node, whose ``url`` the client is told; None when it stays: ``here`` has room, no other is better, or it
            was sent often enough.
        """
        loads = self._loads(nodes, now_s)
        own = min((_load(worker, self._settings) for worker in here.workers), default=float("inf"))
        if hops >= self._settings.most_hops or (not here.draining and own < self._settings.full_at):
            return None
        others = [
            (node, load)
            for node, load in loads
            if node.node != here.node and node.name not in passed and not node.draining and is_web_url(node.url)
        ]
        limit = self._settings.full_at if here.draining else min(self._settings.full_at, own - self._settings.gain)
        fitting = [(node, load) for node, load in others if load < limit] or (others if here.draining else [])
        if not fitting:
            return None
        region = here.region if region is None else region
        nearest = max(nearness(node.region, region) for node, _ in fitting)
        chosen, _ = less_loaded(
            [(node, load) for node, load in fitting if nearness(node.region, region) == nearest],
            self._random,
            lambda candidate: candidate[1],
        )
        self._count += 1
        cost = self._settings.sender_cost / len(chosen.workers)
        self._sent.setdefault(chosen.node, ExpectedLoad(self._settings.settle_s)).add(self._count, cost, now_s)
        return chosen

    def _loads(self, nodes: Iterable[NodeFact], now_s: float) -> list[tuple[NodeFact, float]]:
        """What each has: the mean of its workers, or what the least loaded has if that is full; and who is sent."""
        loads = []
        said: dict[str, list[WorkerLoad]] = {}
        for node in nodes:
            said[node.node] = node.workers
            sent = self._sent.get(node.node)
            if sent is not None and self._said.get(node.node) != node.workers:
                sent.reported(now_s)
            if node.workers:
                each = [_load(worker, self._settings) for worker in node.workers]
                load = min(each) if min(each) >= self._settings.full_at else sum(each) / len(each)
                loads.append((node, load + (sent.total if sent is not None else 0.0)))
        self._said = said
        self._sent = {node: sent for node, sent in self._sent.items() if node in said and len(sent)}
        return loads


def is_web_url(url: str) -> bool:
    """Whether a browser can be sent there: an absolute ``http`` or ``https`` URL of one host.

    Its host also stands in the page's Content-Security-Policy, where ``*`` would mean every host, and ``;`` would begin
    what else is allowed.
    """
    try:
        parts = urlsplit(url)
        host, has_port = parts.hostname or "", parts.port != 0
        if ":" in host:
            ipaddress.IPv6Address(host)
        elif not _HOST_NAME.fullmatch(host):
            return False
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_port and "@" not in parts.netloc and url.isprintable()


def _load(worker: WorkerLoad, settings: PlacementSettings) -> float:
    return max(worker.cpu, worker.packets_per_s / settings.full_packets_per_s)


def nearness(region: str, other: str) -> int:
    """How many leading parts two regions have in common; all of them and one more when they are the same."""
    if region == other:
        return region.count("-") + 2
    common = 0
    for part, other_part in zip(region.split("-"), other.split("-"), strict=False):
        if not part or part != other_part:
            break
        common += 1
    return common
