"""What a transport hears, from whom, and what it says besides RTP."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from miso.worker.dataplane import (
    DtlsReceived,
    Event,
    IncomingTurn,
    PacketTraced,
    RembDue,
    Rounds,
    RtcpDelivered,
    RtpDelivered,
    SctpReceived,
    SenderReported,
    SrtpSuite,
    StunReceived,
    TransportPlane,
    UnknownSender,
    UnknownSsrc,
)
from miso.worker.errors import InvalidStateError
from miso.worker.net.loop_delay import INTERVAL_US as TICK_US
from tests.worker.dataplane.rig import (
    KEY_FRAME,
    PROFILES,
    SSRC,
    Peer,
    Rig,
    address_of,
    make_output,
    now_us,
    rtp,
    srtp,
)

SENDER_REPORT = struct.pack("!BBHLQLLL", 0x80, 200, 6, SSRC, 7 << 32, 90000, 1, 1)
RECEIVER_REPORT = struct.pack("!BBHL", 0x80, 201, 1, 0x01020304)
STUN = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + bytes(12)
DTLS = bytes([22, 254, 253]) + bytes(20)
SCTP = struct.pack("!HH", 5000, 5000) + bytes(12)


@pytest.mark.parametrize("suite", list(PROFILES), ids=lambda suite: suite.name)
def test_rtcp_is_protected_both_ways(make_rig: Callable[..., Rig], suite: SrtpSuite) -> None:
    rig = make_rig(suite)
    rig.sender.socket.sendto(rig.sender.outgoing.protect_rtcp(SENDER_REPORT), address_of(rig.socket))
    [event] = rig.udp.receive(now_us())
    assert isinstance(event, SenderReported)
    assert (event.transport, event.ssrc, event.ntp, event.rtp_timestamp) == (rig.transport, SSRC, 7 << 32, 90000)
    assert rig.transport.send_rtcp(RECEIVER_REPORT)
    assert rig.transport.send_rtcp(RECEIVER_REPORT)
    assert [rig.sender.incoming.unprotect_rtcp(datagram) for datagram in rig.sender.datagrams()] == [
        RECEIVER_REPORT
    ] * 2


def reports_of(suite: SrtpSuite, rig: Rig, ssrcs: Iterable[int]) -> list[bytes]:
    """A protected report of each SSRC, by a session of its own: the sender's list of streams grows too."""
    return [
        srtp(suite, rig.sender.key, inbound=False).protect_rtcp(struct.pack("!BBHL", 0x80, 201, 1, ssrc))
        for ssrc in ssrcs
    ]


@pytest.mark.parametrize("suite", list(PROFILES), ids=lambda suite: suite.name)
def test_of_ever_new_rtcp_senders_the_32_heard_last_are_known(make_rig: Callable[..., Rig], suite: SrtpSuite) -> None:
    rig = make_rig(suite)
    reports = reports_of(suite, rig, range(1, 101))

    def take(report: bytes) -> bool:
        """Whether it is taken for new."""
        before = rig.plane.counters["srtp_failed"]
        rig.sender.socket.sendto(report, address_of(rig.socket))
        rig.udp.receive(now_us())
        return rig.plane.counters["srtp_failed"] == before

    assert all(take(report) for report in reports)
    assert [take(report) for report in reports[-32:]] == [False] * 32
    assert [take(report) for report in reports[:2]] == [True] * 2  # they were forgotten, and take the places of two
    assert [take(report) for report in reports[-30:]] == [False] * 30


def test_the_reports_of_strangers_do_not_make_a_stream_be_forgotten(make_rig: Callable[..., Rig]) -> None:
    suite = SrtpSuite.AEAD_AES_128_GCM
    rig = make_rig(suite)
    own = reports_of(suite, rig, [SSRC])[0]
    packet = rig.sender.outgoing.protect(rtp(1, KEY_FRAME))
    for datagram in (packet, own, *reports_of(suite, rig, range(1, 101)), packet, own):
        rig.sender.socket.sendto(datagram, address_of(rig.socket))
        rig.udp.receive(now_us())
    assert rig.plane.counters["srtp_failed"] == 2


