"""Which producer of a transport an RTP packet belongs to: by SSRC, else by MID, else by RID (RFC 8843 section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.channel.bodies.transport import RecvRtpHeaderExtensions, RtpListenerDump
from worker.errors import CommandError

if TYPE_CHECKING:
    from worker.dataplane.plane import TransportPlane
    from worker.rtc.producer import Producer


class RtpListener:
    """The SSRC, MID and RID tables of one transport, and the header extensions that it reads.

    Attributes:
        by_ssrc: Producers by the SSRCs of their streams and of these streams' repairs.
        by_mid: Producers by MID.
        by_rid: Producers by RID; the first one where several have the same.
        extensions: The ids of the header extensions that all producers together have named.
    """

    def __init__(self, plane: TransportPlane) -> None:
        """``plane`` is told which extensions to read."""
        self.by_ssrc: dict[int, Producer] = {}
        self.by_mid: dict[str, Producer] = {}
        self.by_rid: dict[str, Producer] = {}
        self.extensions = RecvRtpHeaderExtensions()
        self._plane = plane

    def add(self, producer: Producer) -> None:
        """Enters what the producer's parameters announce.

        Raises:
            CommandError: An SSRC or the MID is taken, or a RID is and there is no MID to tell the producers apart;
                the tables are then as before.
        """
        parameters = producer.rtp_parameters
        ssrcs = [ssrc for encoding in parameters.encodings for ssrc in (encoding.ssrc, encoding.rtx_ssrc) if ssrc]
        for index, ssrc in enumerate(ssrcs):
            if ssrc in self.by_ssrc or ssrc in ssrcs[:index]:
                raise CommandError(f"ssrc already exists in RTP listener [ssrc:{ssrc}]")
        if parameters.mid in self.by_mid:
            raise CommandError(f"MID already exists in RTP listener [mid:{parameters.mid}]")
        rids = [encoding.rid for encoding in parameters.encodings if encoding.rid]
        if not parameters.mid:
            for index, rid in enumerate(rids):
                if rid in self.by_rid or rid in rids[:index]:
                    raise CommandError(f"RID already exists in RTP listener and no MID is given [rid:{rid}]")
        self.by_ssrc.update(dict.fromkeys(ssrcs, producer))
        if parameters.mid:
            self.by_mid[parameters.mid] = producer
        for rid in rids:
            self.by_rid.setdefault(rid, producer)

    def remove(self, producer: Producer) -> None:
        """Forgets all entries of the producer."""
        self.by_ssrc = {ssrc: other for ssrc, other in self.by_ssrc.items() if other is not producer}
        self.by_mid = {mid: other for mid, other in self.by_mid.items() if other is not producer}
        self.by_rid = {rid: other for rid, other in self.by_rid.items() if other is not producer}

    def find(self, ssrc: int, mid: str, rid: str) -> Producer | None:
        """The producer of a packet with this SSRC and these header extensions ("" when absent)."""
        return self.by_ssrc.get(ssrc) or self.by_mid.get(mid) or self.by_rid.get(rid)

    def learn(self, ssrc: int, producer: Producer) -> None:
        """From now on this SSRC is the producer's."""
        self.by_ssrc[ssrc] = producer

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
        return RtpListenerDump(
            ssrc_table={str(ssrc): producer.id for ssrc, producer in self.by_ssrc.items()},
            mid_table={mid: producer.id for mid, producer in self.by_mid.items()},
            rid_table={rid: producer.id for rid, producer in self.by_rid.items()},
        )
