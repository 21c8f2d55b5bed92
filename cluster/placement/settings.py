"""From which load on a room goes to further workers, and what the load of a worker is reckoned from."""

from __future__ import annotations

from typing import NamedTuple


class PlacementSettings(NamedTuple):
    """When a room gets another shard. Loads are shares of what one worker can do: 0 does nothing, 1 can do no more.

    Attributes:
        viewers_leave_at: A worker with this load gets no further viewers of a room that it has, when another worker is
            less loaded by ``gain``.
        senders_leave_at: The same for who sends. It is higher: who sends from another shard needs a pipe for each of
            his streams, a viewer only for those that nobody there sees yet.
        full_at: A worker with this load gets nobody when another one has less, and a host whose workers all have it
            sends clients elsewhere.
        gain: By how much another worker must be less loaded to be worth another shard; a host, to be worth a client's
            reconnecting.
        full_packets_per_s: Packets that a worker sends each second at load 1. CPU alone does not show it: a process
            that others keep from running uses little.
        smoothing_s: The time constant of the mean of reports, in seconds.
        settle_s: How long after a participant was placed, in seconds, all that it costs shows in the mean. Until then,
            and until the next report after it, its expected cost is added.
        stale_s: A worker that reported nothing for so long, in seconds, gets nobody when another one reports.
        viewer_cost: The load that a viewer is expected to bring; the mean of those who are there, where it is more.
        sender_cost: The same of a participant that sends.
        most_hops: A client that was sent from host to host so often stays where it is.
    """

    viewers_leave_at: float = 0.3
    senders_leave_at: float = 0.6
    full_at: float = 0.9
    gain: float = 0.1
    full_packets_per_s: float = 150_000.0
    smoothing_s: float = 2.0
    settle_s: float = 5.0
    stale_s: float = 10.0
    viewer_cost: float = 0.001
    sender_cost: float = 0.005
    most_hops: int = 2


DEFAULT_PLACEMENT = PlacementSettings()