def test_malformed_packets_of_ever_new_ssrcs_are_forgotten(make_rig: Callable[..., Rig]) -> None:
    suite = SrtpSuite.AEAD_AES_128_GCM
    rig = make_rig(suite)
    before = rig.plane.counters["srtp_failed"]
    malformed = struct.pack("!BBHII", 0xA0, 96, 1, 1, 77) + b"\xff"  # more padding than there is
    packet = srtp(suite, rig.sender.key, inbound=False).protect(malformed)
    for _ in range(2):
        rig.sender.socket.sendto(packet, address_of(rig.socket))
        rig.udp.receive(now_us())
    assert rig.plane.counters["malformed"] == 2
    assert rig.plane.counters["srtp_failed"] == before


def test_rtcp_goes_to_its_own_destination(rig: Rig) -> None:
    other = Peer()
    rig.transport.set_rtcp_destination(rig.udp, other.address)
    assert rig.transport.send_rtcp(RECEIVER_REPORT)
    assert list(other.datagrams()) == [RECEIVER_REPORT]
    other.socket.close()


def test_tells_protocols_apart_by_their_first_byte(rig: Rig) -> None:
    for datagram in STUN, DTLS, SCTP, SENDER_REPORT:
        rig.sender.socket.sendto(datagram, address_of(rig.socket))
    events = rig.udp.receive(now_us())
    assert [type(event) for event in events] == [StunReceived, DtlsReceived, SctpReceived, SenderReported]
    assert [event.data for event in events[:3]] == [STUN, DTLS, SCTP]  # type: ignore[union-attr]
    assert events[0].address == rig.sender.address  # type: ignore[union-attr]


def test_strangers_are_heard_only_where_asked_for(rig: Rig) -> None:
    stranger = Peer()
    stranger.send(rtp(1), address_of(rig.socket))
    stranger.send(DTLS, address_of(rig.socket))
    assert rig.udp.receive(now_us()) == []
    assert rig.plane.counters["unknown_sender"] == 2
    stranger.send(STUN, address_of(rig.socket))
    assert [type(event) for event in rig.udp.receive(now_us())] == [StunReceived]
    rig.udp.report_unknown = True
    stranger.send(rtp(1), address_of(rig.socket))
    [event] = rig.udp.receive(now_us())
    assert isinstance(event, UnknownSender)
    assert (event.address, event.data) == (stranger.address, rtp(1))
    stranger.socket.close()


def test_the_first_datagram_of_a_stranger_is_taken_up_once_accepted(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AEAD_AES_128_GCM)
    consumer = rig.add_consumer()
    rig.transport.stop_accepting(rig.udp, rig.sender.address)
    rig.udp.report_unknown = True
    [event] = rig.send(rtp(1, KEY_FRAME))
    assert isinstance(event, UnknownSender)
    rig.transport.accept_from(rig.udp, event.address)
    rig.transport.receive_protected(event.data, now_us())
    assert len(consumer.packets()) == 1


def test_an_unknown_ssrc_is_reported_once_per_wakeup_with_its_mid_and_rid(rig: Rig) -> None:
    extensions = {1: b"0", 2: b"hi", 3: b"lo"}
    packets = [rtp(number, ssrc=99, payload_type=7, extensions=extensions) for number in (1, 2)]
    [event] = rig.send(*packets)
    assert isinstance(event, UnknownSsrc)
    assert (event.ssrc, event.payload_type, event.mid, event.rid, event.repaired_rid) == (99, 7, "0", "hi", "lo")
    assert [event.packet, *event.later] == packets
    assert len(rig.send(rtp(3, ssrc=99))) == 1


def test_packets_of_unknown_ssrcs_are_held_in_bounded_number(rig: Rig) -> None:
    [event] = rig.send(*(rtp(number, ssrc=99) for number in range(100)))
    assert isinstance(event, UnknownSsrc)
    assert [event.packet, *event.later] == [rtp(number, ssrc=99) for number in range(65)]


