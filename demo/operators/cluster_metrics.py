"""The cluster in numbers, at ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from miso.cluster.facts import WorkerLoad
from miso.cluster.shard.shard import FAILED_STEPS
from miso.demo.operators.cluster_report import Directory, RoomSeen


def cluster_registry(
    directory: Directory, rooms: Callable[[], Iterable[RoomSeen]], loads: Callable[[], Sequence[WorkerLoad]]
) -> CollectorRegistry:
    """The numbers, looked up when somebody asks.

    Args:
        directory: What all hosts say.
        rooms: Gives the rooms that this host has a part of.
        loads: Gives what each of this host's workers does.
    """
    registry = CollectorRegistry()
    registry.register(_ClusterCollector(directory, rooms, loads))
    return registry


class _ClusterCollector(Collector):
    def __init__(
        self, directory: Directory, rooms: Callable[[], Iterable[RoomSeen]], loads: Callable[[], Sequence[WorkerLoad]]
    ) -> None:
        self._directory = directory
        self._rooms = rooms
        self._loads = loads

    def collect(self) -> Iterable[Metric]:
        directory = self._directory
        yield GaugeMetricFamily("miso_cluster_nodes", "Hosts that live, this one included", len(directory.nodes))
        draining = sum(fact.draining for fact in directory.nodes.values())
        yield GaugeMetricFamily("miso_cluster_nodes_draining", "Hosts that take nobody new", draining)
        yield GaugeMetricFamily("miso_cluster_store_away", "1 while the store does not answer", directory.is_away)
        refused = CounterMetricFamily(
            "miso_cluster_refused", "Found in the store and not believed, by why", labels=["why"]
        )
        for why, count in directory.refused.items():
            refused.add_metric([why], count)
        yield refused
        yield CounterMetricFamily(
            "miso_cluster_failed_steps", "Steps that were to join parts of rooms, and failed", FAILED_STEPS.total
        )
        yield from self._of_rooms()
        yield from self._of_workers()

    def _of_rooms(self) -> Iterator[Metric]:
        node = self._directory.node
        shards = elsewhere = copies = sent = refused = 0
        pipes = {True: 0, False: 0}
        for room in self._rooms():
            facts = room.facts
            elsewhere += sum(seen.node != node for seen in facts.participants)
            for own in room.own.values():
                shards += 1
                for pipe in own.pipes:
                    pipes[pipe.connected] += 1
                    copies += pipe.copies
                    sent += pipe.sent
                    refused += pipe.refused
        yield GaugeMetricFamily("miso_cluster_shards", "Parts of rooms in this host's workers", shards)
        ends = GaugeMetricFamily("miso_cluster_pipes", "Ends of pipes to other parts", labels=["connected"])
        for connected, count in pipes.items():
            ends.add_metric(["yes" if connected else "no"], count)
        yield ends
        yield GaugeMetricFamily("miso_cluster_piped", "Streams and channels sent over pipes", sent)
        yield GaugeMetricFamily("miso_cluster_copies", "Streams and channels that come over pipes", copies)
        yield GaugeMetricFamily(
            "miso_cluster_pipe_refused_packets", "Packets on the pipes there are that could not be decrypted", refused
        )
        yield GaugeMetricFamily(
            "miso_cluster_participants_elsewhere", "Who is in a room of this host through another one", elsewhere
        )

    def _of_workers(self) -> Iterator[Metric]:
        cpu = GaugeMetricFamily("miso_worker_cpu", "Share of a core that a worker uses", labels=["worker"])
        packets = GaugeMetricFamily(
            "miso_worker_packets_per_second", "Packets that a worker forwards", labels=["worker"]
        )
        shards = GaugeMetricFamily("miso_worker_shards", "Parts of rooms in a worker", labels=["worker"])
        for load in self._loads():
            cpu.add_metric([str(load.worker)], load.cpu)
            packets.add_metric([str(load.worker)], load.packets_per_s)
            shards.add_metric([str(load.worker)], load.shards)
        yield from (cpu, packets, shards)
