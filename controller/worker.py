"""A worker: one media worker process, and the routers and servers in it."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Iterable
from typing import Final, Self

import msgspec

from miso.controller.emitter import Emitter
from miso.controller.entity import check_app_data, keep_until_end
from miso.controller.errors import InvalidStateError, WorkerStartError
from miso.controller.json_form import from_json
from miso.controller.ortc.negotiation import generate_router_rtp_capabilities
from miso.controller.process.channel import Channel
from miso.controller.process.settings import WorkerLogLevel, WorkerLogTag, WorkerSettings
from miso.controller.process.worker_process import ExitStatus, WorkerProcess
from miso.controller.router import Router
from miso.controller.types import AppData, ListenInfo, LoadReport, ResourceUsage, WorkerDump
from miso.controller.web_rtc_server import WebRtcServer
from miso.worker.channel import commands
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest
from miso.worker.channel.bodies.worker import CreateRouterRequest, UpdateSettingsRequest
from miso.worker.channel.client_codec import decode_event
from miso.worker.channel.events import BY_NAME

_logger = logging.getLogger(__name__)

_WRONG_SETTINGS = 42
"""The exit code by which a worker says that its arguments are wrong."""
_LOST_PIPE_GRACE_S = 1.0
"""How long a worker that has closed its pipes may take to end by itself."""
_START_TIMEOUT_S = 60.0

observer = Emitter()
"""Emits ``newworker(Worker)``."""


class Worker(Emitter):
    """A media worker process. Made by ``create_worker``.

    Events:
        died(Exception): The process ended unexpectedly; everything in it is closed by now.
        dropped(dict[str, int]): Peers asked more of it than they may, see the attribute; once a second at most.
        faults(int): A packet, a timer or a request met a bug, which cost it alone and is in the worker's log; how many
            there were until now.

    Observer events: close, newwebrtcserver(WebRtcServer), newrouter(Router).

    Its attributes are for reading, except ``app_data``.

    Attributes:
        app_data: The application's own data; it may be replaced.
        observer: Tells of what happens to the worker, whoever caused it.
        closed: Whether it is closed, or its process has ended.
        death: Why its process ended unexpectedly.
        dropped: Packets that were dropped since it started, by kind (``stun``, ``stunForNobody``, ``rtcp``, ``dtls``,
            ``repairs``), because peers asked more of it than they may.
        faults: How many bugs its packets, timers and requests have met since it started; each is worth a report.
    """

    def __init__(self, settings: WorkerSettings, app_data: AppData | None) -> None:
        """Starts the process; ``wait_running`` waits for it.

        Raises:
            WorkerStartError: The process cannot be started.
        """
        super().__init__()
        self.app_data: AppData = check_app_data(app_data)
        self.observer: Final = Emitter()
        self._running: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.death: Exception | None = None
        self._killed_for = ""
        self.dropped: dict[str, int] = {}
        self.faults = 0
        self._routers: dict[str, Router] = {}
        self._web_rtc_servers: dict[str, WebRtcServer] = {}
        command = settings.command()
        self._program = command[0]
        try:
            self._process = WorkerProcess.start(command, settings.environment(), self._on_exit)
        except OSError as error:
            raise WorkerStartError(f"cannot start {command[0]}: {error}") from error
        self._channel = Channel(self.pid, self._on_channel_lost)
        self._channel.subscribe(str(self.pid), self._on_event)

    async def __aenter__(self) -> Self:
        """``async with await create_worker() as worker``: closed, and its process ended, when the block ends."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()
        await self.wait_closed()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def died(self) -> bool:
        """Whether its process ended unexpectedly."""
        return self.death is not None

    @property
    def routers(self) -> frozenset[Router]:
        """The routers in it that are not closed."""
        return frozenset(self._routers.values())

    @property
    def web_rtc_servers(self) -> frozenset[WebRtcServer]:
        """The WebRTC servers in it that are not closed."""
        return frozenset(self._web_rtc_servers.values())

    async def wait_running(self) -> None:
        """Waits until the process is running; closes it if it does not come to that. For ``create_worker``.

        Raises:
            TypeError: The settings are wrong.
            WorkerStartError: The process ended, or says nothing.
        """
        try:
            await self._channel.connect(self._process.sockets)
            await self._process.log_output()
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._running
        except TimeoutError:
            self.close()
            raise WorkerStartError(f"{self._program} did not say within {_START_TIMEOUT_S:g} s that it runs") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes everything in the worker and ends its process (SIGTERM)."""
        if self.closed:
            return
        self.closed = True
        self._process.terminate()
        self._end()
        self.observer.emit("close")

    def kill(self, reason: str) -> None:
        """Ends a process that cannot end by itself (SIGKILL). Unless it was closed, it has died then, as in a crash.

        Args:
            reason: Becomes part of ``death`` and of the log, such as "it did not answer for 10 s".
        """
        _logger.error("worker=%d is killed: %s", self.pid, reason)
        self._killed_for = reason
        self._process.kill()

    async def wait_closed(self) -> None:
        """Waits until the process of a closed worker has ended."""
        await self._process.wait()

    async def dump(self) -> WorkerDump:
        """The worker's view of itself."""
        return await self._channel.request(commands.WORKER_DUMP, {})

    async def get_resource_usage(self) -> ResourceUsage:
        """What the process has used, as of getrusage(2)."""
        return await self._channel.request(commands.WORKER_GET_RESOURCE_USAGE, {})

    async def get_load(self) -> LoadReport:
        """What it has done since its start, CPU time and forwarded packets: asked twice, its load in between.

        And how long what is due waits for its event loop, media among it, as a histogram.

        Raises:
            RequestError: The worker is not Miso's; ``get_resource_usage`` knows its CPU time.
        """
        return await self._channel.request(commands.WORKER_GET_LOAD, {})

    async def update_settings(
        self, *, log_level: WorkerLogLevel | None = None, log_tags: Iterable[WorkerLogTag] | None = None
    ) -> None:
        """Changes what the worker logs; what is not given stays.

        Raises:
            TypeError: The level is none of ``WorkerLogLevel``.
        """
        body = UpdateSettingsRequest(log_level=log_level, log_tags=None if log_tags is None else list(log_tags))
        await self._channel.request(commands.WORKER_UPDATE_SETTINGS, {}, body)

    async def create_web_rtc_server(
        self, *, listen_infos: Iterable[ListenInfo | dict[str, object]], app_data: AppData | None = None
    ) -> WebRtcServer:
        """Opens ports that many WebRTC transports can share.

        Args:
            listen_infos: 1 to 8 of them, as structs or ``{"protocol": "udp", "ip": …, "announcedIp": …, "port": …}``.
            app_data: The application's own data.

        Raises:
            TypeError: A listen info is malformed, or its address is none.
            RequestError: A port is taken, or an address is not of this machine.
        """
        app_data = check_app_data(app_data)
        path = {"webRtcServerId": str(uuid.uuid4())}
        body = CreateWebRtcServerRequest(
            web_rtc_server_id=path["webRtcServerId"],
            listen_infos=[from_json(ListenInfo, listen_info) for listen_info in listen_infos],
        )
        await self._channel.request(commands.WORKER_CREATE_WEB_RTC_SERVER, {}, body)
        self._check_open()
        server = WebRtcServer(self._channel, path, app_data)
        keep_until_end(server, self._web_rtc_servers)
        self.observer.emit("newwebrtcserver", server)
        return server

    async def create_router(self, *, media_codecs: Iterable[object] = (), app_data: AppData | None = None) -> Router:
        """Creates a router: the meeting place of producers and consumers.

        Args:
            media_codecs: The codecs it is to accept, as ``RtpCodecCapability`` or plain data in their JSON form.
            app_data: The application's own data.

        Raises:
            TypeError: A codec is malformed.
            UnsupportedError: A codec is not supported.
        """
        app_data = check_app_data(app_data)
        rtp_capabilities = generate_router_rtp_capabilities(list(media_codecs))
        path = {"routerId": str(uuid.uuid4())}
        body = CreateRouterRequest(router_id=path["routerId"])
        await self._channel.request(commands.WORKER_CREATE_ROUTER, {}, body)
        self._check_open()
        router = Router(self._channel, path, rtp_capabilities=rtp_capabilities, app_data=app_data)
        keep_until_end(router, self._routers)
        self.observer.emit("newrouter", router)
        return router

    def _check_open(self) -> None:
        if self.closed:
            raise InvalidStateError("Worker closed")

    def _end(self) -> None:
        """Closes the channel and tells the routers and servers."""
        self._channel.close()
        if not self._running.done():
            self._running.set_exception(InvalidStateError("Worker closed"))
            self._running.exception()  # nobody may be waiting any more
        for router in list(self._routers.values()):
            router.closed_by("workerclose")
        for server in list(self._web_rtc_servers.values()):
            server.closed_by("workerclose")

    def _on_event(self, name: str, data: object, payload: bytes | None) -> None:
        if name == "running" and not self._running.done():
            _logger.debug("worker=%d running", self.pid)
            self._running.set_result(None)
        elif name == "faults":
            self.faults = decode_event(BY_NAME["worker", "faults"], data).count
            _logger.error("worker=%d has met %d faults", self.pid, self.faults)
            self.emit("faults", self.faults)
        elif name == "dropped":
            self.dropped = msgspec.to_builtins(decode_event(BY_NAME["worker", "dropped"], data))
            self.emit("dropped", self.dropped)

    def _on_channel_lost(self) -> None:
        """The process ends, or closed its pipes and is of no use."""
        self._channel.close()
        loop = asyncio.get_running_loop()
        loop.call_later(_LOST_PIPE_GRACE_S, self._process.kill)

    def _on_exit(self, status: ExitStatus) -> None:
        if self.closed:
            return
        text = f"[pid:{self.pid}, code:{status.code}, signal:{status.signal}]"
        self.closed = True
        if not self._running.done():
            _logger.error("worker process failed %s", text)
            wrong_settings = status.code == _WRONG_SETTINGS
            ended = WorkerStartError(f"{self._program} ended before it was running {text}")
            self._running.set_exception(TypeError("wrong settings") if wrong_settings else ended)
            self._end()
            return
        if self._killed_for:
            text += f", killed: {self._killed_for}"
        _logger.error("worker process died unexpectedly %s", text)
        self.death = RuntimeError(f"worker process died unexpectedly {text}")
        self._end()
        self.emit("died", self.death)
        self.observer.emit("close")


