"""What every event of the plane is about."""

from __future__ import annotations

from typing import Protocol, TypeVar

Owner_co = TypeVar("Owner_co", covariant=True)


class Owned(Protocol[Owner_co]):
    """An object of the plane, to which the events are passed on that are about it."""

    @property
    def owner(self) -> Owner_co | None:
        """What control has put there; None: what comes for the object is dropped."""

    def __hash__(self) -> int: ...  # objects of the plane are told apart by identity