def test_the_packet_of_an_unknown_ssrc_is_forwarded_once_it_has_a_stream(rig: Rig) -> None:
    consumer = rig.add_consumer()
    [event] = rig.send(rtp(5, KEY_FRAME + b"video", ssrc=99))
    assert isinstance(event, UnknownSsrc)
    stream = rig.add_video(rig.input, 99)
    rig.transport.receive(event.packet, now_us())
    assert [packet.payload for packet in consumer.packets()] == [KEY_FRAME + b"video"]
    assert stream.stats.packets == 1


def test_an_ignored_ssrc_is_not_reported_until_something_new_is_there(rig: Rig) -> None:
    rig.send(rtp(1, ssrc=99))
    rig.transport.ignore_ssrc(99)
    assert rig.send(rtp(2, ssrc=99)) == []
    rig.add_video(rig.input, 100)
    assert len(rig.send(rtp(3, ssrc=99))) == 1


@pytest.mark.parametrize("suite", [None, SrtpSuite.AEAD_AES_128_GCM])
def test_an_ignored_ssrc_is_reported_again_when_its_packets_say_something_else(
    make_rig: Callable[..., Rig], suite: SrtpSuite | None
) -> None:
    rig = make_rig(suite)
    said: list[dict[str, Any]] = [
        {"payload_type": 7},
        {"payload_type": 8},
        {"payload_type": 8, "extensions": {1: b"0"}},
    ]
    said += [{"payload_type": 8, "extensions": {1: b"0", 2: rid}} for rid in (b"hi", b"lo")]
    for number, what in enumerate(said):
        assert len(rig.send(rtp(10 * number, ssrc=99, **what))) == 1, what
        rig.transport.ignore_ssrc(99)
        assert rig.send(*(rtp(10 * number + more, ssrc=99, **what) for more in range(1, 9))) == []


def test_a_peer_whose_packets_lead_to_nothing_keeps_control_busy_now_and_then_only(rig: Rig) -> None:
    consumer = rig.add_consumer()
    reported = 0
    for number in range(1000):
        for event in rig.send(rtp(number, ssrc=99, payload_type=40 + number % 2)):
            assert isinstance(event, UnknownSsrc)
            reported += 1
            rig.transport.ignore_ssrc(event.ssrc)
    assert 64 < reported < 500
    rig.send(rtp(1, KEY_FRAME))
    assert len(consumer.packets()) == 1
    rig.make_input(rig.transport)
    assert len(rig.send(rtp(1001, ssrc=99, payload_type=40))) == 1


def test_a_peer_that_invents_ssrcs_gets_few_events(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AES_CM_128_HMAC_SHA1_80)
    events = rig.send(*(rtp(1, ssrc=1000 + number) for number in range(100)))
    assert len(events) == 16
    for number in range(5000):
        rig.transport.ignore_ssrc(5000 + number)
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME))
    assert len(consumer.packets()) == 1


def test_an_ssrc_of_another_transport_is_unknown_here(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME))
    liar = Peer()
    _socket, via = rig.open()
    other = rig.transport_to(liar, via)
    liar.send(rtp(2), address_of(_socket))
    [event] = via.receive(now_us())
    assert isinstance(event, UnknownSsrc)
    assert event.transport is other
    assert len(consumer.packets()) == 1
    assert rig.stream.stats.packets == 1
    liar.socket.close()


def test_no_media_passes_while_not_connected(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AEAD_AES_256_GCM)
    consumer = rig.add_consumer()
    rig.transport.connected = False
    assert rig.send(rtp(1, KEY_FRAME)) == []
    rig.transport.connected = True
    consumer.transport.connected = False
    rig.send(rtp(2, KEY_FRAME))
    assert not rig.transport.send_rtcp(b"")
    assert not consumer.transport.send_rtcp(RECEIVER_REPORT)
    assert consumer.packets() == []
    assert rig.stream.stats.packets == 1


