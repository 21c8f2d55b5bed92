"""A receiver behind a narrow link, with the worker as a process, in real time and over the channel."""

from __future__ import annotations

import select
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.consumer import ConsumerDump
from miso.worker.channel.bodies.router import CreatePlainTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, PlainTransportDump, TransportStats
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted
from miso.worker.channel.commands import Command
from tests.harness.client import WorkerClient
from tests.patience import PATIENCE_S
from tests.scenarios.camera import Camera
from tests.scenarios.encoding import simulcast_encodings
from tests.scenarios.network import Path
from tests.scenarios.reporter import Reporter
from tests.scenarios.scene import Endpoint
from tests.scenarios.simulcast import simulcast_options, simulcast_parameters
from tests.scenarios.viewer import Viewer
from tests.worker.rtc.parameters import produce_body

WORKER = shlex.split(f"{sys.executable} -m miso.worker")
LAYERS_BPS = (100_000, 300_000, 900_000)
SSRC = 7000
WIDE, NARROW = 2_000_000, 500_000
ATTEMPTS = 4
"""A machine that stands still holds up packets, too, as a narrow way does: the best of these counts."""


class Live:
    """Endpoints of one worker in real time: like ``Scene``, with a process on the other side."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client
        self._endpoints: list[Endpoint] = []
        self._request(commands.WORKER_CREATE_ROUTER, {"routerId": "router"}, CreateRouterRequest(router_id="router"))

    @property
    def now_us(self) -> int:
        return time.monotonic_ns() // 1000

    def ntp(self) -> int:
        return (time.time_ns() << 32) // 1_000_000_000 + (2_208_988_800 << 32)

    def _request(self, command: Command[Any, Any], internal: dict[str, str], body: Any = None) -> Any:
        reply = self._client.request(command, internal, body)
        assert isinstance(reply, Accepted), reply
        return reply.data

    def connect(self, name: str, to: Path, back: Path) -> Endpoint:
        options = {"transportId": name, "listenIp": {"ip": "127.0.0.1"}}
        ids = {"routerId": "router", "transportId": name}
        made = self._request(
            commands.ROUTER_CREATE_PLAIN_TRANSPORT, ids, msgspec.convert(options, CreatePlainTransportRequest)
        )
        dump = msgspec.convert(made, PlainTransportDump)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self._request(commands.TRANSPORT_CONNECT, ids, ConnectRequest(ip="127.0.0.1", port=sock.getsockname()[1]))
        endpoint = Endpoint(cast("Any", self), cast("Any", None), sock, ("127.0.0.1", dump.tuple.local_port))
        endpoint.to_worker, endpoint.from_worker = to, back
        self._endpoints.append(endpoint)
        return endpoint

    def produce(self, transport: str, parameters: dict[str, Any]) -> None:
        ids = {"routerId": "router", "transportId": transport, "producerId": "producer"}
        self._request(commands.TRANSPORT_PRODUCE, ids, produce_body("producer", parameters=parameters))

    def consume(self, transport: str, options: dict[str, Any]) -> None:
        ids = {"routerId": "router", "transportId": transport, "producerId": "producer", "consumerId": "consumer"}
        body = {"consumerId": "consumer", "producerId": "producer", "kind": "video", **options}
        self._request(commands.TRANSPORT_CONSUME, ids, msgspec.convert(body, ConsumeRequest))

    def layer(self, transport: str) -> int:
        """The current spatial layer of the consumer."""
        ids = {"routerId": "router", "transportId": transport, "consumerId": "consumer"}
        layer = msgspec.convert(self._request(commands.CONSUMER_DUMP, ids), ConsumerDump).current_spatial_layer
        assert layer is not None
        return layer

    def stats(self, transport: str) -> TransportStats:
        ids = {"routerId": "router", "transportId": transport}
        return msgspec.convert(self._request(commands.TRANSPORT_GET_STATS, ids), list[TransportStats])[0]

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Media flows; whether ``until`` (asked ten times a second) came true before the time was over."""
        end_us = self.now_us + int(seconds * 1e6)
        ask_us = self.now_us
        sockets = [endpoint.socket for endpoint in self._endpoints]
        while self.now_us < end_us:
            for endpoint in self._endpoints:
                for actor in endpoint.actors:
                    actor.tick(self.now_us)
                endpoint.deliver()
            select.select(sockets, [], [], 0.001)
            for endpoint in self._endpoints:
                endpoint.collect()
            if self.now_us >= ask_us:
                ask_us = self.now_us + 100_000
                if until():
                    return True
        return False

    def close(self) -> None:
        for endpoint in self._endpoints:
            endpoint.socket.close()


@pytest.fixture
def live() -> Iterator[Live]:
    with WorkerClient(WORKER) as client:
        live = Live(client)
        yield live
        live.close()


def test_receiver_behind_500_kbit_falls_to_a_lower_layer_and_is_back_at_the_top(live: Live) -> None:
    encodings = simulcast_encodings(LAYERS_BPS)
    camera = Camera(live.connect("camera", Path(), Path()), encodings)
    live.produce("camera", simulcast_parameters(encodings, temporal_layers=1))
    way = Path(delay_ms=25, rate_bps=WIDE, queue_ms=400)
    endpoint = live.connect("viewer", Path(delay_ms=25), way)
    live.consume("viewer", simulcast_options(3, SSRC, temporal_layers=1, managed=True))
    sent = SimpleNamespace(ssrc=SSRC, rtx_ssrc=SSRC + 1000)
    viewer = Viewer(endpoint, cast("Any", SimpleNamespace(rtp_parameters=SimpleNamespace(encodings=[sent]))))
    reporter = Reporter(endpoint)

    assert live.run(PATIENCE_S, lambda: live.layer("viewer") == 2), live.stats("viewer")
    live.run(3)
    seen: list[list[str]] = []
    while len(seen) < ATTEMPTS and (not seen or seen[-1]):
        assert live.run(PATIENCE_S, lambda: live.layer("viewer") == 2), (seen, live.stats("viewer"))
        seen.append(narrowed(live, way, viewer))
    assert not seen[-1], (seen, live.stats("viewer"))
    assert live.stats("viewer").probation_bytes_sent >= reporter.probation_bytes > 0
    assert camera.frames > 0


def narrowed(live: Live, way: Path, viewer: Viewer) -> list[str]:
    """Makes the way narrow and wide again; what is not as it should be."""
    faults: list[str] = []

    def expect(holds: bool, what: str) -> None:
        if not holds:
            faults.append(what)

    began_us = live.now_us
    way.rate_bps = NARROW
    expect(live.run(5, lambda: 0 <= live.layer("viewer") < 2), "no lower layer within 5 s")
    live.run(8)
    expect(live.run(5, lambda: live.layer("viewer") in (0, 1)), "no lower layer after 8 s more")
    available = live.stats("viewer").available_outgoing_bitrate
    expect(available is not None and 100_000 <= available <= 1.1 * NARROW, f"{available} bit/s are estimated")
    way.rate_bps = WIDE
    expect(live.run(20, lambda: live.layer("viewer") == 2), "not the top layer within 20 s")
    freeze_ms = viewer.longest_freeze_ms(began_us)
    expect(freeze_ms < 1_000, f"frozen for {freeze_ms} ms")
    return faults
