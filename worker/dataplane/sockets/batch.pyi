"""Types of ``batch.pyx``: the packets that wait to be handed to the kernel."""

class Sender:
    """What writes packets into the batch, with a protection of its own; they count as sent from then on."""

class Batch:
    """Packets that wait in slots."""

    def __init__(self) -> None: ...

class Endpoint:
    """What packets are sent through: a UDP socket, or a TCP connection."""

    @property
    def closed(self) -> bool: ...
