"""What the trend of the delay says of the path (draft-ietf-rmcat-gcc-02 section 5.4)."""

from __future__ import annotations

from enum import IntEnum


class BandwidthUsage(IntEnum):
    """States of the over-use detector."""

    NORMAL = 0
    OVERUSE = 1  # a queue grows
    UNDERUSE = -1  # a queue drains
