"""Types of ``stun_gate.pyx``: which STUN messages control is to see."""

from miso.worker.dataplane.transport.transport import TransportPlane

class StunGate:
    """The username fragments for which messages are expected on a group of sockets.

    Of each transport's messages only so many pass (``ControlAllowance``); the others are counted and dropped.
    """

    def __init__(self) -> None: ...
    def expect(self, fragment: str, transport: TransportPlane) -> None:
        """Messages for the fragment are the transport's from now on."""
    def forget(self, fragment: str) -> None:
        """Messages for the fragment are nobody's any more."""
