"""Types of ``wake_up.pyx``: what the event loop calls when a descriptor is ready."""

from collections.abc import Callable

class WakeUp:
    """Does the same each time; a fault costs the one time that meets it (``miso.worker.faults``)."""

    @property
    def failures(self) -> int:
        """How often in a row it has failed."""
    def __init__(
        self,
        about: object,
        work: Callable[[], object],
        on_failure: Callable[[WakeUp], object] | None = None,
        failures: int = 0,
    ) -> None:
        """``work`` is about this object, whose class and id are logged; after a fault ``on_failure`` gets this one."""
    def run(self) -> None:
        """For the event loop."""
