"""The worker: the top of the object tree, what it answers itself, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from miso.worker.channel import commands
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest
from miso.worker.channel.bodies.worker import (
    CloseRouterRequest,
    CloseWebRtcServerRequest,
    CreateRouterRequest,
    LoadReport,
    LoopDelays,
    ResourceUsage,
    UpdateSettingsRequest,
    WorkerDropped,
    WorkerDump,
    WorkerFaults,
)
from miso.worker.channel.commands import handles
from miso.worker.errors import BodyError, CommandError, SettingsError
from miso.worker.faults import attempt, faults
from miso.worker.garbage import Garbage
from miso.worker.log import ROOT, ChannelLog
from miso.worker.net.channel import Channel
from miso.worker.net.clock import LoopScheduler
from miso.worker.net.loop_delay import BOUNDS_US, LoopDelay
from miso.worker.net.sockets import LoopSockets
from miso.worker.net.turns import Turns
from miso.worker.net.wake_up import WakeUp
from miso.worker.registry import Registry
from miso.worker.settings import Settings, parse_log_level

if TYPE_CHECKING:
    from miso.worker.rtc.context import Context
    from miso.worker.rtc.router import Router
    from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer

logger = logging.getLogger(__name__)

_COLLECTS_UNWATCHED_AFTER_S = 1.0
_TELL_FAULTS_AFTER_S = 0.1  # many at once are told once
_TELL_DROPPED_AFTER_S = 1.1  # a transport says once a second that it drops: who has said so last is counted too


class Worker:
    """All that one process serves.

    What takes long to import is imported when nobody waits for it: this module and all that it needs after ``running``
    was said, the media rooms after the first commands were answered, SCTP after what came meanwhile, and libsrtp and
    OpenSSL, which take 20 MB too, after the first router or server was asked for: before there is media that would have
    to wait.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Settings, on_closed: Callable[[], None]) -> None:
        """Opens the channels.

        Args:
            loop: Runs everything.
            settings: The command line.
            on_closed: Called once when the worker has closed, for whatever reason.

        Raises:
            OSError: One of the descriptors 3 to 6 is not open, or there can be no more.
        """
        self._loop = loop
        self._settings = settings
        self._on_closed = on_closed
        self._closed = False
        self._routers: dict[str, Router] = {}
        self._servers: dict[str, WebRtcServer] = {}
        self._tells_faults = False
        self._tells_dropped = False
        self._delay = LoopDelay()
        self._ticks = False
        self._frozen = False  # all modules are loaded, and out of the garbage collector's sight
        self._registry = Registry(self)
        self._turns = Turns(loop)
        self._garbage = Garbage(self._turns.add)
        self._collects_soon = False
        dispatch = self._registry.dispatch
        self._channel = Channel(loop, self._turns, dispatch, dispatch, self._on_controller_gone)
        self._log = ChannelLog(self._channel.send_log, settings.log_level, settings.log_tags)
        logging.getLogger(ROOT).addHandler(self._log)
        logging.getLogger(ROOT).propagate = False
        faults.on_fault = self._on_fault

    def open(self) -> None:
        """Makes ready to take commands once the loop runs.

        Raises:
            SettingsError: The certificate's files hold no certificate and its key.
            OSError: One of the descriptors 3 to 6 cannot be watched.
        """
        if self._settings.libwebrtc_field_trials:
            logger.warning("libwebrtcFieldTrials given, but there is no libwebrtc in this worker")
        if self._settings.dtls_certificate_file:
            self._context.certificate.prepare()
        self._channel.start()

    def announce(self) -> None:
        """Tells the controller that the worker runs, where that could not be said before."""
        self._channel.notify(os.getpid(), "running")

    def load(self) -> None:
        """Imports what the first command for a router or server needs."""
        if not self._closed:
            from miso.worker.rtc import router  # noqa: F401
            from miso.worker.rtc.web_rtc import web_rtc_server  # noqa: F401

            self._loop.call_soon(self._load_sctp)

    def close(self) -> None:
        """Closes routers, then servers, then the channels; idempotent."""
        if self._closed:
            return
        self._closed = True
        logger.debug("closing, %d notifications were dropped", self._channel.dropped)
        try:
            for router in list(self._routers.values()):
                attempt(router, router.close)
            for server in list(self._servers.values()):
                attempt(server, server.close)
            self._routers.clear()
            self._servers.clear()
            self._tick()
            faults.on_fault = None
            logging.getLogger(ROOT).removeHandler(self._log)
            self._channel.close()
        finally:
            self._on_closed()

    # ------------------------------------------------------------ commands

    @handles(commands.WORKER_CLOSE)
    def close_command(self) -> None:
        """Ends the process; nobody gets the reply."""
        self.close()

    @handles(commands.WORKER_DUMP)
    def dump(self) -> WorkerDump:
        """What lives in the worker."""
        return WorkerDump(
            pid=os.getpid(),
            web_rtc_server_ids=list(self._servers),
            router_ids=list(self._routers),
            channel_message_handlers=self._registry.describe(),
        )

    @handles(commands.WORKER_GET_RESOURCE_USAGE)
    def get_resource_usage(self) -> ResourceUsage:
        """``getrusage(2)``."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return ResourceUsage(
            ru_utime=int(usage.ru_utime * 1000),
            ru_stime=int(usage.ru_stime * 1000),
            ru_maxrss=usage.ru_maxrss,
            ru_ixrss=usage.ru_ixrss,
            ru_idrss=usage.ru_idrss,
            ru_isrss=usage.ru_isrss,
            ru_minflt=usage.ru_minflt,
            ru_majflt=usage.ru_majflt,
            ru_nswap=usage.ru_nswap,
            ru_inblock=usage.ru_inblock,
            ru_oublock=usage.ru_oublock,
            ru_msgsnd=usage.ru_msgsnd,
            ru_msgrcv=usage.ru_msgrcv,
            ru_nsignals=usage.ru_nsignals,
            ru_nvcsw=usage.ru_nvcsw,
            ru_nivcsw=usage.ru_nivcsw,
        )

    @handles(commands.WORKER_GET_LOAD)
    def get_load(self) -> LoadReport:
        """CPU time, forwarded packets and the event loop's delay, counted since the start."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return LoadReport(
            timestamp_us=time.monotonic_ns() // 1000,
            cpu_us=int((usage.ru_utime + usage.ru_stime) * 1_000_000),
            packets_forwarded=self._context.plane.packets_forwarded,
            loop_delay=self._delays(),
        )

    @handles(commands.WORKER_UPDATE_SETTINGS)
    def update_settings(self, body: UpdateSettingsRequest) -> None:
        """Changes what is logged; raises ``BodyError`` for a level that there is not."""
        try:
            level = parse_log_level(body.log_level) if body.log_level is not None else None
        except SettingsError as error:
            raise BodyError(str(error)) from error
        self._log.configure(level, body.log_tags)

    @handles(commands.WORKER_CREATE_WEB_RTC_SERVER)
    def create_web_rtc_server(self, body: CreateWebRtcServerRequest) -> None:
        """Makes a WebRtcServer."""
        from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer

        self._servers[body.web_rtc_server_id] = WebRtcServer(self._context, body.web_rtc_server_id, body)
        self._loop.call_soon(self._prepare_encryption)

    @handles(commands.WEB_RTC_SERVER_CLOSE)
    def close_web_rtc_server(self, body: CloseWebRtcServerRequest) -> Iterator[None]:
        """Closes a WebRtcServer and the transports on its sockets; raises ``CommandError`` when there is none."""
        server = self._servers.get(body.web_rtc_server_id)
        if server is None:
            raise CommandError("WebRtcServer not found")
        yield from server.closing()
        del self._servers[body.web_rtc_server_id]

    @handles(commands.WORKER_CREATE_ROUTER)
    def create_router(self, body: CreateRouterRequest) -> None:
        """Makes a router."""
        from miso.worker.rtc.router import Router

        self._routers[body.router_id] = Router(self._context, body.router_id, self._servers)
        self._tick()
        self._loop.call_soon(self._prepare_encryption)

    @handles(commands.ROUTER_CLOSE)
    def close_router(self, body: CloseRouterRequest) -> Iterator[None]:
        """Closes a router and all that it carries; raises ``CommandError`` when there is none."""
        router = self._routers.get(body.router_id)
        if router is None:
            raise CommandError("Router not found")
        yield from router.closing()
        del self._routers[body.router_id]
        self._tick()
        if not self._routers and not self._collects_soon:
            self._collects_soon = True
            self._loop.call_later(_COLLECTS_UNWATCHED_AFTER_S, self._collect_unwatched)

    # ------------------------------------------------------------ inside

    def _collect_unwatched(self) -> None:
        """Not before the answer to who has closed the last router is out, and only if there is no other one since."""
        self._collects_soon = False
        if not self._routers:
            self._turns.add(self._garbage.collect_unwatched)

    def _tick(self) -> None:
        """Only a worker with a router wakes up for that."""
        if bool(self._routers) == self._ticks:
            return
        self._ticks = not self._ticks
        if self._ticks:
            self._delay.start()
            self._loop.add_reader(self._delay.fileno, WakeUp(self._delay, self._delay.on_tick).run)
        else:
            self._loop.remove_reader(self._delay.fileno)
            self._delay.stop()

    def _delays(self) -> LoopDelays:
        return LoopDelays(bounds_us=list(BOUNDS_US), counts=self._delay.counts, sum_us=self._delay.sum_us)

    def _on_fault(self) -> None:
        if not self._tells_faults:
            self._tells_faults = True
            self._loop.call_later(_TELL_FAULTS_AFTER_S, self._tell_faults)

    def _tell_faults(self) -> None:
        self._tells_faults = False
        if not self._closed:
            self._channel.notify(os.getpid(), "faults", WorkerFaults(count=faults.count))

    def _on_traffic_limited(self) -> None:
        if not self._tells_dropped:
            self._tells_dropped = True
            self._loop.call_later(_TELL_DROPPED_AFTER_S, self._tell_dropped)

    def _tell_dropped(self) -> None:
        self._tells_dropped = False
        if self._closed:
            return
        counters = self._context.plane.counters
        dropped = WorkerDropped(
            stun=counters["stun_limited"],
            stun_for_nobody=counters["stun_unknown"],
            rtcp=counters["rtcp_limited"],
            dtls=counters["dtls_limited"],
            repairs=counters["repairs_limited"],
        )
        self._channel.notify(os.getpid(), "dropped", dropped)

    @cached_property
    def _context(self) -> Context:
        from miso.worker.dataplane import Plane
        from miso.worker.dtls.certificate import Certificate
        from miso.worker.rtc.context import Context
        from miso.worker.rtc.rounds import ProbeRounds, WorkerRounds

        settings = self._settings
        if settings.dtls_certificate_file:
            certificate = Certificate.from_files(settings.dtls_certificate_file, settings.dtls_private_key_file)
        else:
            certificate = Certificate()
        plane = Plane()
        scheduler = LoopScheduler(self._loop, self._turns, self._delay)
        rounds = WorkerRounds(scheduler, plane)
        self._delay.ticked, self._delay.on_events = rounds.turns, rounds.on_events
        return Context(
            notifier=self._channel,
            scheduler=scheduler,
            rounds=rounds,
            probe_rounds=ProbeRounds(scheduler, plane),
            sockets=LoopSockets(self._loop, settings.rtc_min_port, settings.rtc_max_port),
            registry=self._registry,
            plane=plane,
            certificate=certificate,
            random=os.urandom,
            on_traffic_limited=self._on_traffic_limited,
        )

    def _load_sctp(self) -> None:
        if not self._closed:
            from miso.worker.sctp import association  # noqa: F401

    def _prepare_encryption(self) -> None:
        self._load_sctp()
        if not self._closed:
            from miso.worker.srtp import choice, cipher

            logger.debug("SRTP by %s", choice.describe(cipher.in_use()), extra={"tag": "srtp"})
            if not cipher.in_use():
                from miso.worker.dataplane.transport import libsrtp

                libsrtp.load()
            self._context.certificate.prepare()
            if not self._frozen:
                self._frozen = True
                self._garbage.freeze_what_stays()

    def _on_controller_gone(self) -> None:
        # The pipes call this from the middle of a read or write.
        self._loop.call_soon(self.close)
