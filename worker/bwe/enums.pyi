"""Types of ``enums.pyx``: numbers that compiled modules share. What they mean stands in ``enums.pxd``."""

NORMAL: int
OVERUSE: int
UNDERUSE: int

SEND_TIME_MASK: int
SEND_TIME_US: int
SEND_TIME_TICKS: int

CLUSTERS: int
MAX_CLUSTER: int
MAX_WAITING: int
CLUSTER_MS: int

TICK_US: int
REFERENCE_TICKS: int
ARRIVALS: int
