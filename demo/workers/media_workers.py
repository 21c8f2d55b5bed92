"""How rooms use the media workers: codecs, ports, transports."""

from __future__ import annotations

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from miso.cluster.placement.settings import PlacementSettings
from miso.controller import (
    ControllerError,
    PlainTransport,
    Router,
    Watchdog,
    WebRtcServer,
    WebRtcTransport,
    Worker,
    WorkerPool,
    create_worker,
    from_json,
)
from miso.controller.types import ListenInfo, ListenIp, NumSctpStreams
from miso.demo.json import Json
from miso.demo.settings import Settings
from miso.demo.workers.addresses import media_addresses, plain_address
from miso.demo.workers.free_ports import free_port
from miso.demo.workers.held_ports import HeldPorts, holder_of, outgoing_ports
from miso.demo.workers.worker_loads import WorkerLoads

logger = logging.getLogger(__name__)

MEDIA_CODECS: list[Json] = [
    {"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2},
    {"kind": "video", "mimeType": "video/VP8", "clockRate": 90000, "parameters": {"x-google-start-bitrate": 1000}},
    {
        "kind": "video",
        "mimeType": "video/VP9",
        "clockRate": 90000,
        "parameters": {"profile-id": 2, "x-google-start-bitrate": 1000},
    },
    *(
        {
            "kind": "video",
            "mimeType": "video/h264",
            "clockRate": 90000,
            "parameters": {
                "packetization-mode": 1,
                "profile-level-id": profile_level_id,
                "level-asymmetry-allowed": 1,
                "x-google-start-bitrate": 1000,
            },
        }
        for profile_level_id in ("4d0032", "42e01f")
    ),
]
"""The codecs of every room, in the order of preference."""


_HIGHEST_PORT = 65_535
_NEXT_PORTS = 8
"""A worker whose port is taken tries so many, from its own on, so far apart that no worker gets another's."""
_FREE_PORTS = 8

_LATE_SHARE = 0.25
"""Of the time after which a worker counts as hung."""

NUM_SCTP_STREAMS = NumSctpStreams(os=1024, mis=1024)
"""For clients that say nothing of them."""


@dataclass(frozen=True, slots=True)
class RoomMedia:
    """What a room gets from one of the workers."""

    worker: Worker
    router: Router
    webrtc_server: WebRtcServer | None


class MediaWorkers:
    """The pool of workers, each with a WebRtcServer of its own (unless the settings say no).

    Attributes:
        pool: The workers.
        loads: How busy they are, and which one is next.
        placement: From which load on rooms spread.
        late_s: How long, in seconds, a worker may take to answer before those who come are better elsewhere.
        addresses: What media listens on and announces.
        deaths: How many workers have died so far.
        dropped: How many packets of peers workers have dropped so far, being more than they may send, by kind.
        faults: How many bugs workers have met so far that cost one packet, timer or request.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken: set[int] = set()
        self._webrtc_servers: dict[Worker, WebRtcServer] = {}
        self._faults: dict[Worker, int] = {}
        self._dropped: dict[Worker, dict[str, int]] = {}
        self._ports: dict[WebRtcServer, int] = {}
        self.addresses = media_addresses(settings)
        self.deaths = 0
        self._held_ports: HeldPorts | None = None
        self.faults = 0
        self.dropped: Counter[str] = Counter()
        self.late_s = settings.worker_timeout * _LATE_SHARE or math.inf
        watchdog = Watchdog(timeout_s=settings.worker_timeout) if settings.worker_timeout else None
        self.pool = WorkerPool(settings.workers, self._create, watchdog=watchdog)
        self.pool.on("died", self._on_died)
        self.placement = PlacementSettings(
            viewers_leave_at=settings.spread_viewers_at,
            senders_leave_at=settings.spread_senders_at,
            gain=settings.spread_gain,
        )
        self.loads = WorkerLoads(self.pool, self.placement, random.Random(), time.monotonic)

    async def start(self) -> None:
        """Starts the workers.

        Raises:
            TypeError: A setting is wrong.
            ControllerError: A worker did not start.
        """
        self._hold_ports()
        await self.pool.start()
        self.loads.start()

    @property
    def wanted(self) -> int:
        """How many workers are to run."""
        return self._settings.workers

    @property
    def media_ports(self) -> list[tuple[int, int]]:
        """On which ports media come and go: ranges, first and last."""
        own = [(port, port) for port in sorted(self._ports.values())]
        if self._settings.webrtc_server and self._settings.broadcasters == "off":
            return own
        return [*own, (self._settings.media_min_port, self._settings.media_max_port)]

    async def log_status(self) -> None:
        """One line on each worker: what it has used so far."""
        for worker in self.pool.workers:
            try:
                usage = await worker.get_resource_usage()
            except ControllerError:
                continue  # it ended meanwhile; that is logged elsewhere
            logger.info(
                "worker=%d routers=%d cpu_user_ms=%d cpu_system_ms=%d max_rss_kib=%d",
                worker.pid,
                len(worker.routers),
                usage.ru_utime,
                usage.ru_stime,
                usage.ru_maxrss,
            )

    async def close(self) -> None:
        """Ends the workers, and waits for it."""
        await self.loads.close()
        await self.pool.close()
        if self._held_ports is not None:
            self._held_ports.close()

    async def give_to_room(self, worker: Worker) -> RoomMedia:
        """A router for a room.

        Args:
            worker: Which one; see :meth:`.WorkerLoads.choose`.

        Raises:
            ControllerError: The worker fails.
        """
        router = await worker.create_router(media_codecs=MEDIA_CODECS)
        return RoomMedia(worker, router, self._webrtc_servers.get(worker))

    async def create_transport(
        self, media: RoomMedia, *, force_tcp: bool, num_sctp_streams: object, app_data: Json
    ) -> WebRtcTransport:
        """A transport for a browser.

        Args:
            media: The room's.
            force_tcp: No UDP, whatever the settings say.
            num_sctp_streams: The browser's ``numStreams``; None for a transport without data channels.
            app_data: Hung on the transport.

        Raises:
            ControllerError: The worker cannot.
            TypeError: ``num_sctp_streams`` are wrong.
        """
        settings = self._settings
        streams = from_json(NumSctpStreams, num_sctp_streams) if num_sctp_streams is not None else None
        listen_ips = [ListenIp(ip=address.ip, announced_ip=address.announced_ip) for address in self.addresses]
        return await media.router.create_web_rtc_transport(
            web_rtc_server=media.webrtc_server,
            listen_ips=None if media.webrtc_server is not None else listen_ips,
            enable_udp=settings.udp and not force_tcp,
            enable_tcp=settings.tcp or force_tcp,
            prefer_udp=True,
            initial_available_outgoing_bitrate=settings.initial_outgoing_bitrate,
            ice_consent_timeout=settings.ice_consent_timeout,
            enable_sctp=streams is not None,
            num_sctp_streams=streams or NUM_SCTP_STREAMS,
            app_data=app_data,
        )

    async def create_plain_transport(
        self, media: RoomMedia, *, rtcp_mux: bool, comedia: bool, num_sctp_streams: object
    ) -> PlainTransport:
        """A transport for a program that sends or receives plain RTP, with ports of its own.

        Args:
            media: The room's.
            rtcp_mux: RTP and RTCP on one port.
            comedia: Learn from the first packet where to send.
            num_sctp_streams: The program's ``numStreams``; None for a transport without data.

        Raises:
            ControllerError: The worker cannot, or has no free port.
            TypeError: ``num_sctp_streams`` are wrong.
        """
        streams = from_json(NumSctpStreams, num_sctp_streams) if num_sctp_streams is not None else None
        address = plain_address(self._settings, self.addresses)
        return await media.router.create_plain_transport(
            listen_ip=ListenIp(ip=address.ip, announced_ip=address.announced_ip),
            rtcp_mux=rtcp_mux,
            comedia=comedia,
            enable_sctp=streams is not None,
            num_sctp_streams=streams or NUM_SCTP_STREAMS,
            app_data={"producing": True, "consuming": True, "comedia": comedia},
        )

    async def _create(self) -> Worker:
        """Starts one worker; the pool calls this, at first and after each death."""
        settings = self._settings
        place = self._take_place()
        try:
            worker = await create_worker(
                log_level=settings.worker_log_level,
                log_tags=settings.worker_log_tags,
                rtc_min_port=settings.media_min_port,
                rtc_max_port=settings.media_max_port,
                dtls_certificate_file=settings.dtls_certificate,
                dtls_private_key_file=settings.dtls_key,
                worker_bin=settings.worker_bin,
            )
        except BaseException:
            self._taken.discard(place)
            raise
        worker.on("dropped", lambda dropped: self._count_dropped(worker, dropped))
        worker.on("faults", lambda count: self._count_faults(worker, count))
        worker.observer.once("close", lambda: self._forget(worker, place))
        if worker.closed:  # it died right behind saying that it runs: it tells nobody any more
            self._forget(worker, place)
        if settings.webrtc_server:
            try:
                self._webrtc_servers[worker] = await self._create_webrtc_server(worker, place)
            except BaseException:
                worker.close()
                raise
        return worker

    async def _create_webrtc_server(self, worker: Worker, place: int) -> WebRtcServer:
        """The worker's server, on the port of its place, or on the next one, or a free one, when somebody has that."""
        own = self._settings.webrtc_server_port + place
        fixed = [own + step for step in range(0, _NEXT_PORTS * self.wanted, self.wanted) if own + step <= _HIGHEST_PORT]
        if self._settings.webrtc_server_port == 0:
            fixed = []
        failure: Exception | None = None
        for port in [*fixed, *self._free_ports()]:
            try:
                server = await worker.create_web_rtc_server(listen_infos=self._listen_infos(port))
            except (ControllerError, TypeError) as error:
                failure = failure or error
                continue
            self._ports[server] = port
            if fixed and port != own:
                who = holder_of(own) or "nobody that is seen"
                logger.warning("worker=%d cannot have media port %d, takes %d: %s has it", worker.pid, own, port, who)
            return server
        assert failure is not None, "there was a port to try"
        raise failure

    def _free_ports(self) -> Iterator[int]:
        """Some to try: between our looking and the worker's taking it, anybody's connection may get one."""
        ips = [address.ip for address in self.addresses]
        for _ in range(_FREE_PORTS):
            yield free_port(ips, self._settings.media_min_port, self._settings.media_max_port)

    def _listen_infos(self, port: int) -> list[ListenInfo]:
        protocols: list[Literal["udp", "tcp"]] = ["udp", "tcp"]
        # TCP is listened on even with --no-tcp: a browser that asks for forceTcp means it
        return [
            ListenInfo(protocol=protocol, ip=address.ip, announced_ip=address.announced_ip, port=port)
            for address in self.addresses
            for protocol in protocols
        ]

    def _hold_ports(self) -> None:
        """Keeps the workers' ports from outgoing connections, also while a worker is replaced."""
        first = self._settings.webrtc_server_port
        if not self._settings.webrtc_server or first == 0:
            return
        ports = range(first, first + self.wanted)
        ips = [address.ip for address in self.addresses]
        self._held_ports = HeldPorts(ports, ips)
        outgoing = outgoing_ports()
        if "0.0.0.0" in ips and (ports[0] in outgoing or ports[-1] in outgoing):
            logger.info(
                "media ports %d-%d are among those that outgoing connections of this machine get; to keep them: "
                "sysctl -w net.ipv4.ip_local_reserved_ports=%d-%d",
                *(ports[0], ports[-1], ports[0], ports[-1]),
            )

    def _take_place(self) -> int:
        place = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
        self._taken.add(place)
        return place

    def _forget(self, worker: Worker, place: int) -> None:
        self._taken.discard(place)
        self._faults.pop(worker, None)
        self._dropped.pop(worker, None)
        server = self._webrtc_servers.pop(worker, None)
        if server is not None:
            self._ports.pop(server, None)

    def _count_dropped(self, worker: Worker, dropped: dict[str, int]) -> None:
        self.dropped.update(dropped)
        self.dropped.subtract(self._dropped.get(worker, {}))
        self._dropped[worker] = dropped

    def _count_faults(self, worker: Worker, count: int) -> None:
        self.faults += count - self._faults.get(worker, 0)
        self._faults[worker] = count

    def _on_died(self, worker: Worker, error: Exception) -> None:
        self.deaths += 1
        logger.error("worker=%d died: %s", worker.pid, error)
