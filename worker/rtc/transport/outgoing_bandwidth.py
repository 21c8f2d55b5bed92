"""How much may be sent to one receiver, and which consumer gets how much of it.

The first video consumer whose receiver speaks transport-wide feedback or REMB decides which of the two is listened to.
From then on the transport manages the bitrate of its consumers: layer by layer, higher priorities more often. Where no
consumer has layers there is nothing to share out, and the data plane looks after the rest (``OutgoingTurn``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from miso.worker.channel.events import TraceValue
from miso.worker.dataplane import OutgoingEstimate, OutgoingTurn, ProbationTraced, TransportPlane
from miso.worker.errors import BodyError
from miso.worker.faults import attempt, attempt_for
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.context import Context
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, MID_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtc.trace import Tracer

logger = logging.getLogger(__name__)

_MIN_BITRATE_BPS = 30_000
DEFAULT_INITIAL_BITRATE_BPS = 600_000
_INTERVAL_US = 1_000_000
# An estimate that is far from what was told last is told at once, but no more often than this: each time costs a
# distribution, and receivers may claim anything.
_SHARP_INTERVAL_US = 100_000
_FLOOD = 1.5  # times what can be sent: a third of all packets is lost, which is some of every picture
_PADDING_SHARE = 0.85  # of the limit, as traces show it


class OutgoingBandwidth:
    """The outgoing estimate of one transport and its distribution.

    Attributes:
        id: Of the transport.
        kind: ``transport-cc``, ``remb``, or empty while no consumer asks for either: then nothing is managed.
    """

    def __init__(
        self,
        context: Context,
        transport_id: str,
        plane: TransportPlane,
        consumers: Mapping[str, Consumer],
        tracer: Tracer,
        initial_bps: int,
    ) -> None:
        """Manages nothing until a consumer asks for it.

        Args:
            context: What every object of the worker is given.
            transport_id: Of the transport.
            plane: The transport's half in the data plane.
            consumers: Those of the transport, as they come and go.
            tracer: Of the transport.
            initial_bps: What may be sent before anything is known.
        """
        self.id = transport_id
        self.kind = ""
        self._scheduler = context.scheduler
        self._rounds = context.rounds
        self._probe_rounds = context.probe_rounds
        self._plane = plane
        self._consumers = consumers
        self._tracer = tracer
        self._initial_bps = max(initial_bps, _MIN_BITRATE_BPS)
        self._turn = OutgoingTurn(plane, self._initial_bps)
        self._turn.owner = self
        self._estimate: OutgoingEstimate | None = None
        self._layered: dict[str, Consumer] = {}  # consumers among which something is to be shared out
        self._reachable = False  # the receiver
        self._sharp_us = -_SHARP_INTERVAL_US
        self._will_distribute = False  # as soon as what happens now has happened
        self._will_force = False
        self._sharp_timer = Alarm(self._scheduler, self, OutgoingBandwidth._take_estimate)

    # ------------------------------------------------------------ from the transport

    def consider(self, consumer: Consumer) -> None:
        """A consumer came."""
        if consumer.kind == "video" and consumer.type != "pipe":
            if consumer.type == "simple" and consumer.producer.type == "simple":
                max_bps = consumer.rtp_parameters.encodings[0].max_bitrate_bps
                self._turn.add_whole(consumer.streams[0].plane, max_bps)
            else:
                self._layered[consumer.id] = consumer
                self.update_traces()
        if not self.kind and consumer.kind == "video":
            self._start(consumer)
        if self.kind:
            consumer.managed_by_transport = True

    def forget(self, consumer: Consumer) -> None:
        """It has closed."""
        if self._layered.pop(consumer.id, None) is None:
            self._turn.remove_whole(consumer.streams[0].plane)
        else:
            self.update_traces()

    def _start(self, consumer: Consumer) -> None:
        parameters = consumer.rtp_parameters
        ids = parameters.extensions.ids
        if TRANSPORT_WIDE_CC_URI in ids and "transport-cc" in parameters.codecs.feedback_types:
            self.kind = "transport-cc"
            self._estimate = OutgoingEstimate(
                self._plane,
                start_bitrate_bps=self._initial_bps,
                min_bitrate_bps=self._turn.lowest_bps,
                mid_id=ids.get(MID_URI, 0),
                abs_send_time_id=ids.get(ABS_SEND_TIME_URI, 0),
                transport_wide_cc_id=ids[TRANSPORT_WIDE_CC_URI],
            )
            self._estimate.owner = self
            self._turn.estimate = self._estimate
            self.update_traces()
        elif ABS_SEND_TIME_URI in ids and "goog-remb" in parameters.codecs.feedback_types:
            self.kind = "remb"
            self._plane.takes_remb = True
        else:
            return
        logger.debug("outgoing bandwidth is estimated transport=%s by=%s", self.id, self.kind)
        for other in self._consumers.values():
            other.managed_by_transport = True
        if self._reachable:
            self.on_connected()

    def on_connected(self) -> None:
        """The receiver can be reached."""
        self._reachable = True
        if not self.kind or self._turn.connected:
            return
        now_us = self._scheduler.now_us()
        self._turn.connected = True
        self._turn.apply_limits(now_us)
        self.distribute()
        self._turn.keep_told()
        self._turn.begin_second(now_us)
        self._rounds.set(self._turn, _INTERVAL_US)

    def on_disconnected(self) -> None:
        """The receiver cannot be reached any more: nothing is probed, the estimate stands."""
        self._reachable = False
        if not self._turn.connected:
            return
        self._turn.connected = False
        self._turn.take_desired(0, self._scheduler.now_us(), force=True)
        self._rounds.stop(self._turn)
        self._sharp_timer.stop()
        if self._estimate is not None:
            self._probe_rounds.stop(self._estimate)

    def close(self) -> None:
        """Estimates nothing any more."""
        self.on_disconnected()
        self._turn.owner = None
        if self._estimate is not None:
            self._estimate.owner = None
            self._estimate.close()

    def set_max(self, bitrate_bps: int) -> None:
        """Limits the estimate from above, in bit/s; 0 lifts the limit.

        Raises:
            BodyError: It is below 30,000 or the lower limit.
        """
        _check_limit(bitrate_bps)
        lowest_bps = self._turn.min_bps
        if 0 < bitrate_bps < lowest_bps:
            raise BodyError(f"bitrate must be >= current min outgoing bitrate ({lowest_bps}) or 0 (unlimited)")
        self._turn.max_bps = bitrate_bps
        self.distribute()

    def set_min(self, bitrate_bps: int) -> None:
        """Limits the estimate from below, in bit/s; 0 lifts the limit.

        Raises:
            BodyError: It is below 30,000 or above the upper limit.
        """
        _check_limit(bitrate_bps)
        highest_bps = self._turn.max_bps
        if 0 < highest_bps < bitrate_bps:
            raise BodyError(f"bitrate must be <= current max outgoing bitrate ({highest_bps}) or 0 (unlimited)")
        self._turn.min_bps = bitrate_bps
        self.distribute()

    def update_traces(self) -> None:
        """The controller wants other trace events, or there are other consumers: who looks each second?"""
        self._turn.asks_control = bool(self._layered) or "bwe" in self._tracer.types
        if self._estimate is not None:
            self._estimate.trace_probation = "probation" in self._tracer.types

    # ------------------------------------------------------------ from the receiver

    def on_estimate_changed(self) -> None:
        """By transport-wide feedback: the estimate is far from what was told last, or wants to probe."""
        if self._estimate is None or not self._turn.connected:
            return
        self._send_probation()
        self._take_estimate()

    def on_remb(self, bitrate_bps: int) -> None:
        """The receiver told its own estimate (draft-alvestrand-rmcat-remb-03); a sum of all streams."""
        if self.kind != "remb" or not self._turn.connected:
            return
        self._turn.remb_bps = bitrate_bps
        self._take_estimate()

    def on_probation_traced(self, event: ProbationTraced) -> None:
        """A probation packet was sent while they are traced."""
        info: dict[str, TraceValue] = dict(event.info)
        self._tracer.emit("probation", "out", info)

    # ------------------------------------------------------------ shares

    def distribute(self, *, force: bool = False) -> None:
        """Shares out anew what is available.

        Args:
            force: What is desired fell for good (a consumer paused or closed), not for the moment.
        """
        if not self.kind or not self._turn.connected:
            return
        if self._layered:
            self._share_out()
        self._update_desired(force=force)

    def distribute_soon(self, *, force: bool = False) -> None:
        """As ``distribute``, but once for all who come, go or change at the same time: it looks at each consumer."""
        if not self.kind or not self._turn.connected:
            return
        self._will_force |= force
        if not self._will_distribute:
            self._will_distribute = True
            self._scheduler.call_soon(self._distribute_now)

    def _distribute_now(self) -> None:
        force = self._will_force
        self._will_distribute = self._will_force = False
        self.distribute(force=force)

    @property
    def available_bps(self) -> int:
        """What may be sent, in bit/s; 0 before the transport is connected."""
        return self._turn.available_bps

    @property
    def fraction_lost(self) -> float:
        """Of what is sent, by transport-wide feedback, 0.0 to 1.0."""
        return self._estimate.fraction_lost if self._estimate is not None else 0.0

    def _share_out(self) -> None:
        now_us = self._scheduler.now_us()
        takers = [
            (priority, consumer)
            for consumer in self._consumers.values()
            if (priority := attempt_for(0, consumer, consumer.bitrate_priority)) > 0
        ]
        if not takers:
            return
        takers.sort(key=lambda taker: taker[0], reverse=True)
        is_flooded = self._is_flooded([consumer for _, consumer in takers], now_us)
        left_bps = self.available_bps
        is_first_round = True  # a layer for each; then as many at once as the priority says
        while left_bps > 0:
            before_bps = left_bps
            for priority, consumer in takers:
                for _ in range(1 if is_first_round else priority):
                    taken_bps = attempt_for(0, consumer, consumer.increase_layer, left_bps, self.kind == "remb", now_us)
                    assert 0 <= taken_bps <= left_bps
                    left_bps -= taken_bps
                    if taken_bps == 0:
                        break
            if left_bps == before_bps:
                break
            is_first_round = False
        for _, consumer in takers:
            attempt(consumer, consumer.apply_layers, is_flooded)

    def _is_flooded(self, takers: Iterable[Consumer], now_us: int) -> bool:
        """Whether so much more is sent than can arrive that pictures do not any more.

        An estimate that we hold down (``setMaxOutgoingBitrate``, or since no more was desired) says nothing of the way.
        """
        if self.available_bps >= self._turn.limit_bps:
            return False
        sent_bps = sum(attempt_for(0, consumer, consumer.forwarded_bitrate, now_us) for consumer in takers)
        return sent_bps > _FLOOD * self.available_bps

    def _update_desired(self, *, force: bool = False) -> None:
        now_us = self._scheduler.now_us()
        desired_bps = self._turn.whole_bps(now_us)
        for one in self._layered.values():
            desired_bps += attempt_for(0, one, one.desired_bitrate, now_us)
        self._turn.take_desired(desired_bps, now_us, force=force)
        self._send_probation()

    # ------------------------------------------------------------ own

    def on_bandwidth_due(self) -> None:
        """A second is over, and there are layers to choose or somebody who traces: when there is time beside media.

        Of many transports whose turn it is in one pass each would make the others, and media, wait.
        """
        self._scheduler.call_soon(self._look)

    def _look(self) -> None:
        if not self._turn.connected:
            return
        if self._is_settled():
            self._update_desired()
            self._told()
        else:
            self._tell()

    def on_probation_due(self) -> None:
        """The estimate wants to know whether the way carries more."""
        self._send_probation()

    def _take_estimate(self) -> None:
        """Less or much more may be sent than was told last: at once; other changes wait for the timer."""
        if self._turn.is_told():
            return
        now_us = self._scheduler.now_us()
        wait_us = self._sharp_us + _SHARP_INTERVAL_US - now_us
        if wait_us <= 0:
            self._sharp_us = now_us
            self._turn.begin_second(now_us)
            self._tell()
        elif not self._sharp_timer.is_set:
            self._sharp_timer.set(wait_us)

    def _is_settled(self) -> bool:
        """Whether sharing out anew would change nothing: all get what they prefer, and there is enough for that."""
        if self.kind != "transport-cc":  # else the loss of each counts too
            return False
        now_us = self._scheduler.now_us()
        needed_bps = self._turn.whole_bps(now_us)
        for consumer in self._layered.values():
            settled_bps = attempt_for(-1, consumer, consumer.settled_bitrate, now_us)
            if settled_bps < 0:
                return False
            needed_bps += settled_bps
        return needed_bps <= self.available_bps

    def _tell(self) -> None:
        self.distribute()
        self._told()

    def _told(self) -> None:
        self._turn.keep_told()
        if "bwe" in self._tracer.types:
            self._tracer.emit("bwe", "out", self._described())

    def _described(self) -> dict[str, TraceValue]:
        """As traces show it."""
        return {
            "desiredBitrate": self._turn.desired_bps,
            "effectiveDesiredBitrate": self._turn.trend.bitrate_bps,
            "minBitrate": self._turn.lowest_bps,
            "maxBitrate": self._turn.limit_bps,
            "startBitrate": max(self.available_bps, _MIN_BITRATE_BPS),
            "maxPaddingBitrate": int(self._turn.limit_bps * _PADDING_SHARE),
            "availableBitrate": self.available_bps,
            "type": self.kind,
        }

    def _send_probation(self) -> None:
        estimate = self._estimate
        if estimate is not None and self._turn.connected and estimate.due_us < 0 and estimate.wants_probation():
            self._probe_rounds.set(estimate, 0)


def _check_limit(bitrate_bps: int) -> None:
    if 0 < bitrate_bps < _MIN_BITRATE_BPS:
        raise BodyError(f"bitrate must be >= {_MIN_BITRATE_BPS} or 0 (unlimited)")
