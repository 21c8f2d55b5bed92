"""Types of ``unknown.pyx``: packets that no stream of a transport has claimed. Only ``transport.pyx`` uses it."""

from worker.dataplane.egress import Plane

class UnknownSources:
    """Packets whose producer control must find: reported as UnknownSsrc, none twice that says the same."""

    def __init__(self, plane: Plane) -> None: ...
