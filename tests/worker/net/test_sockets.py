"""Sockets of the event loop: ports, wake-ups, buffers."""

import asyncio
import os
import resource
import socket
import time

import pytest

from miso.worker.errors import BodyError, CommandError
from miso.worker.net.sockets import LoopSockets
from tests.patience import PATIENCE_S


def nothing() -> None:
    """Nobody listens."""


@pytest.fixture
def free_ports():
    """Three ports in a row that nobody has."""
    for start in range(20011, 60000, 97):
        socks = []
        try:
            for port in range(start, start + 3):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    sock = socket.socket(socket.AF_INET, kind)
                    socks.append(sock)
                    sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for sock in socks:
                sock.close()
        return start, start + 2
    raise AssertionError("no free ports")


async def test_ports_come_from_the_range_until_it_is_used_up(free_ports):
    sockets = LoopSockets(asyncio.get_running_loop(), *free_ports)
    bound = [sockets.open_udp("127.0.0.1", None) for _ in range(3)]
    assert sorted(sock.local_address[1] for sock in bound) == list(range(free_ports[0], free_ports[1] + 1))
    with pytest.raises(CommandError, match="no more available ports"):
        sockets.open_udp("127.0.0.1", None)
    listening = sockets.listen_tcp("127.0.0.1", None, lambda connection, address: nothing)
    freed = bound[1].local_address
    bound[1].close()
    again = sockets.open_udp("127.0.0.1", None)
    assert again.local_address == freed
    for sock in (*bound, again, listening):
        sock.close()


async def test_port_that_another_process_has_is_passed_over(free_ports):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", free_ports[0]))
        sockets = LoopSockets(asyncio.get_running_loop(), *free_ports)
        bound = [sockets.open_udp("127.0.0.1", None) for _ in range(2)]
        assert free_ports[0] not in [sock.local_address[1] for sock in bound]
        with pytest.raises(CommandError, match="address in use"):
            sockets.open_udp("127.0.0.1", free_ports[0])
        for sock in bound:
            sock.close()


async def test_datagrams_wake_the_reader_until_it_closes():
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    came = asyncio.Event()
    bound = sockets.open_udp("127.0.0.1", None)
    bound.watch_readable(came.set)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"hello", bound.local_address)
        await asyncio.wait_for(came.wait(), PATIENCE_S)
    assert socket.socket(fileno=os.dup(bound.fileno)).recv(100) == b"hello"
    bound.close()
    bound.close()


async def test_big_buffers():
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    bound = sockets.open_udp("127.0.0.1", None)
    with socket.socket(fileno=os.dup(bound.fileno)) as view, socket.socket(type=socket.SOCK_DGRAM) as plain:
        ordinary = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert view.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= ordinary
    bound.close()


async def test_accepted_connections_are_handed_on():
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    readable = asyncio.Event()
    accepted = []

    def on_connection(connection, address):
        accepted.append((connection, address))
        return readable.set

    listener = sockets.listen_tcp("127.0.0.1", None, on_connection)
    reader, writer = await asyncio.open_connection(*listener.local_address)
    writer.write(b"hello")
    await asyncio.wait_for(readable.wait(), PATIENCE_S)
    connection, address = accepted[0]
    assert address == writer.get_extra_info("sockname")
    assert connection.local_address == listener.local_address
    writable = asyncio.Event()
    connection.watch_writable(writable.set)
    await asyncio.wait_for(writable.wait(), PATIENCE_S)
    connection.watch_writable(None)
    connection.close()
    listener.close()
    # the five bytes were never read: the close is a reset
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()


async def test_a_listener_without_a_free_descriptor_waits_and_goes_on(caplog):
    loop = asyncio.get_running_loop()
    sockets = LoopSockets(loop, 20000, 59999)
    accepted = []
    came = asyncio.Event()

    def on_connection(connection, address):
        accepted.append(connection)
        came.set()
        return nothing

    listener = sockets.listen_tcp("127.0.0.1", None, on_connection)
    other = sockets.open_udp("127.0.0.1", None)
    peers = [socket.create_connection(listener.local_address) for _ in range(3)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_free = os.dup(0)
    os.close(next_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, limits[1]))
    used_s, began_s = time.process_time(), time.monotonic()
    try:
        await asyncio.sleep(1.2)  # the listener's own pause is what is looked at
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert time.process_time() - used_s < 0.6
    assert accepted == []
    told = [record for record in caplog.records if "accept failed" in record.getMessage()]
    assert 1 <= len(told) <= time.monotonic() - began_s + 1, "more than one line a second"
    await asyncio.wait_for(came.wait(), PATIENCE_S)
    assert len(accepted) == 3
    for sock in (*accepted, listener, other):
        sock.close()
    for peer in peers:
        peer.close()


async def test_ipv6_socket_leaves_ipv4_alone():
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    six = sockets.open_udp("::", None)
    four = sockets.open_udp("0.0.0.0", six.local_address[1])
    assert six.local_address[0] == "::"
    assert four.local_address[1] == six.local_address[1]
    six.close()
    four.close()


@pytest.mark.parametrize("ip", ["", "999.1.1.1", "localhost", "1.2.3", "127.0.0.1%lo", "fe80::1%nosuch", "::1\x00"])
async def test_text_that_is_no_ip_is_a_wrong_body(ip):
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    with pytest.raises(BodyError, match="invalid IP"):
        sockets.open_udp(ip, None)


@pytest.mark.parametrize("port", [None, 45678])
async def test_address_of_another_machine_cannot_be_bound(port):
    sockets = LoopSockets(asyncio.get_running_loop(), 20000, 59999)
    with pytest.raises(CommandError, match="address not available"):
        sockets.open_udp("192.0.2.77", port)


async def test_range_of_port_0_only_has_no_port():
    sockets = LoopSockets(asyncio.get_running_loop(), 0, 0)
    with pytest.raises(CommandError):
        sockets.open_udp("127.0.0.1", None)
