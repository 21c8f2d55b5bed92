"""Which producer of a transport an RTP packet belongs to: by SSRC, else by MID, else by RID (RFC 8843 section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import CommandError

if TYPE_CHECKING:
    from worker.rtc.producer import Producer


class RtpListener:
    """The SSRC, MID and RID tables of one transport."""

    def __init__(self) -> None:
        self.by_ssrc: dict[int, Producer] = {}
        self.by_mid: dict[str, Producer] = {}
        self.by_rid: dict[str, Producer] = {}

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
