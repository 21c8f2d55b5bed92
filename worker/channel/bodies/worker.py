"""Bodies of ``worker.*``."""

from __future__ import annotations

import msgspec

from .base import Body, ObjectId


class UpdateSettingsRequest(Body, frozen=True, kw_only=True):
    """New log level (debug, warn, error, none) and tags; what is absent stays as it is."""

    log_level: str | None = None
    log_tags: list[str] | None = None


class CreateRouterRequest(Body, frozen=True, kw_only=True):
    """The id of the router to create."""

    router_id: ObjectId


class CloseRouterRequest(Body, frozen=True, kw_only=True):
    """The id of the router to close."""

    router_id: ObjectId


class CloseWebRtcServerRequest(Body, frozen=True, kw_only=True):
    """The id of the server to close."""

    web_rtc_server_id: ObjectId


class ChannelMessageHandlers(Body, frozen=True, kw_only=True):
    """The ids of all objects that take requests or payload messages."""

    channel_request_handlers: list[str]
    payload_channel_request_handlers: list[str]
    payload_channel_notification_handlers: list[str]


class WorkerDump(Body, frozen=True, kw_only=True):
    """The worker; ``channel_message_handlers`` stands in the 3.12 dialect only."""

    pid: int
    web_rtc_server_ids: list[str]
    router_ids: list[str]
    channel_message_handlers: ChannelMessageHandlers | None = None


class WorkerFaults(Body, frozen=True, kw_only=True):
    """How many exceptions nobody expected there were since the start; each cost one unit of work and was logged."""

    count: int


class WorkerDropped(Body, frozen=True, kw_only=True):
    """Packets that peers sent beyond what they may ask of a worker, and that were dropped, since the start.

    Attributes:
        stun: Checks with a right username fragment.
        stun_for_nobody: STUN with another one, or none.
        rtcp: Compound packets.
        dtls: Datagrams that look like DTLS.
        repairs: Packets that were asked for by NACK, and not sent again.
    """

    stun: int
    stun_for_nobody: int
    rtcp: int
    dtls: int
    repairs: int


class LoopDelays(Body, frozen=True, kw_only=True):
    """How long what is due has waited for the worker's event loop since the start: ticks of a timer stand for it.

    Attributes:
        bounds_us: Between which delays is told apart, in microseconds, rising.
        counts: How many ticks waited no longer than each bound, and longer than the one before; the last one, of which
            there is one more than of the bounds, counts those beyond all.
        sum_us: How long all ticks together have waited, in microseconds.
    """

    bounds_us: list[int]
    counts: list[int]
    sum_us: int


class LoadReport(Body, frozen=True, kw_only=True):
    """What the worker has done since its start; the difference of two reports is its load between them.

    Attributes:
        timestamp_us: When that was, by the monotonic clock of its machine.
        cpu_us: CPU time of the process, user and system.
        packets_forwarded: RTP packets that were handed to consumers: one that comes in counts once for each of them.
        loop_delay: How long media may have waited; it is looked at while the worker has a router.
    """

    timestamp_us: int
    cpu_us: int
    packets_forwarded: int
    loop_delay: LoopDelays | None = None


class ResourceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """``getrusage(2)`` of the worker; times in ms, ``ru_maxrss`` in kB."""

    ru_utime: int
    ru_stime: int
    ru_maxrss: int
    ru_ixrss: int
    ru_idrss: int
    ru_isrss: int
    ru_minflt: int
    ru_majflt: int
    ru_nswap: int
    ru_inblock: int
    ru_oublock: int
    ru_msgsnd: int
    ru_msgrcv: int
    ru_nsignals: int
    ru_nvcsw: int
    ru_nivcsw: int
