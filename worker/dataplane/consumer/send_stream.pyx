# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The stream that a consumer sends: stamped, protected, remembered, and sent again when its receiver asks."""

from libc.string cimport memcpy, memset

from miso.worker.bwe.send_side cimport SendSideEstimator
from miso.worker.dataplane.consumer.filler cimport FILLER_SIZE, RTX_FILLER_SIZE, write_filler
from miso.worker.dataplane.consumer.rewriting cimport rewrite
from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.dataplane.producer.packet_store cimport PacketStore
from miso.worker.dataplane.producer.packet_trace cimport describe_packet
from miso.worker.dataplane.sockets.batch cimport MAX_PACKET, TRAILER_ROOM
from miso.worker.dataplane.transport.sending_half cimport SendingHalf
from miso.worker.rtp.big_endian cimport read_u32, write_u16, write_u24, write_u32
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.enums cimport FOUND
from miso.worker.rtp.sequence cimport is_newer32
from miso.worker.srtp.outgoing cimport REFUSED

from miso.worker.dataplane.events import PacketTraced, RtpDelivered

cdef enum:
    MAX_RESENT = 256  # packets of one NACK
    REPAIRABLE_US = 3000000  # longer than anything can be repaired (``RetransmissionIndex``)
    FREE_REPAIR_BPS = 1000000  # besides twice what the transport sends: who asks for more wants a flood
    FILLER = 0xFFFF  # a slot of the index that no stream has: what was sent is a filler (``filler.pxd``), whose payload
    # type and timestamp stand where the generation and the timestamp offset of a packet would


