"""Bugs, planted at each edge where a unit of work begins: it is lost, logged and counted, and the worker goes on."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable

import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CreateDirectTransportRequest, CreatePlainTransportRequest, ListenIp
from miso.worker.channel.bodies.transport import ConnectRequest, ProduceDataRequest
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted, Notification, Refused
from miso.worker.channel.codec import LogLevel
from miso.worker.faults import FaultBook, attempt, describe, faults
from miso.worker.log import ROOT, ChannelLog
from miso.worker.net.clock import LoopScheduler
from miso.worker.net.loop_delay import LoopDelay
from miso.worker.net.sockets import LoopSockets
from miso.worker.net.turns import Turns
from tests.harness.client import WorkerClient

PLANT = """
from miso.worker.__main__ import main

def broken(*arguments, **options):
    raise {error}("planted")

{place} = broken
main()
"""
IMPORTS = (
    "import miso.worker.dataplane.transport.transport, miso.worker.dataplane.transport.unknown_ssrcs\n"
    "import miso.worker.rtc.transport.plain_transport, miso.worker.rtc.router, miso.worker.rtc.data.data_producer\n"
)
SCTP = bytes.fromhex("1388138800000001") + bytes(20)
RTP = bytes.fromhex("8060000100000001000004d2") + bytes(20)


def worker_with_a_bug(place: str, error: str = "ZeroDivisionError") -> WorkerClient:
    return WorkerClient([sys.executable, "-c", IMPORTS + PLANT.format(place=place, error=error)])


def plain_transport(worker: WorkerClient) -> tuple[str, int]:
    worker.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r"))
    body = CreatePlainTransportRequest(transport_id="t", listen_ip=ListenIp(ip="127.0.0.1"), rtcp_mux=True)
    reply = worker.request(commands.ROUTER_CREATE_PLAIN_TRANSPORT, {"routerId": "r"}, body)
    assert isinstance(reply, Accepted)
    assert isinstance(reply.data, dict)
    return "127.0.0.1", reply.data["tuple"]["localPort"]


def send_sctp(worker: WorkerClient) -> None:
    send_datagrams(worker, SCTP)


def send_a_new_stream(worker: WorkerClient) -> None:
    """Packets that come together, which are asked about together."""
    send_datagrams(worker, *[RTP] * 20)


def send_datagrams(worker: WorkerClient, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        address = plain_transport(worker)
        body = ConnectRequest(ip="127.0.0.1", port=sock.getsockname()[1], rtcp_port=None)
        worker.request(commands.TRANSPORT_CONNECT, {"routerId": "r", "transportId": "t"}, body)
        for datagram in datagrams:
            sock.sendto(datagram, address)


def dump_a_router(worker: WorkerClient) -> None:
    worker.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r"))
    reply = worker.request(commands.ROUTER_DUMP, {"routerId": "r"})
    assert isinstance(reply, Refused)
    assert "internal error" in reply.reason


def send_a_message(worker: WorkerClient) -> None:
    ids = {"routerId": "r", "transportId": "t", "dataProducerId": "p"}
    made = CreateDirectTransportRequest(transport_id="t", direct=True, max_message_size=1000)
    worker.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r"))
    worker.request(commands.ROUTER_CREATE_DIRECT_TRANSPORT, ids, made)
    worker.request(commands.TRANSPORT_PRODUCE_DATA, ids, ProduceDataRequest(data_producer_id="p", type="direct"))
    worker.payload_notify(commands.DATA_PRODUCER_SEND, ids, DataMessage(ppid=51), b"hello")


PLACES: dict[str, tuple[str, Callable[[WorkerClient], None]]] = {
    "where the plane cannot raise": ("miso.worker.dataplane.transport.transport.SctpReceived", send_sctp),
    "where the plane asks for a producer": (
        "miso.worker.dataplane.transport.unknown_ssrcs.UnknownSsrc",
        send_a_new_stream,
    ),
    "an event of the plane": ("miso.worker.rtc.transport.plain_transport.PlainTransport.on_sctp", send_sctp),
    "a wake-up of a socket": ("miso.worker.rtc.transport.udp_port.deliver", send_sctp),
    "a command": ("miso.worker.rtc.router.RouterDump", dump_a_router),
    "a payload notification": ("miso.worker.rtc.data.data_producer.DataProducer.receive", send_a_message),
}


def wait_for_faults(worker: WorkerClient) -> int:
    event = worker.wait_for_event("faults")
    assert isinstance(event, Notification)
    assert event.target_id == str(worker.pid)
    assert isinstance(event.data, dict)
    count = event.data["count"]
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize("place", PLACES)
def test_a_bug_costs_its_unit_of_work_and_is_logged_and_counted(place):
    planted, meet = PLACES[place]
    with worker_with_a_bug(planted) as worker:
        meet(worker)
        assert wait_for_faults(worker) >= 1
        line = worker.wait_for_log("planted")
        assert line.level is LogLevel.ERROR
        assert "Traceback" in line.text
        assert "in broken" in line.text
        assert isinstance(worker.request(commands.WORKER_DUMP, {}), Accepted)


def test_a_panic_of_a_rust_library_is_a_bug_like_others():
    with worker_with_a_bug(
        "miso.worker.rtc.transport.plain_transport.PlainTransport.on_sctp", "GeneratorExit"
    ) as worker:
        send_sctp(worker)
        assert wait_for_faults(worker) == 1
        assert isinstance(worker.request(commands.WORKER_DUMP, {}), Accepted)


def test_want_of_memory_ends_it_visibly():
    with worker_with_a_bug("miso.worker.rtc.transport.plain_transport.PlainTransport.on_sctp", "MemoryError") as worker:
        send_sctp(worker)
        assert worker.wait_for_exit() == 1
        said = worker.stderr()
    assert "cannot go on" in said
    assert "MemoryError: planted" in said


# ---------------------------------------------------------------- the edges of the process itself


class Broken:
    """An object whose work always fails."""

    id = "broken"

    def __init__(self) -> None:
        self.calls = 0

    def work(self) -> None:
        self.calls += 1
        raise ZeroDivisionError("planted")


def test_a_fault_names_its_object_by_class_and_id(caplog):
    before = faults.count
    assert not attempt(Broken(), Broken().work)
    assert faults.count == before + 1
    assert describe(Broken().work) == "Broken broken"
    assert describe(describe) == "describe"


def test_a_fault_that_repeats_is_logged_once_and_always_counted(caplog):
    book = FaultBook()
    for _ in range(100):
        try:
            Broken().work()
        except ZeroDivisionError as error:
            book.record(error, "Broken broken")
    assert book.count == 100
    assert [record.getMessage() for record in caplog.records] == [
        "fault number 1, about Broken broken: ZeroDivisionError('planted')"
    ]
    assert "in work" in caplog.text


class Unspeakable(Exception):
    """It has neither text nor form."""

    def __repr__(self) -> str:
        raise ZeroDivisionError("planted too")

    __str__ = __repr__


def test_a_fault_without_a_text_is_counted_and_logged_like_others(caplog):
    def work() -> None:
        raise Unspeakable

    before = faults.count
    assert not attempt(Broken(), work)
    assert faults.count == before + 1
    assert "about Broken broken: Unspeakable without a text" in caplog.text


def test_a_long_text_leaves_room_for_the_traceback(caplog):
    lines: list[bytes] = []
    level = logging.getLogger(ROOT).level
    log = ChannelLog(lines.append, "error", ())
    logging.getLogger(ROOT).setLevel(level)
    try:
        raise ValueError("x" * 100_000)
    except ValueError as error:
        FaultBook().record(error, "y" * 100_000)
    for record in caplog.records:
        log.handle(record)
    assert b"in test_a_long_text_leaves_room_for_the_traceback" in lines[0]


async def test_a_timer_that_fails_stops_neither_the_loop_nor_the_other_timers():
    loop = asyncio.get_running_loop()
    uncaught: list[object] = []
    loop.set_exception_handler(lambda _, context: uncaught.append(context))
    before, done = faults.count, loop.create_future()
    scheduler = LoopScheduler(loop, Turns(loop), LoopDelay())
    scheduler.call_later(0, Broken().work)
    scheduler.call_later(1000, lambda: done.set_result(None))
    await done
    assert faults.count == before + 1
    assert uncaught == []


async def test_a_socket_whose_reader_always_fails_does_not_take_the_loop():
    loop = asyncio.get_running_loop()
    owner = Broken()
    bound = LoopSockets(loop, 20000, 21000).open_udp("127.0.0.1", None)
    bound.watch_readable(owner.work)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", bound.local_address)
        again = loop.create_future()
        loop.call_later(0.35, again.set_result, None)
        await again
    bound.close()
    assert 17 <= owner.calls <= 16 + 4  # 16 in a row, then one each 100 ms


async def test_a_connection_that_cannot_be_taken_costs_only_itself():
    loop = asyncio.get_running_loop()
    taken = loop.create_future()
    refused: list[object] = []

    def take(connection: object, address: tuple[str, int]) -> Callable[[], None]:
        if not refused:
            refused.append(connection)
            raise ZeroDivisionError("planted")
        taken.set_result(address)
        return lambda: None

    before = faults.count
    listener = LoopSockets(loop, 20000, 21000).listen_tcp("127.0.0.1", None, take)
    reader, writer = await asyncio.open_connection(*listener.local_address)
    assert await reader.read() == b""
    other = await asyncio.open_connection(*listener.local_address)
    await taken
    assert faults.count == before + 1
    for one in (writer, other[1]):
        one.close()
    listener.close()
