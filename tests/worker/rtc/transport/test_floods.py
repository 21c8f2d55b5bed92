"""What a peer's floods of control packets cost: a bounded number is looked at, the others are dropped and counted."""

from __future__ import annotations

import logging
import time

import pytest

from miso.worker.channel.bodies.transport import NumSctpStreams
from miso.worker.rtcp.compound import build_compound
from miso.worker.rtcp.extended import ExtendedReport
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock
from tests.worker.rtc.parameters import VIDEO_SSRC
from tests.worker.rtc.rig import Rig
from tests.worker.rtc.transport.test_plain_transport import RTP
from tests.worker.rtc.transport.test_plain_transport import make_transport as make_plain_transport
from tests.worker.rtc.web_rtc.test_web_rtc_server import join, make_server, make_transport
from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtc.world import World, udp_peer
from tests.worker.rtp.packets import KEY_FRAME, rtp

SECONDS = 3
AT_ONCE = 50  # packets between two looks at the sockets


@pytest.fixture
def world() -> World:
    return World()


def flood_with_checks(peer: WebRtcPeer, count: int, **fields: object) -> int:
    """So many in ``SECONDS``; how many were answered."""
    answered = len(peer.answers)
    for _ in range(count // AT_ONCE):
        for _ in range(AT_ONCE):
            peer.check(**fields)
        peer.work()
        peer.world.clock.advance(1000 * SECONDS * AT_ONCE / count)
    return len(peer.answers) - answered


@pytest.mark.parametrize("fields", [{}, {"password": "wrong"}], ids=["right", "wrong password"])
def test_a_flood_of_checks_is_answered_at_a_bounded_rate(world: World, fields: dict[str, object]) -> None:
    server = make_server(world)
    _, flooder = join(world, server, "flooder")
    _, honest = join(world, server, "honest")
    answered = flood_with_checks(flooder, 2000, **fields)
    assert 30 * SECONDS <= answered <= 60 + 30 * SECONDS
    honest.connect_ice()
    world.clock.advance(1000)
    flooder.connect_ice()


def test_a_flood_over_one_tuple_leaves_the_other_tuples_alone(world: World) -> None:
    server = make_server(world)
    transport, peer = join(world, server, "one")
    second, third = WebRtcPeer(world, transport.dump()), WebRtcPeer(world, transport.dump(), 1)
    for other in (second, third):
        other.connect_ice()
    for _ in range(SECONDS):
        flood_with_checks(second, 400)
        flood_with_checks(third, 400)
        peer.connect_ice()


def test_a_flood_from_ever_new_addresses_is_bounded_like_one_from_one(world: World) -> None:
    server = make_server(world)
    transport, peer = join(world, server, "one")
    answered = 0
    for _ in range(SECONDS):
        for _ in range(60):
            stranger = WebRtcPeer(world, transport.dump())
            for _ in range(3):
                stranger.check(password="wrong")
            stranger.work()
            answered += len(stranger.answers)
            stranger.close()
            world.clock.advance(1000 / 60)
        peer.connect_ice()
    assert 50 * SECONDS <= answered <= 100 + 50 * SECONDS


def test_a_browser_that_connects_over_many_paths_is_not_held_up(world: World) -> None:
    server = make_server(world)
    transport = make_transport(world, server, "one")
    paths = [WebRtcPeer(world, transport.dump(), index % 2) for index in range(8)]
    for number in range(200):  # 4 s, with a check every 20 ms, over each path in turn
        paths[number % 8].connect_ice()
        world.clock.advance(20)


@pytest.mark.parametrize("index", [0, 1])
def test_stun_for_nobody_is_not_shown_to_control(world: World, index: int) -> None:
    server = make_server(world)
    transport = make_transport(world, server, "one")
    peer = WebRtcPeer(world, transport.dump(), index)
    for username in ("somebody:else", None, peer.local_ufrag, ":peer", f"{peer.local_ufrag}x:peer"):
        peer.check(username=username)
    peer.work()
    assert peer.answers == []
    assert world.context.plane.counters["stun_unknown"] == 5
    peer.connect_ice()
    assert world.context.plane.counters["stun_unknown"] == 5


def test_a_flood_of_what_looks_like_dtls_is_bounded(world: World) -> None:
    server = make_server(world)
    transport, peer = join(world, server, "one")
    for _ in range(100):
        for _ in range(AT_ONCE):
            peer.send(b"\x17\xfe\xfd" + bytes(60))
        world.pump()
        world.clock.advance(10)
    assert 2500 <= transport.plane.allowance.dtls <= 4000  # of 5000 in a second
    world.clock.advance(1000)
    transport.close()
    peer.work()


def test_data_channels_have_room_for_75_megabits(world: World) -> None:
    server = make_server(world)
    options = {"enable_sctp": True, "num_sctp_streams": NumSctpStreams(os=8, mis=8), "max_sctp_message_size": 1000}
    transport, peer = join(world, server, "one", **options)
    for _ in range(160):
        for _ in range(AT_ONCE):
            peer._apply(peer.dtls.send(b"\x13\x88\x13\x88" + bytes(40)))
        world.pump()
        world.clock.advance(1000 / 160)
    assert transport.plane.allowance.dtls == 0


def receive_pli(rig: Rig, count: int) -> int:
    """So many PLIs for one consumer at once; how many were looked at."""
    sender, viewer = rig.connect(), rig.connect()
    consumer = rig.consume(viewer, rig.produce(sender))
    pli = Pli(1, consumer.streams[0].ssrc)
    for _ in range(count // AT_ONCE):
        viewer.send_rtcp(*[pli] * AT_ONCE)
    return consumer.streams[0].feedback.pli_count


def test_a_flood_of_rtcp_is_looked_at_for_some_milliseconds_a_second(rig: Rig) -> None:
    assert 4000 <= receive_pli(rig, 20_000) <= 12_000
    rig.clock.advance(1000)
    assert receive_pli(rig, 100) == 100


def test_many_tiny_reports_count_as_many(rig: Rig) -> None:
    peer = rig.connect()
    rig.produce(peer)
    for _ in range(200):
        peer.send_rtcp(*[ReceiverReport(1, ())] * 120)
    assert 100 <= rig.context.plane.counters["rtcp_limited"] <= 160


def test_nacks_cost_what_they_cost(rig: Rig) -> None:
    """70 of one compound packet take 0.6 ms: of 20 ms that is some 30 compounds."""
    sender, viewer = rig.connect(), rig.connect()
    stream = rig.consume(viewer, rig.produce(sender)).streams[0]
    sender.send(rtp(1, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    for _ in range(100):
        viewer.send_rtcp(*[Nack(1, stream.ssrc, (1,))] * 70)
    assert 20 * 70 <= stream.feedback.nack_count <= 40 * 70


def test_extended_reports_cost_no_more_for_many_streams(rig: Rig) -> None:
    def cost_ns(streams: int) -> int:
        sender, viewer = rig.connect(), rig.connect()
        producer = rig.produce(sender)
        for _ in range(streams):
            rig.consume(viewer, producer)
        compound = build_compound([ExtendedReport(1, 1 << 40)] * 60)
        costs = []
        for _ in range(20):
            begin_ns = time.thread_time_ns()
            viewer.transport.plane.receive_rtcp(compound, rig.clock.now_us())
            costs.append(time.thread_time_ns() - begin_ns)
        return min(costs)

    assert cost_ns(200) < 3 * cost_ns(1)


def test_a_receiver_of_a_hundred_streams_with_losses_is_not_held_up(rig: Rig) -> None:
    sender, viewer = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumers = [rig.consume(viewer, producer) for _ in range(100)]
    for _ in range(20):  # 2 s: 1000 reports and 1000 NACKs a second
        for consumer in consumers:
            ssrc = consumer.streams[0].ssrc
            viewer.send_rtcp(ReceiverReport(1, (ReportBlock(ssrc, 0, 0, 0, 0, 0, 0),)))
            viewer.send_rtcp(Nack(1, ssrc, (1, 2, 3)))
        rig.clock.advance(100)
    assert rig.context.plane.counters["rtcp_limited"] == 0


def test_repairs_are_bounded_by_what_is_sent_at_all(rig: Rig) -> None:
    sender, viewer = rig.connect(), rig.connect()
    without_bandwidth_estimation = {
        "codecs": [
            {"mimeType": "video/VP8", "payloadType": 100, "clockRate": 90000, "rtcpFeedback": [{"type": "nack"}]},
            {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90000, "parameters": {"apt": 100}},
        ],
        "encodings": [{"ssrc": 7000, "rtx": {"ssrc": 7001}}],
    }
    consumer = rig.consume(viewer, rig.produce(sender), rtpParameters=without_bandwidth_estimation)
    stream, plane = consumer.streams[0], viewer.transport.plane
    for number in range(500):  # 5 s, of 1 Mbit/s
        payload = (KEY_FRAME if number == 0 else b"\x10\x01") + bytes(1200)
        sender.send(rtp(number + 1, payload, ssrc=VIDEO_SSRC, payload_type=96))
        if number % 10 == 9:
            newest = stream.plane.last_sequence
            viewer.send_rtcp(Nack(1, stream.ssrc, tuple((newest - back) & 0xFFFF for back in range(100, -1, -1))))
        rig.clock.advance(10)
    assert stream.plane.packets == 500
    assert plane.rtx_sent.bytes > plane.rtp_sent.bytes
    assert plane.rtx_sent.bytes < 2.5 * plane.rtp_sent.bytes + 5 * 125_000
    assert rig.context.plane.counters["repairs_limited"] > 0


def test_floods_are_told_once_a_second(world: World, caplog: pytest.LogCaptureFixture) -> None:
    server = make_server(world)
    _, flooder = join(world, server, "flooder")
    with caplog.at_level(logging.WARNING):
        flood_with_checks(flooder, 2000)
    told = [record.getMessage() for record in caplog.records if "too many control packets" in record.getMessage()]
    assert SECONDS - 1 <= len(told) <= SECONDS + 1
    assert all("transport=flooder" in line for line in told)


def test_a_flood_of_stun_to_a_transport_without_ice_is_bounded(rig: Rig) -> None:
    peer = rig.connect()
    for _ in range(25):
        peer.send(*[bytes.fromhex("000100002112a442") + bytes(12)] * 100)
    assert rig.context.plane.counters["stun_unknown"] == 1500
    rig.clock.advance(1000)
    peer.send(*[bytes.fromhex("000100002112a442") + bytes(12)] * 100)
    assert rig.context.plane.counters["stun_unknown"] == 1500


def test_a_flood_to_a_port_that_waits_for_its_peer_is_bounded(world: World) -> None:
    transport = make_plain_transport(world, comedia=True)
    flooder, peer = udp_peer(), udp_peer()
    address = ("127.0.0.1", transport.dump().tuple.local_port)
    for _ in range(25):
        for _ in range(100):
            flooder.sendto(b"\x16" + bytes(40), address)
        world.pump()
    assert world.context.plane.counters["unknown_sender"] == 2500
    peer.sendto(RTP, address)
    world.pump()
    assert world.notifier.names("tr") == []  # it is in the same flood
    world.clock.advance(10)
    peer.sendto(RTP, address)
    world.pump()
    assert world.notifier.names("tr") == ["tuple"]
    transport.close()


def test_the_transports_figures_count_what_was_dropped(world: World) -> None:
    server = make_server(world)
    transport, flooder = join(world, server, "flooder")
    flood_with_checks(flooder, 1000)
    assert transport.plane.allowance.stun == world.context.plane.counters["stun_limited"]
    assert transport.get_stats()[0].bytes_received > 1000 * 80