def test_an_encrypted_transport_without_keys_is_silent_and_deaf(rig: Rig) -> None:
    consumer = rig.add_consumer()
    consumer.transport.encrypted = True
    rig.send(rtp(1, KEY_FRAME))
    assert not consumer.transport.send_rtcp(RECEIVER_REPORT)
    assert consumer.packets() == []
    rig.transport.encrypted = True
    rig.send(rtp(2))
    assert rig.stream.stats.packets == 1
    assert rig.plane.counters["not_connected"] == 1


def test_forged_and_replayed_packets_are_dropped(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AES_CM_128_HMAC_SHA1_80)
    consumer = rig.add_consumer()
    datagram = rig.sender.outgoing.protect(rtp(1, KEY_FRAME))
    forged = datagram[:-1] + bytes([datagram[-1] ^ 1])
    for data in forged, datagram, datagram:
        rig.sender.socket.sendto(data, address_of(rig.socket))
    rig.udp.receive(now_us())
    assert len(consumer.packets()) == 1
    assert rig.plane.counters["srtp_failed"] == 2


def test_keys_of_the_wrong_length_are_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="29 bytes, expected 30"):
        rig.transport.set_srtp(SrtpSuite.AES_CM_128_HMAC_SHA1_80, bytes(30), bytes(29))


def test_a_key_that_is_in_use_with_another_suite_changes_nothing(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AES_CM_128_HMAC_SHA1_80)
    rig.send(rtp(1, KEY_FRAME))
    with pytest.raises(ValueError, match="is in use with AES_CM_128_HMAC_SHA1_80"):
        rig.transport.set_srtp(SrtpSuite.AES_CM_128_HMAC_SHA1_32, bytes(30), rig.sender.plane_key)
    rig.send(rtp(2))
    assert rig.stream.stats.packets == 2


def test_outputs_made_before_the_keys_get_them(make_rig: Callable[..., Rig]) -> None:
    suite = SrtpSuite.AEAD_AES_128_GCM
    rig = make_rig()
    consumer = rig.add_consumer()
    consumer.transport.encrypted = True
    peer = Peer(suite=suite)
    consumer.transport.set_srtp(suite, peer.key, peer.plane_key)
    consumer.transport.set_destination(consumer.udp, peer.address)
    rig.send(rtp(1, KEY_FRAME))
    assert [packet.sequence_number for packet in peer.packets()] == [1]
    peer.socket.close()


def test_a_direct_transport_delivers_and_takes_packets(rig: Rig) -> None:
    direct = TransportPlane(rig.plane, False)
    direct.connected = True
    output = make_output(direct)
    output.deliver = output.active = True
    rig.input.add_consumer(output)
    [delivered] = [event for event in rig.send(rtp(1, KEY_FRAME)) if isinstance(event, RtpDelivered)]
    assert delivered.consumer is output
    source = direct.add_producer()
    source.map_payload_type(101, 96)
    rig.add_video(source, 55)
    back = make_output(direct)
    back.deliver = back.active = True
    source.add_consumer(back)
    events = direct.receive(rtp(1, KEY_FRAME, ssrc=55), now_us())
    assert [event.consumer for event in events if isinstance(event, RtpDelivered)] == [back]
    direct.close()


def test_control_datagrams_go_out_as_they_are(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SrtpSuite.AEAD_AES_128_GCM)
    assert rig.transport.send(DTLS)
    assert rig.udp.send(STUN, rig.sender.address)
    assert list(rig.sender.datagrams()) == [DTLS, STUN]
    assert rig.transport.sent.bytes == len(DTLS) + len(STUN)
    rig.transport.set_destination(None, None)
    assert not rig.transport.send(DTLS)


class SenderTurns:
    """The turns in which the rig's sender is told of its packets; the packets of feedback are events."""

    def __init__(self, rig: Rig) -> None:
        self.turn = IncomingTurn(rig.transport, is_direct=True)
        self.rounds = Rounds(rig.plane, 64)

    def take(self, at_us: int) -> list[Event]:
        """One of them."""
        self.rounds.set(self.turn, at_us)
        return self.rounds.run(at_us, ntp=0)

    def feedback(self, at_us: int) -> list[bytes]:
        """What is told in one of them."""
        return [event.data for event in self.take(at_us) if isinstance(event, RtcpDelivered)]


