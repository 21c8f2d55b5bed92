"""Bodies of ``rtpObserver.*``."""

from __future__ import annotations

from .base import Body, ObjectId


class ObservedProducerRequest(Body, frozen=True, kw_only=True):
    """The producer to add to or remove from the observer."""

    producer_id: ObjectId
