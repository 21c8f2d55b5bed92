"""A world whose loop guards what it calls, as ``miso.worker.net`` does: a bug costs one timer or one wake-up."""

from __future__ import annotations

from collections.abc import Callable

from miso.worker.faults import attempt
from tests.worker.rtc.world import Address, FakeClock, FakeTimer, PolledSocket, PolledSockets, World


def _guarded(callback: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        attempt(callback, callback)

    return call


class GuardedClock(FakeClock):
    def call_later(self, delay_us: int, callback: Callable[[], None]) -> FakeTimer:
        return super().call_later(delay_us, _guarded(callback))

    def call_soon(self, callback: Callable[[], None]) -> None:
        super().call_soon(_guarded(callback))


class GuardedSocket(PolledSocket):
    def watch_readable(self, callback: Callable[[], None] | None) -> None:
        super().watch_readable(None if callback is None else _guarded(callback))


class GuardedSockets(PolledSockets):
    kind = GuardedSocket

    def listen_tcp(
        self, ip: str, port: int | None, on_connection: Callable[[PolledSocket, Address], Callable[[], None]]
    ) -> PolledSocket:
        def take(connection: PolledSocket, address: Address) -> Callable[[], None]:
            readers: list[Callable[[], None]] = []
            if attempt(connection, lambda: readers.append(on_connection(connection, address))):
                return _guarded(readers[0])
            connection.close()
            return lambda: None

        return super().listen_tcp(ip, port, take)


def guarded_world() -> World:
    return World(GuardedClock(), GuardedSockets())
