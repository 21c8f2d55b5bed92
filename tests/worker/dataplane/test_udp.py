"""UDP in batches: what the kernel does, refuses or cuts."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from miso.worker.dataplane import Plane, SrtpSuite, StunReceived, UdpSocket
from tests.worker.dataplane.rig import (
    DELTA_FRAME,
    KEY_FRAME,
    Consumer,
    Peer,
    Rig,
    address_of,
    now_us,
    rtp,
    udp,
)

IPV6_MTU = 24  # Linux: the socket module does not have it
SO_NO_CHECK = 11  # Linux: no UDP checksum, without which the kernel refuses to segment


def frame_of(first: int, sizes: list[int]) -> list[bytes]:
    """A key frame in packets of these payload sizes."""
    return [
        rtp(first + index, (DELTA_FRAME if index else KEY_FRAME) + bytes([index]) * (size - 2), timestamp=9000)
        for index, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("suite", [None, SrtpSuite.AES_CM_128_HMAC_SHA1_80, SrtpSuite.AEAD_AES_128_GCM])
def test_a_frame_leaves_as_one_segmented_message(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
    rig = make_rig(suite)
    consumers = [rig.add_consumer(suite=suite) for _ in range(3)]
    sizes = [1000] * 7 + [400]
    rig.send(*frame_of(1, sizes))
    for consumer in consumers:
        packets = consumer.packets()
        assert [len(packet.payload) for packet in packets] == sizes
        assert [packet.payload[2:] for packet in packets] == [
            bytes([index]) * (size - 2) for index, size in enumerate(sizes)
        ]
    assert rig.plane.counters["segmented_messages"] == 3
    assert rig.plane.counters["sent"] == 24


def test_sizes_that_grow_and_shrink_arrive_in_order(rig: Rig) -> None:
    consumer = rig.add_consumer()
    sizes = [500, 501, 500, 500, 499, 500, 1200, 1200, 3, 3, 1200]
    rig.send(*frame_of(1, sizes))
    assert [len(packet.payload) for packet in consumer.packets()] == sizes


def test_a_socket_where_the_kernel_refuses_to_segment_sends_one_by_one(rig: Rig) -> None:
    consumer = rig.add_consumer()
    consumer.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    other = rig.add_consumer()
    rig.send(*frame_of(1, [900] * 5))
    assert not consumer.udp.segmentation
    assert other.udp.segmentation
    rig.send(*frame_of(6, [900] * 5))
    for each in consumer, other:
        assert [packet.sequence_number for packet in each.packets()] == list(range(1, 11))
    assert rig.plane.counters["segmented_messages"] == 2
    assert rig.plane.counters["send_failed"] == 0


def test_peers_behind_one_socket_share_its_batches(rig: Rig) -> None:
    _socket, via = rig.open()
    consumers = [rig.add_consumer(via=via, ssrc=9000 + index) for index in range(40)]
    rig.send(*frame_of(1, [700, 700, 300]))
    for index, consumer in enumerate(consumers):
        packets = consumer.packets()
        assert [(packet.ssrc, packet.sequence_number) for packet in packets] == [
            (9000 + index, number) for number in (1, 2, 3)
        ]


def test_one_peer_that_cannot_be_reached_does_not_harm_the_others(rig: Rig) -> None:
    _socket, via = rig.open()
    consumers = [rig.add_consumer(via=via) for _ in range(3)]
    consumers[1].transport.set_destination(via, ("255.255.255.255", 9))  # EACCES: no SO_BROADCAST
    rig.send(*frame_of(1, [700, 650]))
    assert [len(consumer.packets()) for consumer in consumers] == [2, 0, 2]
    assert rig.plane.counters["send_failed"] == 2


def test_a_truncated_datagram_is_a_counted_drop(rig: Rig) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME + bytes(1900)), rtp(2, KEY_FRAME + bytes(1300)))
    assert [len(packet.payload) for packet in consumer.packets()] == [1302]
    assert rig.plane.counters["truncated"] == 1
    assert rig.stream.stats.packets == 1


@pytest.mark.parametrize("suite", [None, SrtpSuite.AEAD_AES_256_GCM])
def test_forwards_over_ipv6(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
    rig = make_rig(suite, "::1")
    consumer = rig.add_consumer(suite=suite)
    rig.send(*frame_of(1, [900, 900, 30]))
    assert [len(packet.payload) for packet in consumer.packets()] == [900, 900, 30]


def test_an_ipv4_peer_of_a_dual_stack_socket_is_itself(rig: Rig) -> None:
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", 0))
    via = UdpSocket(rig.plane, sock.fileno())
    peer = Peer()
    transport = rig.transport_to(peer, via)
    target = rig.make_input(transport)
    stream = rig.add_video(target, 77)
    peer.send(rtp(1, ssrc=77), ("127.0.0.1", sock.getsockname()[1]))
    peer.send(bytes([0, 1]) + bytes(18), ("127.0.0.1", sock.getsockname()[1]))
    [event] = [event for event in via.receive(now_us()) if isinstance(event, StunReceived)]
    assert event.address == peer.address
    assert stream.stats.packets == 1
    assert transport.send(b"\x16hello")
    assert list(peer.datagrams()) == [b"\x16hello"]
    sock.close()
    peer.socket.close()


def test_sockets_of_two_planes_and_two_families_read_in_turn_tell_whence_what_came(rig: Rig) -> None:
    planes = [rig.plane, Plane()]
    ends = [(plane, udp(ip), Peer(ip)) for plane in planes for ip in ("127.0.0.1", "::1")]
    sockets = [UdpSocket(plane, sock.fileno()) for plane, sock, _ in ends]
    for number in range(3):
        for via, (_, sock, peer) in zip(sockets, ends, strict=True):
            sent = [bytes([0, 1]) + bytes([number]) * (18 + index) for index in range(number + 1)]
            for each in sent:
                peer.send(each, address_of(sock))
            events = [event for event in via.receive(now_us()) if isinstance(event, StunReceived)]
            assert [(event.address, event.data) for event in events] == [(peer.address, each) for each in sent]
    for _, sock, peer in ends:
        sock.close()
        peer.socket.close()


def test_addresses_that_a_socket_cannot_reach_are_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="cannot be reached from an IPv4 socket"):
        rig.udp.send(b"\0", ("::1", 9))
    with pytest.raises(ValueError, match="not an IP address"):
        rig.transport.accept_from(rig.udp, ("localhost", 9))
    with pytest.raises(ValueError, match="port"):
        rig.udp.send(b"\0", ("127.0.0.1", 65536))


def test_a_descriptor_that_is_no_inet_socket_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with pytest.raises(ValueError, match="no IPv4 or IPv6 socket"):
        UdpSocket(Plane(), ours.fileno())
    ours.close()
    theirs.close()


def test_one_wakeup_does_a_bounded_amount_of_work(rig: Rig) -> None:
    _socket, via = rig.open()
    for _ in range(200):
        rig.add_consumer(via=via, keep_for_retransmission=False)
    rig.send(rtp(1, KEY_FRAME))
    for number in range(2, 66):
        rig.sender.send(rtp(number), address_of(rig.socket))
    rig.udp.receive(now_us())
    handled = rig.stream.stats.packets - 1
    assert 1 <= handled <= 8
    wakeups = 1
    while rig.stream.stats.packets < 65:
        rig.udp.receive(now_us())
        wakeups += 1
    assert wakeups >= 8


def test_a_full_send_buffer_is_a_counted_drop(rig: Rig) -> None:
    a, b = udp("::1"), udp("::1")
    # fragments of 1280 bytes, each charged to a buffer that has room for three of them
    a.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU, 1280)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    via = UdpSocket(rig.plane, a.fileno())
    assert not via.send(bytes(60000), address_of(b))
    assert via.send(bytes(100), address_of(b))
    assert rig.plane.counters["send_full"] == 1
    a.close()
    b.close()


@pytest.mark.parametrize("count", [1, 20])
def test_what_the_kernel_refuses_does_not_count_as_sent(rig: Rig, count: int) -> None:
    consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME))
    sent = (consumer.output.packets, consumer.output.bytes, consumer.transport.sent.bytes)
    consumer.transport.set_destination(consumer.udp, ("255.255.255.255", 9))  # which needs SO_BROADCAST
    rig.send(*(rtp(2 + index) for index in range(count)))
    assert rig.plane.counters["send_failed"] == count
    assert (consumer.output.packets, consumer.output.bytes, consumer.transport.sent.bytes) == sent
    assert consumer.transport.rtp_sent.bytes == sent[1]
    assert consumer.ask_again([1, 2], now_us() + 1_000_000) <= 2
    assert (consumer.output.packets_retransmitted, consumer.output.rtx_packets) == (0, 0)
    assert consumer.transport.rtx_sent.bytes == 0
    consumer.transport.set_destination(consumer.udp, consumer.peer.address)
    rig.send(*(rtp(2 + count + index) for index in range(count)))
    assert consumer.output.packets == 1 + count
    assert len(consumer.packets()) == 1 + count
    assert consumer.output.bitrate(now_us()) == consumer.output.bytes * 8000 // 2500


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("suite", [None, SrtpSuite.AEAD_AES_256_GCM])
def test_a_connected_socket_speaks_to_its_peer_and_hears_nobody_else(
    make_rig: Callable[..., Rig], ip: str, suite: SrtpSuite | None
) -> None:
    rig = make_rig(suite, ip)
    consumer, stranger = rig.add_consumer(suite=suite), Peer(ip)
    assert consumer.udp.connect(consumer.peer.address)
    assert rig.udp.connect(rig.sender.address)
    stranger.send(bytes([0, 1]) + bytes(18), address_of(consumer.socket))
    assert consumer.udp.receive(now_us()) == []
    rig.send(*frame_of(1, [900, 900, 30]))
    rig.send(rtp(4))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2, 3, 4]
    assert rig.plane.counters["segmented_messages"] == 1
    assert consumer.udp.send(b"\x16elsewhere", stranger.address)
    assert list(stranger.datagrams()) == [b"\x16elsewhere"]
    consumer.udp.disconnect()
    stranger.send(bytes([0, 1]) + bytes(18), address_of(consumer.socket))
    [heard] = consumer.udp.receive(now_us())
    assert isinstance(heard, StunReceived)
    assert heard.address == stranger.address
    rig.send(rtp(5))
    assert [packet.sequence_number for packet in consumer.packets()] == [5]


@pytest.mark.parametrize("sizes", [[700], [700, 700, 700], [600, 650, 700]], ids=["one", "segmented", "several"])
def test_a_connected_peer_that_was_away_misses_only_what_it_was_away_for(rig: Rig, sizes: list[int]) -> None:
    consumer, other = rig.add_consumer(), rig.add_consumer()
    for each in consumer, other:
        assert each.udp.connect(each.peer.address)
    rig.send(*frame_of(1, sizes))
    assert len(consumer.packets()) == len(sizes)
    address = consumer.peer.address
    consumer.peer.socket.close()
    rig.send(*frame_of(11, sizes))  # which is refused
    consumer.peer.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    consumer.peer.socket.bind(address)
    rig.send(*frame_of(21, sizes))
    assert [packet.sequence_number for packet in consumer.packets()] == list(range(21, 21 + len(sizes)))
    assert len(other.packets()) == 2 * len(sizes) + len(sizes)
    assert rig.plane.counters["send_failed"] == 0
    assert rig.plane.counters["segmented_messages"] == (6 if sizes == [700, 700, 700] else 0)


def is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:  # ENOTCONN
        return False
    return True


@pytest.mark.parametrize("sizes", [[700], [700, 700, 700], [600, 650, 700]], ids=["one", "segmented", "several"])
def test_a_peer_that_was_away_is_connected_to_again(rig: Rig, sizes: list[int]) -> None:
    consumer, begin_us, sent = rig.add_consumer(), now_us(), 0

    def frame(second: float) -> list[int]:
        """Sends a frame at this second; its numbers."""
        nonlocal sent
        numbers = list(range(sent + 1, sent + 1 + len(sizes)))
        rig.send(*frame_of(numbers[0], sizes), at_us=begin_us + int(second * 1e6))
        sent += len(sizes)
        return numbers

    assert consumer.udp.connect(consumer.peer.address)
    address = consumer.peer.address
    consumer.peer.socket.close()
    for seconds in (0, 0, 4.9), (5, 5):  # that a frame was refused is found out with the next one
        for second in seconds:
            frame(second)
        assert not is_connected(consumer.socket)
    consumer.peer.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    consumer.peer.socket.bind(address)
    expected = frame(9.9)
    assert not is_connected(consumer.socket)
    for second in 10, 16:
        expected += frame(second)
        assert consumer.socket.getpeername() == address
    assert [packet.sequence_number for packet in consumer.packets()] == expected
    assert rig.plane.counters["send_failed"] == 0
    stranger = Peer()
    stranger.send(bytes([0, 1]) + bytes(18), address_of(consumer.socket))
    assert consumer.udp.receive(now_us()) == []
    stranger.socket.close()


def test_who_was_forgotten_while_away_is_not_connected_to_again(rig: Rig) -> None:
    consumer, other = rig.add_consumer(), Peer()
    assert consumer.udp.connect(consumer.peer.address)
    consumer.peer.socket.close()
    begin_us = now_us()
    rig.send(rtp(1, KEY_FRAME), at_us=begin_us)
    rig.send(rtp(2), at_us=begin_us)
    consumer.udp.disconnect()
    consumer.transport.set_destination(consumer.udp, other.address)
    rig.send(rtp(3), at_us=begin_us + 6_000_000)
    assert not is_connected(consumer.socket)
    assert consumer.udp.connect(other.address)
    rig.send(rtp(4), at_us=begin_us + 12_000_000)
    assert consumer.socket.getpeername() == other.address
    assert [packet.sequence_number for packet in other.packets()] == [3, 4]
    other.socket.close()


def test_a_refused_datagram_does_not_keep_a_connected_socket_from_reading(rig: Rig) -> None:
    consumer = rig.add_consumer()
    assert rig.udp.connect(rig.sender.address)
    address = rig.sender.address
    rig.sender.socket.close()
    rig.udp.send(b"\x16to nobody", address)
    rig.sender.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    rig.sender.socket.bind(address)
    rig.send(rtp(1, KEY_FRAME))  # the first look at the socket finds the refusal only
    rig.send(rtp(2))
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2]


def test_what_a_peer_refused_is_not_laid_to_the_next_one(rig: Rig) -> None:
    consumer, other = rig.add_consumer(), Peer()
    assert consumer.udp.connect(consumer.peer.address)
    consumer.peer.socket.close()
    rig.send(rtp(1, KEY_FRAME))
    consumer.udp.disconnect()
    consumer.transport.set_destination(consumer.udp, other.address)
    rig.send(rtp(2))
    assert consumer.udp.connect(other.address)
    rig.send(rtp(3))
    assert [packet.sequence_number for packet in other.packets()] == [2, 3]
    assert consumer.socket.getpeername() == other.address
    other.socket.close()


def test_a_kernel_that_refuses_to_segment_does_not_end_a_connection(rig: Rig) -> None:
    consumer = rig.add_consumer()
    consumer.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    assert consumer.udp.connect(consumer.peer.address)
    rig.send(*frame_of(1, [700, 700, 700]))
    assert len(consumer.packets()) == 3
    assert not consumer.udp.segmentation
    assert consumer.socket.getpeername() == consumer.peer.address


@pytest.mark.parametrize("ip", ["0.0.0.0", "::"])
def test_a_socket_of_all_addresses_stays_one(rig: Rig, ip: str) -> None:
    sock = udp(ip)
    via = UdpSocket(rig.plane, sock.fileno())
    assert not via.connect(("127.0.0.1" if ip == "0.0.0.0" else "::1", 4000))
    via.disconnect()
    assert sock.getsockname()[0] == ip
    sock.close()


def test_a_socket_of_one_link_stays_there(rig: Rig) -> None:
    """To end a connection takes the link from a socket that has an address of it (``__udp_disconnect`` in Linux)."""
    with open("/proc/net/if_inet6") as table:  # address, index of its link, length of prefix, scope, flags, name
        links = [row.split() for row in table if row.startswith("fe80")]
    if not links:
        pytest.skip("no link has an address of its own here")
    text, link = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(links[0][0])), int(links[0][1], 16)
    sock, peer = (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2))
    peer.bind((text, 0, 0, link))
    sock.bind((text, 0, 0, link))
    port = sock.getsockname()[1]
    sock.close()
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.bind((text, port, 0, link))  # only one that was told its port keeps it
    via = UdpSocket(rig.plane, sock.fileno())
    assert not via.connect(address_of(peer))
    via.disconnect()
    assert sock.getsockname()[3] == link
    assert via.send(b"\x16there", address_of(peer))
    assert peer.recv(10) == b"\x16there"
    sock.close()
    peer.close()


def test_a_socket_that_cannot_be_connected_goes_on_without(rig: Rig) -> None:
    consumer = rig.add_consumer()
    assert not consumer.udp.connect(("255.255.255.255", 9))  # EACCES: no SO_BROADCAST
    assert not consumer.udp.connect(("127.0.0.1", 0))
    consumer.udp.close()
    assert not consumer.udp.connect(consumer.peer.address)
    consumer.udp.disconnect()


def test_a_closed_socket_leaves_its_transports_without_destination(rig: Rig) -> None:
    consumer: Consumer = rig.add_consumer()
    rig.send(rtp(1, KEY_FRAME))
    consumer.udp.close()
    rig.send(rtp(2))
    assert len(consumer.packets()) == 1
    assert not consumer.transport.send(b"\x16")
    assert consumer.udp.receive(now_us()) == []
    rig.udp.close()
    assert rig.send(rtp(3)) == []
    assert consumer.output.packets == 1
