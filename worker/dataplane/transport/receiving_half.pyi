"""Types of ``receiving_half.pyx``: whose packets a transport's are. Only other compiled modules use it."""

from miso.worker.dataplane.plane import Plane

class ReceivingHalf:
    """What producers and their streams know of their transport."""

    def __init__(self, plane: Plane) -> None: ...
