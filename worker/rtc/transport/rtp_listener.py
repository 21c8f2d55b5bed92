"""Which producer of a transport an RTP packet belongs to: by MID, else by SSRC, else by RID.

https://www.rfc-editor.org/rfc/rfc9143.html#section-9.2
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from miso.worker.channel.bodies.transport import RecvRtpHeaderExtensions, RtpListenerDump
from miso.worker.dataplane import TransportPlane, UnknownSsrc
from miso.worker.errors import CommandError
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.rtp_parameters import RtpParameters

_MAX_REMEMBERED = 256  # SSRCs whose MID and RIDs are remembered; then the one that was longest unheard of is forgotten


class _Said(NamedTuple):
    """What packets of an SSRC have said of their stream; "" nothing."""

    mid: str
    rid: str
    repaired_rid: str


class RtpListener:
    """The SSRC, MID and RID tables of one transport, and the header extensions that it reads.

    Senders name MID and RIDs in a stream's first packets and, once they know that these arrived, no more (RFC 8852
    section 3). So what an SSRC said holds until it says something else, though the producer comes later or is closed.

    Attributes:
        by_mid: Producers by MID.
        extensions: The ids of the header extensions that all producers together have named.
    """

    def __init__(self, plane: TransportPlane) -> None:
        """``plane`` is told which extensions to read."""
        self.by_mid: dict[str, Producer] = {}
        self.extensions = RecvRtpHeaderExtensions()
        self._announced: dict[int, Producer] = {}  # by the SSRCs of their streams and of these streams' repairs
        self._learned: dict[int, Producer] = {}  # likewise, as packets have shown
        self._by_rid: dict[str, list[Producer]] = {}  # in the order in which they were made
        self._said: OrderedDict[int, _Said] = OrderedDict()
        self._past: OrderedDict[int, None] = OrderedDict()  # SSRCs whose producer was closed, or that were replaced
        self._plane = plane

    def add(self, producer: Producer) -> None:
        """Enters what the producer's parameters announce.

        Raises:
            CommandError: An SSRC or the MID is taken, or a RID is and there is no MID to tell the producers apart;
                the tables are then as before.
        """
        parameters = producer.rtp_parameters
        ssrcs = _announced_ssrcs(parameters)
        for index, ssrc in enumerate(ssrcs):
            if self.producer_of(ssrc) is not None or ssrc in ssrcs[:index]:
                raise CommandError(f"ssrc already exists in RTP listener [ssrc:{ssrc}]")
        if parameters.mid in self.by_mid:
            raise CommandError(f"MID already exists in RTP listener [mid:{parameters.mid}]")
        rids = _announced_rids(parameters)
        if not parameters.mid:
            for index, rid in enumerate(rids):
                if rid in self._by_rid or rid in rids[:index]:
                    raise CommandError(f"RID already exists in RTP listener and no MID is given [rid:{rid}]")
        self._announced.update(dict.fromkeys(ssrcs, producer))
        for ssrc in ssrcs:
            self._said.pop(ssrc, None)
        if parameters.mid:
            self.by_mid[parameters.mid] = producer
        for rid in dict.fromkeys(rids):
            self._by_rid.setdefault(rid, []).append(producer)

    def remove(self, producer: Producer) -> None:
        """Forgets all entries of the producer, but that its SSRCs may still be on the way."""
        parameters = producer.rtp_parameters
        for ssrc in (*producer.streams, *producer.streams_by_rtx):
            if self._learned.get(ssrc) is producer:
                del self._learned[ssrc]
                self.retire(ssrc)
        for ssrc in _announced_ssrcs(parameters):
            if self._announced.get(ssrc) is producer:
                del self._announced[ssrc]
        if self.by_mid.get(parameters.mid) is producer:
            del self.by_mid[parameters.mid]
        for rid in _announced_rids(parameters):
            having = self._by_rid.get(rid, [])
            if producer in having:
                having.remove(producer)
                if not having:
                    del self._by_rid[rid]

    def producer_of(self, ssrc: int) -> Producer | None:
        """Whose stream the SSRC is, or the repair of a stream."""
        return self._learned.get(ssrc) or self._announced.get(ssrc)

    def recall(self, event: UnknownSsrc) -> None:
        """Adds to the packet what earlier ones of its SSRC said, and remembers what it says."""
        before = self._said.pop(event.ssrc, _Said("", "", ""))
        if event.mid in ("", before.mid):
            event.mid = event.mid or before.mid
            event.rid = event.rid or before.rid
            event.repaired_rid = event.repaired_rid or before.repaired_rid
        self._remember(event.ssrc, _Said(event.mid, event.rid, event.repaired_rid))

    def find(self, event: UnknownSsrc) -> Producer | None:
        """The producer of a packet, after ``recall``.

        A MID decides alone: RIDs are known within it only, and an SSRC does not make a packet another MID's, except for
        a producer that has no MID. Of several producers with the RID of a packet that names no MID it is the first's.
        """
        by_ssrc = self.producer_of(event.ssrc)
        if event.mid:
            by_mid = self.by_mid.get(event.mid)
            if by_mid is None and by_ssrc is not None and not by_ssrc.rtp_parameters.mid:
                return by_ssrc
            return by_mid
        return by_ssrc or next(iter(self._by_rid.get(event.rid or event.repaired_rid, ())), None)

    def learn(self, ssrc: int, producer: Producer) -> None:
        """From now on this SSRC is the producer's."""
        if self._announced.get(ssrc) is not producer:
            self._learned[ssrc] = producer
        mid = producer.rtp_parameters.mid
        if mid:
            self._remember(ssrc, self._said.pop(ssrc, _Said("", "", ""))._replace(mid=mid))

    def _remember(self, ssrc: int, said: _Said) -> None:
        if any(said):
            self._said[ssrc] = said
            if len(self._said) > _MAX_REMEMBERED:
                self._said.popitem(last=False)

    def retire(self, ssrc: int) -> None:
        """From now on the SSRC takes nobody's place, but may have one that is free."""
        self._past[ssrc] = None
        if len(self._past) > _MAX_REMEMBERED:
            self._past.popitem(last=False)

    def is_past(self, ssrc: int) -> bool:
        """Whether ``retire`` was told of it."""
        return ssrc in self._past

    def unlearn(self, ssrc: int) -> None:
        """The SSRC is nobody's, but for who has announced it."""
        self._learned.pop(ssrc, None)

    def learn_extensions(self, extensions: RecvRtpHeaderExtensions) -> None:
        """A producer has these header extensions, by ids that the transport reads in every packet from now on."""
        known = self.extensions
        self.extensions = RecvRtpHeaderExtensions(
            mid=extensions.mid or known.mid,
            rid=extensions.rid or known.rid,
            rrid=extensions.rrid or known.rrid,
            abs_send_time=extensions.abs_send_time or known.abs_send_time,
            transport_wide_cc_01=extensions.transport_wide_cc_01 or known.transport_wide_cc_01,
        )
        self._plane.set_receive_extensions(
            mid=self.extensions.mid or 0,
            rid=self.extensions.rid or 0,
            repaired_rid=self.extensions.rrid or 0,
            abs_send_time=self.extensions.abs_send_time or 0,
            transport_wide_cc=self.extensions.transport_wide_cc_01 or 0,
        )

    def dump(self) -> RtpListenerDump:
        """The tables, as ``transport.dump`` shows them."""
        if not (self._announced or self._learned or self.by_mid or self._by_rid):  # as when it is made
            return RtpListenerDump(ssrc_table={}, mid_table={}, rid_table={})
        return RtpListenerDump(
            ssrc_table={str(ssrc): producer.id for ssrc, producer in (self._announced | self._learned).items()},
            mid_table={mid: producer.id for mid, producer in self.by_mid.items()},
            rid_table={rid: having[0].id for rid, having in self._by_rid.items()},
        )


def _announced_ssrcs(parameters: RtpParameters) -> list[int]:
    return [ssrc for encoding in parameters.encodings for ssrc in (encoding.ssrc, encoding.rtx_ssrc) if ssrc]


def _announced_rids(parameters: RtpParameters) -> list[str]:
    return [encoding.rid for encoding in parameters.encodings if encoding.rid]
