"""Which worker a participant is placed on: two of the fitting ones by chance, and of these the less loaded.

The least loaded of all is not taken: whoever decides by the same late reports would take the same one.
M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (IEEE TPDS 12, 10, 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from miso.cluster.placement.settings import DEFAULT_PLACEMENT, PlacementSettings

T = TypeVar("T")


class RandomSource(Protocol):
    """Chance, as ``random.Random`` has it."""

    def randrange(self, stop: int, /) -> int:
        """A number of 0 to ``stop`` - 1."""
        ...


class Candidate(NamedTuple):
    """A worker that a participant may be placed on.

    Attributes:
        worker: Which one, as its host counts them.
        load: Its share of what it can do (``LoadMeter.load``).
        has_shard: Whether the room has a shard in it.
        is_stale: Whether nothing is heard of it (``LoadMeter.is_stale``).
    """

    worker: int
    load: float
    has_shard: bool = False
    is_stale: bool = False


def choose_worker(
    candidates: Sequence[Candidate],
    random: RandomSource,
    *,
    sends: bool,
    settings: PlacementSettings = DEFAULT_PLACEMENT,
) -> int | None:
    """Chooses the worker for a room's next participant.

    The room's workers come first, while they have less than ``viewers_leave_at`` or ``senders_leave_at``; then those
    without a shard of it that have less by ``gain``; then the room's again until they are full; then whoever is not
    full. When all are full all count.

    Args:
        candidates: All workers of this host.
        random: Chance.
        sends: Whether the participant will send; else it is a viewer.
        settings: From which load on.

    Returns:
        The worker; None when there is no worker.
    """
    heard = [candidate for candidate in candidates if not candidate.is_stale] or list(candidates)
    if not heard:
        return None
    ours = [candidate for candidate in heard if candidate.has_shard]
    least = min((candidate.load for candidate in ours), default=float("inf"))
    leave_at = settings.senders_leave_at if sends else settings.viewers_leave_at
    return less_loaded(
        [candidate for candidate in ours if candidate.load < leave_at]
        or [candidate for candidate in heard if candidate.load < min(settings.full_at, least - settings.gain)]
        or [candidate for candidate in ours if candidate.load < settings.full_at]
        or [candidate for candidate in heard if candidate.load < settings.full_at]
        or heard,
        random,
        lambda candidate: candidate.load,
    ).worker


def is_full(candidates: Sequence[Candidate], settings: PlacementSettings = DEFAULT_PLACEMENT) -> bool:
    """Whether all workers of a host are full; a host without any is."""
    return all(candidate.load >= settings.full_at for candidate in candidates)


def less_loaded(fitting: Sequence[T], random: RandomSource, load: Callable[[T], float]) -> T:
    """Two different ones by chance, and of these the less loaded; of equals the first that chance named.

    Args:
        fitting: One or more.
        random: Chance.
        load: The load of one.
    """
    first = random.randrange(len(fitting))
    if len(fitting) == 1:
        return fitting[0]
    second = (first + 1 + random.randrange(len(fitting) - 1)) % len(fitting)
    return min(fitting[first], fitting[second], key=load)
