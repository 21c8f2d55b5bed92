"""The running server: workers, rooms, ports, and their orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from miso.cluster.facts import NodeFact
from miso.commands.command_line import version
from miso.controller.types import LoopDelays
from miso.demo.broadcasters.api import BroadcasterApi
from miso.demo.broadcasters.live_api import LiveApi
from miso.demo.broadcasters.watch import BroadcasterWatch
from miso.demo.hosts.address_uses import AddressUses
from miso.demo.hosts.draining import drain
from miso.demo.hosts.joining import address_key, cluster_address, make_directory, node_name, shard_settings
from miso.demo.hosts.moving import Moving
from miso.demo.hosts.own_node import OwnNode
from miso.demo.http.app import web_app
from miso.demo.http.origins import Origins
from miso.demo.http.page_pattern import PagePattern
from miso.demo.json import Json
from miso.demo.limits.per_address import AddressLimits
from miso.demo.metrics import Metrics
from miso.demo.operators.cluster_api import ClusterApi
from miso.demo.operators.cluster_metrics import cluster_registry
from miso.demo.operators.cluster_report import RoomSeen, cluster_report
from miso.demo.operators.rooms_seen import rooms_seen
from miso.demo.rooms.bridged_rooms import BridgedRooms
from miso.demo.rooms.rooms import Rooms
from miso.demo.settings import Settings
from miso.demo.workers.addresses import check_addresses
from miso.demo.workers.media_workers import MediaWorkers
from miso.live.bridge.plugin import RoomsPlugin, with_rooms
from miso.live.engine.engine import Engine
from miso.live.engine.plugin import Plugin
from miso.live.engine.settings import LiveSettings
from miso.live.operators.operators import Operators
from miso.live.web.web import Web
from miso.protoo.log_rate_limit import LogRateLimit
from miso.serving.certificate import Certificate
from miso.serving.client_address import client_address, is_proxy
from miso.serving.http_server import HttpServer
from miso.serving.listening import Listening, listen, listen_locally

logger = logging.getLogger(__name__)


class DemoServer:
    """Serves rooms until it is closed.

    Attributes:
        workers: The media workers.
        directory: What all servers of the cluster have of their rooms.
        node: This server, as the others see it.
        moving: Which others its clients are sent to.
        rooms: The rooms.
        urls: Under which addresses the page is, once started.
        live: The live side, once started; None: there is none.

    Args:
        settings: All of them.
        live_plugins: What the live side does; empty: there is none.
    """

    def __init__(self, settings: Settings, live_plugins: Sequence[type[Plugin]] = ()) -> None:
        self._settings = settings
        self._live_plugins = live_plugins
        self.live: Engine | None = None
        self._metrics = Metrics()
        self.workers = MediaWorkers(settings)
        name = node_name(settings, socket.gethostname())
        self.directory = make_directory(settings, name)
        self._cluster_address = cluster_address(settings, self.workers.addresses)
        identity = NodeFact(
            node=self.directory.node,
            name=name,
            region=settings.region,
            version=version(),
            ip=self._cluster_address.shown,
            url=settings.public_url,
        )
        uses = AddressUses(self.directory, address_key(settings))
        limits = AddressLimits(settings, self._metrics, time.monotonic, uses.elsewhere)
        self.node = OwnNode(
            self.directory, identity, lambda: self.workers.loads.reports, self._counts, lambda: uses.own(limits)
        )
        self.moving = Moving(self.directory, self.node, self.workers.placement, random.Random())
        self.rooms = Rooms(
            self.workers,
            settings,
            self._metrics,
            self._bridges,
            self.directory,
            shard_settings(settings, self.workers.addresses),
            self.moving,
            limits,
        )
        self._broadcaster_watch = BroadcasterWatch(self.rooms, settings.broadcaster_timeout)
        self._metrics.show(self)
        loads = self.workers.loads
        self._metrics.add(cluster_registry(self.directory, self._rooms_seen, lambda: loads.reports))
        operators = Operators(settings.live.operators, settings.trusted_proxies)
        self._cluster_api = ClusterApi(self._report, operators, time.monotonic)
        self._failed_handshakes = LogRateLimit(logger, "TLS handshake failed", logging.INFO)
        self._web: list[HttpServer] = []
        self._status: asyncio.Task[None] | None = None
        self.urls: list[str] = []

    async def start(self) -> None:
        """Binds the ports, starts the workers, then serves.

        Raises:
            PortError: A port is taken, or an address is not of this machine.
            CertificateError: A certificate that was given is of no use, or the self-made one cannot be written.
            ControllerError: A worker did not start.
            TypeError: A worker does not accept the settings.
        """
        settings = self._settings
        bound: list[Listening] = []
        if settings.dtls_certificate is not None and settings.dtls_key is not None:
            from miso.serving.certificate_files import given

            given("dtls", settings.dtls_certificate, settings.dtls_key)  # the workers read it
        check_addresses([address.ip for address in self.workers.addresses])
        if settings.redis is not None:
            check_addresses([self._cluster_address.ip], "--cluster-address")
        try:
            certificate = self._certificate()
            pages = [PagePattern.parse(entry) for entry in settings.cluster_pages]
            origins = Origins(settings.allowed_origins, self._hosts(certificate), lambda: self.moving.pages, pages)
            api = BroadcasterApi(self.rooms, settings, self._metrics)
            live_api = LiveApi(self._bridges, settings, self._metrics)
            routes = [*self._cluster_api.routes, *live_api.routes, *api.routes]
            app = web_app(self.rooms, self.workers, self._metrics, origins, routes, self._live_web)
            if settings.http:
                bound.append(listen_locally(settings.http_port, "http-port"))
                self._web.append(HttpServer(app, bound[-1], None, self._admit, self._tls_failed, self._keeps_upgrade))
                self.urls.append(f"http://localhost:{bound[-1].port}")
            if settings.https:
                bound.append(listen(settings.https_host, settings.https_port, "https-port"))
                self._web.append(
                    HttpServer(app, bound[-1], certificate, self._admit, self._tls_failed, self._keeps_upgrade)
                )
                names = [settings.https_host] if settings.https_host else self._names()
                self.urls.extend(f"https://{_host(name)}:{bound[-1].port}" for name in names)
            self.directory.on_nodes(self.moving.look)
            self.directory.on_nodes(self.rooms.tell_servers)
            await self.directory.start()
            await self.workers.start()
            self.node.start()
            for web in self._web:
                await web.start()
        except BaseException:
            await self.close()
            for listening in bound:
                listening.close()
            raise
        self._status = asyncio.create_task(self._log_status())
        self._broadcaster_watch.start()
        if self._live_plugins:
            bridge = with_rooms(BridgedRooms(self.rooms))
            plugins = [bridge if plugin is RoomsPlugin else plugin for plugin in self._live_plugins]
            self.live = Engine(_with_proxies(settings), plugins)
            self._metrics.add(self.live.live.metrics)
            await self.live.start()

    async def drain(self) -> None:
        """In a cluster: takes nobody new, and sends its people to other servers, a few each second."""
        others = [node for node in self.directory.nodes.values() if node.node != self.directory.node]
        if others and self._settings.drain_timeout:
            await drain(self.node, lambda: self.rooms.sessions, self.rooms.send_away, self._settings.drain_timeout)

    async def close(self) -> None:
        """Sends everybody away with a code that lets them come back, and ends the workers."""
        if self._status is not None:
            self._status.cancel()
        self._broadcaster_watch.close()
        if self.live is not None:
            await self.live.stop()
        self.rooms.close()
        await self.rooms.shared.throttle.release_all()
        await asyncio.gather(*(web.stop() for web in self._web))
        await self.node.close()
        await self.directory.close()
        await self.workers.close()

    def kill_workers(self) -> None:
        """Ends all workers without a word, for who cannot wait for ``close``."""
        self.workers.pool.kill("the controller ends at once")

    def gauges(self) -> dict[str, tuple[str, float]]:
        """For :class:`miso.demo.metrics.Snapshot`."""
        shared = self.rooms.shared
        sessions = [session for room in self.rooms.rooms for session in room.sessions]
        return {
            "miso_workers": ("Media workers that run", len(self.workers.pool.workers)),
            "miso_rooms": ("Rooms", len(self.rooms)),
            "miso_network_throttled": (
                "1 while somebody makes the network worse",
                self.rooms.shared.throttle.in_force,
            ),
            "miso_unsent_bytes": ("Signaling that waits for clients to read it", shared.unsent.bytes),
            "miso_peers": ("Connected peers", len(sessions)),
            "miso_placed": ("Participants that have their place in a worker", self.workers.loads.participants),
            "miso_broadcasters": ("Broadcasters", sum(len(room.broadcasters) for room in self.rooms.rooms)),
            "miso_transports": ("Transports of peers", sum(len(session.transports) for session in sessions)),
            "miso_producers": ("Audio and video that peers send", sum(len(session.producers) for session in sessions)),
            "miso_consumers": ("Audio and video sent to peers", sum(len(session.consumers) for session in sessions)),
            "miso_data_producers": ("Data channels from peers", sum(len(one.data_producers) for one in sessions)),
            "miso_data_consumers": ("Data channels to peers", sum(len(one.data_consumers) for one in sessions)),
        }

    def _counts(self) -> tuple[int, int]:
        return len(self.rooms), len(self.rooms.sessions)

    def worker_deaths(self) -> int:
        """For :class:`miso.demo.metrics.Snapshot`."""
        return self.workers.deaths

    def worker_dropped(self) -> dict[str, int]:
        """For :class:`demo.metrics.Snapshot`."""
        return self.workers.dropped

    def worker_faults(self) -> int:
        """For :class:`miso.demo.metrics.Snapshot`."""
        return self.workers.faults

    def worker_delays(self) -> dict[int, LoopDelays]:
        """For :class:`miso.demo.metrics.Snapshot`."""
        return self.workers.loads.delays

    def _rooms_seen(self) -> Iterable[RoomSeen]:
        return rooms_seen(self.rooms, self.workers.loads)

    def _report(self, limit: int) -> Json:
        return cluster_report(self.directory, self._rooms_seen(), limit=limit)

    def _bridges(self) -> RoomsPlugin | None:
        running = self.live.running if self.live is not None else []
        return next((plugin for plugin in running if isinstance(plugin, RoomsPlugin)), None)

    def _admit(self, host: str) -> Callable[[], None]:
        """One more TCP connection from an address; see :meth:`miso.serving.http_connection.HttpWithTimeouts.admit`."""
        if is_proxy(host, self._settings.trusted_proxies):
            return lambda: None
        return self.rooms.shared.limits.take("sockets", client_address(host, "", []))

    def _live_web(self) -> Web | None:
        return self.live.live.web if self.live is not None else None

    def _keeps_upgrade(self, path: str) -> bool:
        return self.live is not None and self.live.live.web.keeps_upgrade(path)

    def _tls_failed(self, detail: str) -> None:
        """A connection did not speak TLS, or not in time, or does not trust our certificate."""
        self._metrics.refusals.labels("tls_handshake").inc()
        self._failed_handshakes.count(detail)

    def _certificate(self) -> Certificate | None:
        """Of HTTPS, if it is served: only then is loaded what reads certificates."""
        if not self._settings.https:
            return None
        from miso.demo.http.page_certificate import certificate_for

        return certificate_for(self._settings)

    def _hosts(self, certificate: Certificate | None) -> list[str]:
        """Host names that browsers may know this server by."""
        own = socket.gethostname()
        settings = self._settings
        public = urlsplit(settings.public_url).hostname or ""
        hosts = [own, f"{own}.local", settings.https_host, settings.announced_address or "", public]
        if certificate is None:
            return hosts
        from miso.serving.certificate_files import names_in

        return [*hosts, *names_in(certificate.chain)]

    def _names(self) -> list[str]:
        """Under which names other machines find this one."""
        announced = [address.shown for address in self.workers.addresses]
        return list(dict.fromkeys([*announced, "localhost"]))

    async def _log_status(self) -> None:
        while True:
            await asyncio.sleep(self._settings.status_interval)
            for room in self.rooms.rooms:
                room.log_status()
            await self.workers.log_status()
            _log_descriptors()


def _log_descriptors() -> None:
    """Connections that find no free descriptor are closed without a word: it is said here before it comes to that."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    level = logging.WARNING if used > 0.8 * limit else logging.INFO
    logger.log(level, "descriptors=%d of %d (ulimit -n, LimitNOFILE)", used, limit)


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _with_proxies(settings: Settings) -> LiveSettings:
    """The live side's settings; it believes the same proxies as the rooms, unless it is told which."""
    live = settings.live
    if live.web.trusted_proxies:
        return live
    web = live.web.model_copy(update={"trusted_proxies": tuple(settings.trusted_proxies)})
    return live.model_copy(update={"web": web})