def test_feedback_tells_when_each_packet_came(rig: Rig) -> None:
    turns = SenderTurns(rig)
    rig.transport.feedback.enable_transport_wide(True)
    rig.send(*(rtp(number, extensions={7: struct.pack("!H", 1000 + number)}) for number in range(4)))
    [packet] = turns.feedback(now_us())
    base, count = struct.unpack_from("!HH", packet, 12)
    assert packet[:2] == b"\x8f\xcd"
    assert struct.unpack_from("!LL", packet, 4) == (0, SSRC)
    assert (base, count) == (1000, 4)
    rig.send(rtp(4, extensions={7: struct.pack("!H", 1004)}))
    rig.transport.feedback.enable_transport_wide(False)
    assert turns.feedback(now_us() + 1_000_000) == []


def test_feedback_comes_at_each_tick_also_of_a_busy_worker(rig: Rig) -> None:
    turns, begin_us = SenderTurns(rig), now_us()
    rig.transport.feedback.enable_transport_wide(True)
    turns.rounds.set(turns.turn, begin_us)
    for number, late_us in enumerate([0, 4_000, 9_000, 0, 5_000, 1_000, 9_500, 0]):
        rig.send(rtp(number, extensions={7: struct.pack("!H", number)}))
        [told] = turns.rounds.run(begin_us + number * TICK_US + late_us, ntp=0)
        assert isinstance(told, RtcpDelivered)
        assert struct.unpack_from("!HH", told.data, 12) == (number, 1)


def test_feedback_after_a_long_loss_ends(rig: Rig) -> None:
    turns = SenderTurns(rig)
    rig.transport.feedback.enable_transport_wide(True)
    for number, wide in enumerate([0, 1, 1500]):
        rig.send(rtp(number, extensions={7: struct.pack("!H", wide)}))
    turns.feedback(now_us())
    rig.send(rtp(10, extensions={7: struct.pack("!H", 3000)}))
    packets = turns.feedback(now_us() + 200_000)
    base, count = struct.unpack_from("!HH", packets[-1], 12)
    assert base + count - 1 == 3000


def test_remb_never_asks_for_more_than_its_limit(rig: Rig) -> None:
    turns = SenderTurns(rig)
    assert turns.take(now_us()) == []
    rig.transport.feedback.max_bitrate_bps = 50_000
    rig.transport.feedback.enable_remb(True)
    start = now_us()
    for number in range(100):
        packet = rtp(number, extensions={6: ((number << 18) // 50).to_bytes(3, "big")})
        rig.transport.receive(packet, start + number * 20_000)
    assert [event.bitrate_bps for event in turns.take(start + 2_000_000) if isinstance(event, RembDue)] == [50_000]


def test_traces_packets_only_while_asked_to(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME))
    rig.input.trace_keyframe = True
    consumer.output.trace_rtp = True
    traced = [event for event in rig.send(rtp(2), rtp(3, KEY_FRAME)) if isinstance(event, PacketTraced)]
    assert [(event.source, event.is_key_frame) for event in traced] == [
        (rig.input, True),
        (consumer.output, False),
        (consumer.output, True),
    ]
    assert traced[1].info["sequenceNumber"] == 2
    assert traced[0].info["ssrc"] == SSRC


def test_a_closed_transport_takes_nothing(rig: Rig) -> None:
    rig.transport.close()
    rig.transport.close()
    with pytest.raises(InvalidStateError):
        rig.transport.add_producer()
    with pytest.raises(InvalidStateError):
        rig.transport.accept_from(rig.udp, ("127.0.0.1", 9))
    assert rig.send(rtp(1, KEY_FRAME)) == []
    assert rig.transport.receive(rtp(1), now_us()) == []


def test_junk_is_counted(rig: Rig) -> None:
    for junk in b"", b"\x80", b"\x90" + bytes(11), b"\x80\x60" + os.urandom(7):
        rig.sender.socket.sendto(junk, address_of(rig.socket))
    rig.udp.receive(now_us())
    assert rig.plane.counters["malformed"] == 4
