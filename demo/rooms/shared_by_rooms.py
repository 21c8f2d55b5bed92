"""What all rooms of a server share: media workers, settings, metrics, limits, network throttle, live streams."""

from __future__ import annotations

from dataclasses import dataclass

from miso.cluster.directory.directory import Directory
from miso.cluster.shard.settings import ShardSettings
from miso.demo.hosts.moving import Moving
from miso.demo.limits.per_address import AddressLimits
from miso.demo.metrics import Metrics
from miso.demo.rooms.live_streams import LiveStreams
from miso.demo.settings import Settings
from miso.demo.workers.media_workers import MediaWorkers
from miso.demo.workers.network_throttle import NetworkThrottle
from miso.protoo import SendQueues


@dataclass(frozen=True, slots=True)
class SharedByRooms:
    """The server as a room sees it.

    Attributes:
        workers: Where media is done.
        directory: What all servers of the cluster have of their rooms; of this one alone when there is no other.
        shard_settings: How the parts of rooms are joined.
        moving: Which other servers clients are sent to.
        settings: The server's settings.
        metrics: What operators see.
        limits: What each address may have.
        unsent: What waits for clients that read slowly.
        throttle: Makes the network worse.
        live_streams: What people may do with live streams.
    """

    workers: MediaWorkers
    directory: Directory
    shard_settings: ShardSettings
    moving: Moving
    settings: Settings
    metrics: Metrics
    limits: AddressLimits
    unsent: SendQueues
    throttle: NetworkThrottle
    live_streams: LiveStreams
