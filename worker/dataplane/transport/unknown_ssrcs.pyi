"""Types of ``unknown_ssrcs.pyx``: packets that no stream of a transport has claimed. Only ``transport.pyx`` uses it."""

from miso.worker.dataplane.plane import Plane

class UnknownSsrcs:
    """Packets whose producer control must find: reported as UnknownSsrc, none twice that says the same."""

    def __init__(self, plane: Plane) -> None: ...