async def create_worker(
    *,
    log_level: WorkerLogLevel = "error",
    log_tags: Iterable[WorkerLogTag] = (),
    rtc_min_port: int = 10000,
    rtc_max_port: int = 59999,
    dtls_certificate_file: str | os.PathLike[str] | None = None,
    dtls_private_key_file: str | os.PathLike[str] | None = None,
    libwebrtc_field_trials: str | None = None,
    worker_bin: str | os.PathLike[str] | None = None,
    app_data: AppData | None = None,
) -> Worker:
    """Starts a worker and waits until it is running.

    Args:
        log_level: From which level on the worker logs (its log goes to the logger ``miso.controller.worker.log``).
        log_tags: What it logs of the levels debug and warn.
        rtc_min_port: Lowest port of ICE, DTLS, RTP; 0 to 65535.
        rtc_max_port: Highest port of ICE, DTLS, RTP.
        dtls_certificate_file: A PEM file; the worker makes its own certificate without it.
        dtls_private_key_file: The PEM file of its key.
        libwebrtc_field_trials: Passed on to a C++ worker; ours does not know it.
        worker_bin: The program; by default the environment's ``MEDIASOUP_WORKER_BIN``, or else this distribution's.
        app_data: The application's own data.

    Raises:
        TypeError: The settings are wrong.
        WorkerStartError: The process cannot be started, or ended before it was running, or says nothing for a minute.
    """
    settings = WorkerSettings(
        log_level=log_level,
        log_tags=tuple(log_tags),
        rtc_min_port=rtc_min_port,
        rtc_max_port=rtc_max_port,
        dtls_certificate_file=dtls_certificate_file,
        dtls_private_key_file=dtls_private_key_file,
        libwebrtc_field_trials=libwebrtc_field_trials,
        worker_bin=worker_bin,
    )
    worker = Worker(settings, app_data)
    await worker.wait_running()
    observer.emit("newworker", worker)
    return worker