cdef class SendStream(Sender):
    """What a consumer sends with one SSRC, and repairs with another; what is sent the consumer decides."""

    cdef int rekey(self) except -1:
        self._protection = self._transport.make_protection(self.ssrc, self.rtx_ssrc)
        return 0

    # ------------------------------------------------------------ sending

    cdef void _stamp(
        self,
        unsigned char *packet,
        const Packet *layout,
        unsigned short sequence_number,
        unsigned int timestamp,
        bint is_repeat,
    ) noexcept:
        """Writes over the canonical packet what is this consumer's own; an extension not negotiated becomes padding.

        ``is_repeat``: as it was written for the packet that ``_index`` has found.
        """
        cdef unsigned char *element
        write_u16(packet + 2, sequence_number)
        write_u32(packet + 4, timestamp)
        write_u32(packet + 8, self.ssrc)
        if layout.mid_at != 0:
            memcpy(packet + layout.mid_at - 1, self._mid_element, 9)
        if layout.abs_send_time_at != 0:
            element = packet + layout.abs_send_time_at
            if self._has_abs_send_time:
                write_u24(element, self._index.abs_send_time if is_repeat else self._plane.abs_send_time)
            else:
                memset(element - 1, 0, 4)
        if layout.transport_wide_cc_at != 0:
            element = packet + layout.transport_wide_cc_at
            if self._has_transport_wide_cc:
                if is_repeat:
                    self._transport_wide_number = self._index.transport_wide_number
                else:
                    self._transport_wide_number = self._transport.next_transport_wide_number(layout.size)
                write_u16(element, self._transport_wide_number)
            else:
                memset(element - 1, 0, 3)

    cdef int _send(self, unsigned char *slot, int size, bint is_repeat) noexcept:
        cdef int plain_size = size
        if self.deliver:
            self._plane.events.append(RtpDelivered(self, slot[:size]))
            return size
        if self._transport.encrypted:
            size = self._plane.batch.protect(self._protection, slot, size, is_repeat)
            if size == REFUSED:
                self._plane.count.srtp_failed += 1
                return 0
        self._plane.batch.commit(
            &self._transport.destination, size, self, plain_size, self._is_repairing
        )
        return size

    cdef void _trace(
        self, const Packet *packet, unsigned short sequence_number, unsigned int timestamp, bint is_rtx
    ) noexcept:
        cdef bint is_key_frame = packet.payload != NULL and (<PayloadDescriptor>packet.payload).is_key_frame
        cdef int mid_size = (self._mid_element[0] & 15) + 1
        cdef bint has_osn = is_rtx and self._uses_rtx(packet)
        if has_osn:
            info = describe_packet(packet, self.rtx_ssrc, self._rtx_sequence, timestamp, packet.size + 2)
            info["payloadType"] = self._rtx_payload_types[packet.payload_type]
            info["payloadSize"] += 2
        else:
            info = describe_packet(packet, self.ssrc, sequence_number, timestamp, packet.size)
        if packet.mid_at != 0 and self._mid_element[0] != 0:
            info["mid"] = self._mid_element[1 : 1 + mid_size].decode("utf-8", "replace")
        if packet.transport_wide_cc_at != 0 and self._has_transport_wide_cc:
            info["wideSequenceNumber"] = self._transport_wide_number
        self._plane.events.append(PacketTraced(self, is_key_frame, is_rtx, info))

    cdef bint _has_room(self, int size) noexcept:
        """Whether the connection takes another packet; one that is dropped counts nowhere but here."""
        if self.deliver or self._transport.endpoint.has_room(size + TRAILER_ROOM):
            return True
        self._plane.count.tcp_full += 1
        return False

    cdef void _remember(self, const Packet *packet, unsigned short number, unsigned int word, bint is_sent) noexcept:
        """What may be asked for again; not ``is_sent``: it has not gone out, there was no room."""
        if self._index is not None and packet.stored != 0:
            self._index.put(
                number,
                packet.stream_index,
                packet.stored,
                self._timestamps.offset(),
                self._plane.now_us,
                word,
                self._transport_wide_number,
                is_sent,
            )

    cdef void take_back(self, const unsigned char *packet, int plain_size, int size, bint is_repair) noexcept:
        cdef SendingHalf transport = self._transport
        cdef long long now_us = self._plane.now_us
        transport.sent.take_back(size, now_us)
        if not is_repair:
            self.packets -= 1
            self.bytes -= plain_size
            self._rate.take_back(plain_size, now_us)
            transport.rtp_sent.take_back(plain_size, now_us)
            return
        self.packets_retransmitted -= 1
        self.bytes_retransmitted -= plain_size
        transport.rtx_sent.take_back(plain_size, now_us)
        if self.rtx_ssrc != 0 and read_u32(packet + 8) == self.rtx_ssrc:
            self.rtx_packets -= 1
            self.rtx_bytes -= plain_size

    cdef void _keep_filler(self, unsigned short number, unsigned int timestamp, bint is_sent) noexcept:
        if self._index is not None:
            self._index.put(number, FILLER, self._payload_type, timestamp, self._plane.now_us, 0, 0, is_sent)

    # ------------------------------------------------------------ repair

    cdef void _repair_from(self, unsigned int timestamp) noexcept:
        """Pictures before this one are not repaired any more: it is a key frame, and what came before did not arrive.

        The receiver asks for that first: repairs of it would keep the link full while those of the key frame wait.
        """
        self._repaired_from = timestamp
        self._repaired_from_until_us = self._plane.now_us + REPAIRABLE_US

    cdef bint _is_past(self, unsigned int timestamp) noexcept:
        return self._plane.now_us < self._repaired_from_until_us and is_newer32(self._repaired_from, timestamp)

    cdef void repair(self, const unsigned short *numbers, int wanted) noexcept:
        """Answers a NACK, within a wake-up: each packet at most once per RTT, by RTX when negotiated."""
        cdef SendingHalf transport = self._transport
        cdef const Packet *kept
        cdef long long rtt_us = <long long>(self.rtt_ms * 1000)
        cdef SendSideEstimator outgoing = transport.outgoing
        cdef long long now_us = self._plane.now_us
        cdef unsigned short sequence_number
        cdef int index, size, resent
        if outgoing is not None:  # knows sooner than the reports when a queue makes the way longer
            rtt_us = max(rtt_us, <long long>(outgoing.rtt_ms * 1000))
        if self._index is None or self.closed or not self.active or not transport.connected:
            return
        if not self.deliver and transport.endpoint is None or (transport.encrypted and self._protection is None):
            return
        self._is_repairing = True
        for index in range(min(wanted, MAX_RESENT)):
            sequence_number = numbers[index]
            if outgoing is not None and not outgoing.may_retransmit(now_us):
                break
            if transport.rtx_sent.bitrate(now_us) > 2 * transport.rtp_sent.bitrate(now_us) + FREE_REPAIR_BPS:
                transport.allowance.repairs += 1
                self._plane.count.repairs_limited += 1
                transport.tell_limited()
                break
            if not self._has_room(MAX_PACKET):
                break
            if self._index.take(sequence_number, now_us, rtt_us) != FOUND:
                continue
            if self._index.slot == FILLER:
                self._resend_filler(sequence_number)
                continue
            if self._index.slot >= len(self.stores):
                continue
            kept = (<PacketStore>self.stores[self._index.slot]).get(self._index.generation)
            if kept == NULL or self._is_past(kept.timestamp + self._index.timestamp_offset):
                continue
            size = self._resend(kept, sequence_number)
            if size == 0:
                continue
            self.packets_retransmitted += 1
            resent = kept.size + 2 if self._uses_rtx(kept) else kept.size
            self.bytes_retransmitted += resent
            self.packets_repaired += self._index.resent_count == 1
            transport.sent.update(size, now_us)
            transport.rtx_sent.update(resent, now_us)
            if outgoing is not None:
                outgoing.on_retransmitted(resent, now_us)
            if self.trace_rtp:
                self._trace(kept, sequence_number, kept.timestamp + self._index.timestamp_offset, True)
        self._plane.batch.release()
        self._is_repairing = False

    cdef bint _uses_rtx(self, const Packet *packet) noexcept:
        """Whether its repair goes with an SSRC of its own, and two bytes for the original sequence number."""
        return self.rtx_ssrc != 0 and self._rtx_payload_types[packet.payload_type] != 0

    cdef int _resend(self, const Packet *kept, unsigned short sequence_number) noexcept:
        """RFC 4588 section 4: the original header, the original sequence number, the original payload.

        Without RTX the very bytes that went out before, with the header extensions of then: the number is the same, so
        are SRTP's index and keystream, and with AES-GCM a packet that differs in one bit of its header would tell
        who sees both how to forge others (RFC 7714 section 8.4).
        """
        cdef unsigned char *slot = self._plane.batch.reserve(
            None if self.deliver else self._transport.endpoint
        )
        cdef int head = kept.payload_offset, size = kept.size
        cdef bint is_rtx = self._uses_rtx(kept)
        cdef bint is_repeat = not is_rtx and self._index.is_sent
        cdef unsigned char *payload = slot + head + 2 if is_rtx else slot + head
        memcpy(slot, kept.data, head)
        memcpy(payload, kept.data + head, size - head)
        self._stamp(slot, kept, sequence_number, kept.timestamp + self._index.timestamp_offset, is_repeat)
        rewrite(slot, payload, size - head, self._index.rewrite)
        if not is_rtx:
            return self._send_again(slot, size, sequence_number)
        self._rtx_sequence += 1
        slot[1] = (slot[1] & 0x80) | self._rtx_payload_types[kept.payload_type]
        write_u16(slot + 2, self._rtx_sequence)
        write_u32(slot + 8, self.rtx_ssrc)
        write_u16(slot + head, sequence_number)
        self.rtx_packets += 1
        self.rtx_bytes += size + 2
        return self._send(slot, size + 2, False)

    cdef int _send_again(self, unsigned char *slot, int size, unsigned short sequence_number) noexcept:
        """Sends with the stream's own SSRC and number what ``_index`` has found; bytes sent."""
        cdef bint is_sent = self._index.is_sent
        size = self._send(slot, size, is_sent)
        if size != REFUSED and not is_sent:
            self._index.set_sent(sequence_number, self._transport_wide_number, self._plane.now_us)
        return size

    cdef void _resend_filler(self, unsigned short number) noexcept:
        """Answers for a number that was never a packet's: whoever asked need not ask again."""
        cdef SendingHalf transport = self._transport
        cdef unsigned char *slot = self._plane.batch.reserve(None if self.deliver else transport.endpoint)
        cdef int size = FILLER_SIZE, sent, payload_type = self._index.generation
        write_filler(slot, payload_type, number, self._index.timestamp_offset, self.ssrc)
        if self.rtx_ssrc != 0 and self._rtx_payload_types[payload_type] != 0:
            self._rtx_sequence += 1
            slot[0] = 0x80
            slot[1] = self._rtx_payload_types[payload_type]
            write_u16(slot + 2, self._rtx_sequence)
            write_u32(slot + 8, self.rtx_ssrc)
            write_u16(slot + 12, number)
            size = RTX_FILLER_SIZE
            self.rtx_packets += 1
            self.rtx_bytes += size
            sent = self._send(slot, size, False)
        else:
            sent = self._send_again(slot, size, number)
        if sent == REFUSED:
            return
        self.packets_retransmitted += 1
        self.bytes_retransmitted += size
        self.packets_repaired += self._index.resent_count == 1
        transport.rtx_sent.update(size, self._plane.now_us)
        transport.sent.update(sent, self._plane.now_us)

    def bitrate(self, long long now_us):
        """Bit/s of the last 2.5 s, retransmissions left out."""
        return self._rate.bitrate(now_us)
