"""Packets that are of no stream yet: they find their producer, which makes a stream of them, or are ignored."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from miso.worker.dataplane import TransportPlane, UnknownSsrc
from miso.worker.faults import attempt_for
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.transport.rtp_listener import RtpListener

logger = logging.getLogger(__name__)


class NewStreams:
    """Of one transport.

    Attributes:
        id: Of the transport.
    """

    def __init__(self, transport_id: str, plane: TransportPlane, listener: RtpListener) -> None:
        """``listener`` knows whose packets are; what has found its stream goes through ``plane`` again."""
        self.id = transport_id
        self._plane = plane
        self._listener = listener

    def on_unknown_ssrc(self, event: UnknownSsrc, now_us: int) -> None:
        """A packet of no stream yet, or of another stream than its SSRC's, since its MID says so."""
        listener = self._listener
        names_itself = bool(event.mid or event.rid or event.repaired_rid)
        listener.recall(event)
        producer = listener.find(event)
        holder = listener.producer_of(event.ssrc)
        if holder is not None and holder.has_ssrc(event.ssrc):
            if producer is holder:
                holder.tolerate_mid(event.ssrc, event.mid)
                self._receive_again((event.packet, *event.later), now_us)
                return
            logger.debug("ssrc moved transport=%s ssrc=%d from=%s mid=%s", self.id, event.ssrc, holder.id, event.mid)
            for ssrc in holder.release_ssrc(event.ssrc):
                listener.unlearn(ssrc)
        if producer is not None and names_itself and not listener.is_past(event.ssrc):
            self._make_room(producer, event)
        if producer is None or not attempt_for(False, producer, producer.accept_ssrc, event):
            logger.debug("ssrc ignored transport=%s ssrc=%d payload_type=%d", self.id, event.ssrc, event.payload_type)
            self._plane.ignore_ssrc(event.ssrc)
        else:
            listener.learn(event.ssrc, producer)
            self._receive_again((event.packet,), now_us)
            producer.stream_started(event.ssrc)
        self._receive_again(event.later, now_us)

    def _make_room(self, producer: Producer, event: UnknownSsrc) -> None:
        """A sender has one SSRC at a time for a MID and RID: what has the place of a new one was left on the way.

        That may be packets of a closed producer that had the same MID, or of a sender that has begun anew.
        """
        stale = producer.ssrc_in_place_of(event)
        if stale is None:
            return
        logger.debug("ssrc replaced transport=%s ssrc=%d by=%d mid=%s", self.id, stale, event.ssrc, event.mid)
        for ssrc in producer.release_ssrc(stale):
            self._listener.unlearn(ssrc)
            self._listener.retire(ssrc)
        self._plane.ignore_ssrc(stale)  # who changes its SSRCs all the time is heard now and then only

    def _receive_again(self, packets: Iterable[bytes], now_us: int) -> None:
        for packet in packets:
            deliver(self._plane.receive(packet, now_us), now_us)
