"""Media ports where the kernel takes the ports of outgoing connections from."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from miso.demo.server import DemoServer
from miso.demo.workers.free_ports import free_port
from miso.demo.workers.held_ports import HeldPorts, holder_of, outgoing_ports
from tests.demo.client import RoomClient
from tests.demo.conftest import free_ports, ws_url

IP_LOCAL_PORT_RANGE = 51
"""ip(7): which ports a socket may get when it connects. From Linux 6.3 on."""


@pytest.fixture
def port() -> int:
    return free_port(["127.0.0.1"], outgoing_ports().start, outgoing_ports().stop - 16)


@pytest.fixture
def target() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()


def connect_from(port: int, target: tuple[str, int], kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """An outgoing connection for which the kernel has that one port to choose from.

    Raises:
        OSError: It may not have it.
    """
    outgoing = socket.socket(socket.AF_INET, kind)
    try:
        outgoing.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", port << 16 | port))
    except OSError:
        outgoing.close()
        pytest.skip("this kernel chooses ports as it likes")
    try:
        outgoing.connect(target)
    except OSError:
        outgoing.close()
        raise
    if kind == socket.SOCK_STREAM:
        outgoing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME-WAIT
    return outgoing


async def media_ports(server: DemoServer) -> set[int]:
    client = await RoomClient.connect(ws_url(server), "r", "a")
    transport = await client.transport(producing=True)
    await client.close()
    return {candidate["port"] for candidate in transport["iceCandidates"]}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_no_outgoing_connection_gets_a_held_port(port: int, target: tuple[str, int], kind: socket.SocketKind) -> None:
    connect_from(port, target, kind).close()
    held = HeldPorts([port], ["127.0.0.1"])
    with pytest.raises(OSError, match=r"assign|unavailable"):
        connect_from(port, target, kind)
    held.close()
    connect_from(port, target, kind).close()


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0"])
def test_a_worker_has_a_held_port_all_the_same(port: int, ip: str) -> None:
    held = HeldPorts([port], [ip])
    with contextlib.ExitStack() as sockets:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            one = sockets.enter_context(socket.socket(socket.AF_INET, kind))
            if kind == socket.SOCK_STREAM:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((ip, port))
            if kind == socket.SOCK_STREAM:
                one.listen()
    held.close()


async def test_a_worker_that_is_replaced_finds_its_port_though_connections_are_made_meanwhile(
    tmp_path: Path, port: int, target: tuple[str, int]
) -> None:
    server = DemoServer(free_ports(tmp_path, webrtc_server_port=port))
    await server.start()
    replaced = asyncio.Event()
    died = asyncio.Event()
    server.workers.pool.on("started", lambda worker: replaced.set())
    server.workers.pool.on("died", lambda worker, error: died.set())
    os.kill(server.workers.pool.workers[0].pid, signal.SIGKILL)
    await asyncio.wait_for(died.wait(), 60)
    with pytest.raises(OSError, match=r"assign|unavailable"):
        connect_from(port, target)
    await asyncio.wait_for(replaced.wait(), 60)
    assert await media_ports(server) == {port}
    await server.close()
    connect_from(port, target).close()


async def test_a_port_that_a_connection_has_is_named_and_the_next_one_is_taken(
    tmp_path: Path, port: int, target: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with connect_from(port, target):
        server = DemoServer(free_ports(tmp_path, webrtc_server_port=port))
        await server.start()
        assert await media_ports(server) == {port + 1}
        await server.close()
    [told] = [record.getMessage() for record in caplog.records if "media port" in record.getMessage()]
    assert f"cannot have media port {port}, takes {port + 1}" in told
    assert f"a TCP connection to 127.0.0.1:{target[1]}" in told


async def test_two_workers_whose_ports_are_taken_do_not_take_each_others(
    tmp_path: Path, port: int, target: tuple[str, int]
) -> None:
    with connect_from(port, target):
        server = DemoServer(free_ports(tmp_path, workers=2, webrtc_server_port=port))
        await server.start()
        seen = await media_ports(server) | await media_ports(server)
        await server.close()
    assert seen <= {port + 1, port + 2}


def test_the_holder_of_a_port_is_found(port: int, target: tuple[str, int]) -> None:
    assert holder_of(port) == ""
    held = HeldPorts([port], [])
    assert holder_of(port) == ""  # that is ourselves
    held.close()
    with connect_from(port, target):
        assert holder_of(port) == f"a TCP connection to 127.0.0.1:{target[1]}"
    with connect_from(port, target, socket.SOCK_DGRAM):
        assert holder_of(port) == f"a UDP connection to 127.0.0.1:{target[1]}"
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listening:
        listening.bind(("::", port))
        assert holder_of(port) == "a program that listens on UDP"
    assert "a program that listens on TCP" in holder_of(target[1])


def test_the_kernel_says_which_ports_outgoing_connections_get() -> None:
    ports = outgoing_ports()
    assert len(ports) > 0
    assert ports.start > 0
