"""A worker that dies, a server that ends: what clients see, and what is left."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from miso.demo.__main__ import main
from miso.demo.server import DemoServer
from miso.protoo import ClientOptions, ClientPeer, ConnectionRequest, Retry, WebSocketServer
from tests.demo.client import AUDIO, RoomClient
from tests.demo.conftest import free_ports, ws_url
from tests.demo.ice import ice_over
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[DemoServer]:
    server = DemoServer(free_ports(tmp_path, workers=2))
    await server.start()
    yield server
    await server.close()


async def test_a_dead_worker_takes_its_own_rooms_only_and_their_peers_come_back(server: DemoServer) -> None:
    url = ws_url(server)
    hit, spared = await RoomClient.connect(url, "hit", "a"), await RoomClient.connect(url, "spared", "b")
    await hit.join()
    await hit.produce("audio", AUDIO)
    await spared.join()
    other = await RoomClient.connect(url, "spared", "c")
    await other.join()
    rooms = {room.id: room for room in server.rooms.rooms}
    victim = next(worker for worker in server.workers.pool.workers if rooms["hit"].router in worker.routers)
    assert rooms["spared"].router not in victim.routers
    replaced = asyncio.Event()
    server.workers.pool.on("started", lambda worker: replaced.set())
    os.kill(victim.pid, signal.SIGKILL)
    assert await hit.closed() == 1012
    again = await RoomClient.connect(url, "hit", "a")
    await again.join()
    await again.produce("audio", AUDIO)
    # the other room did not notice
    await other.produce("audio", AUDIO)
    await spared.seen("newConsumer")
    assert spared.methods.count("peerClosed") == 0
    await asyncio.wait_for(replaced.wait(), PATIENCE_S)
    assert len(server.workers.pool.workers) == 2
    assert server.workers.deaths == 1
    for client in (again, spared, other):
        await client.close()


async def test_a_protoo_client_comes_back_by_itself_when_the_only_worker_died(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, workers=1))
    await server.start()
    retry = Retry(min_delay_s=0.1, max_delay_s=0.5)
    client = ClientPeer(f"{ws_url(server)}/?roomId=r&peerId=a", ClientOptions(proxy=None, retry=retry))
    events: list[str] = []
    back = asyncio.Event()
    client.on("disconnected", lambda: events.append("disconnected"))

    def on_open() -> None:
        events.append("open")
        if len(events) > 1:
            back.set()

    client.on("open", on_open)
    await client.open()
    [worker] = server.workers.pool.workers
    os.kill(worker.pid, signal.SIGKILL)
    await asyncio.wait_for(back.wait(), PATIENCE_S)
    assert events == ["open", "disconnected", "open"]
    assert isinstance(await client.request("getRouterRtpCapabilities"), dict)
    await client.close()
    await server.close()


async def test_a_client_whose_media_path_broke_is_told_before_it_is_closed_and_may_come_back(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, workers=1, ice_consent_timeout=1))
    await server.start()
    secret = "s" * 16
    client = await RoomClient.connect(ws_url(server), "r", "a", query=f"&peerSecret={secret}")
    transport = await client.transport(producing=True)
    async with ice_over(transport):
        pass
    told = await client.seen("mediaLost")
    assert told == {"transportId": transport["id"], "iceState": "disconnected", "dtlsState": "connecting"}
    assert client.log[-1][0] == "mediaLost"
    assert await client.closed() == 4000
    again = await RoomClient.connect(ws_url(server), "r", "a", query=f"&peerSecret={secret}")
    assert await again.request("getRouterRtpCapabilities")
    await again.close()
    await server.close()


async def test_a_client_is_refused_without_a_word_of_error_while_there_is_no_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = DemoServer(free_ports(tmp_path, workers=1))
    await server.start()
    [worker] = server.workers.pool.workers
    worker.close()
    with pytest.raises(InvalidStatus) as caught:
        await RoomClient.connect(ws_url(server), "r", "a")
    assert caught.value.response.status_code == 503
    await server.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_closing_the_server_brings_clients_back_to_the_next_one(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path))
    await server.start()
    client = await RoomClient.connect(ws_url(server), "r", "a")
    await client.join()
    pids = [worker.pid for worker in server.workers.pool.workers]
    await server.close()
    assert await client.closed() == 1012
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_who_comes_back_while_the_server_ends_makes_no_room(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path))
    await server.start()
    server.rooms.close()  # the first thing in its end: the port is still open
    with pytest.raises(InvalidStatus) as caught:
        await RoomClient.connect(ws_url(server), "r", "a")
    assert caught.value.response.status_code == 503
    assert server.rooms.rooms == []
    assert not server.workers.pool.workers[0].routers
    await server.close()


async def test_who_comes_in_while_the_server_ends_is_told_to_come_back(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, workers=1))
    await server.start()
    [worker] = server.workers.pool.workers
    made_again = asyncio.Event()

    async def connect(request: ConnectionRequest) -> None:
        connecting = asyncio.create_task(server.rooms.connect(request))
        while not server.rooms.rooms:  # noqa: ASYNC110  there is no event of it
            await asyncio.sleep(0)
        worker.observer.on("newrouter", lambda router: made_again.set())
        server.rooms.rooms[0].close()  # its last peer leaves during the handshake, so that it is made again
        await made_again.wait()
        server.rooms.close()
        await connecting

    door = WebSocketServer(connect)
    port = await door.listen("127.0.0.1", 0)
    client = await RoomClient.connect(f"ws://127.0.0.1:{port}", "r", "a")
    assert await client.closed() == 1012
    assert server.rooms.rooms == []
    await door.close()
    await server.close()


async def test_health_and_metrics_tell_what_runs(server: DemoServer) -> None:
    client = await RoomClient.connect(ws_url(server), "r", "a")
    await client.join()
    await client.produce("audio", AUDIO)
    async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False, timeout=PATIENCE_S) as http:
        health = (await http.get("/health")).json()
        people = {"rooms": 1, "peers": 1, "storeAway": False}
        assert health == {"status": "ok", "workers": 2, "workersWanted": 2, **people}
        metrics = (await http.get("/metrics")).text
        numbers = dict(re.findall(r"^([a-z_]+(?:\{.*?\})?) ([0-9.]+)$", metrics, re.M))
        assert float(numbers["miso_workers"]) == 2
        assert float(numbers["miso_producers"]) == 1
        assert float(numbers['miso_requests_total{method="join",result="accepted"}']) == 1
        os.kill(server.workers.pool.workers[0].pid, signal.SIGKILL)
        died = asyncio.Event()
        server.workers.pool.on("died", lambda worker, error: died.set())
        await asyncio.wait_for(died.wait(), PATIENCE_S)
        assert float(numbers["process_open_fds"]) > 0
        assert "miso_worker_deaths_total 1.0" in (await http.get("/metrics")).text
    await client.close()


def as_at_a_terminal() -> None:
    """In the child: takes the signals that are ignored where a shell runs the tests in the background, or nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


async def start_controller(tmp_path: Path, *flags: str) -> tuple[Process, str, list[str]]:
    """The real command; gives its process, its log so far, and its HTTP and HTTPS addresses."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "miso.demo", "--workers", "2", "--https-port", "0", "--http-port", "0", "--webrtc-server-port", "0"),
        *("--media-ip", "127.0.0.1", "--data-dir", str(tmp_path), *flags),
        cwd=ROOT,
        stderr=PIPE,
        preexec_fn=as_at_a_terminal,
    )
    log = ""
    while "media announced at" not in log:
        assert process.stderr is not None
        line = (await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)).decode()
        assert line, log
        log += line
    return process, log, re.findall(r"https?://[^ \n]+", log)


def children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


async def gone(pid: int) -> None:
    """Waits until a process has ended, whoever's child it is."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
async def test_no_worker_outlives_the_controller(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process, _, urls = await start_controller(tmp_path, "--workers", "4")
    client = await RoomClient.connect(urls[0].replace("http", "ws").replace("localhost", "127.0.0.1"), "r", "a")
    await client.join()
    workers = children_of(process.pid)
    assert len(workers) == 4
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == code
    assert process.stderr is not None
    last_words = (await process.stderr.read()).decode()
    assert "Traceback" not in last_words, last_words
    assert " ERROR " not in last_words, last_words
    for worker in workers:
        await gone(worker)
    assert await client.closed() in ((1012,) if code == 0 else (1006, None))


@pytest.mark.parametrize(
    ("arguments", "file", "explanation"),
    [
        (("--workers", "0"), "", "controller: --workers: should be greater than or equal to 1"),
        (("--media-ip", "home"), "", "controller: --media-ip: 'home' does not appear to be an IPv4 or IPv6 address"),
        ((), "worker_count = 3", "controller: FILE: worker_count: there is no such setting"),
        ((), 'workers = "many"', "controller: FILE: workers: should be a valid integer"),
        ((), 'worker_log_tags = ["ice", "hockey"]', "controller: FILE: worker_log_tags.1: should be 'info', 'ice'"),
        ((), 'config = "another.toml"', "controller: FILE: config: one file cannot name another"),
        ((), "workers =", "controller: FILE: Invalid value"),
        ((), "workers = 'ÿ'", "controller: FILE: 'utf-8' codec can't decode"),
    ],
)
def test_wrong_settings_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], file: str, explanation: str
) -> None:
    config = tmp_path / "miso.toml"
    config.write_text(file, encoding="latin-1")
    assert main(["--config", str(config), *arguments]) == 2
    assert capsys.readouterr().err.startswith(explanation.replace("FILE", str(config)))


def test_wrong_settings_of_the_environment_are_named_as_they_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MISO_WORKERS", "many")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("controller: MISO_WORKERS: should be a valid integer")
    monkeypatch.delenv("MISO_WORKERS")
    monkeypatch.setenv("PROTOO_LISTEN_PORT", "http")
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("controller: PROTOO_LISTEN_PORT: should be a valid integer")


async def test_a_second_signal_ends_all_at_once_even_a_worker_that_hangs(tmp_path: Path) -> None:
    process, _, _ = await start_controller(tmp_path)
    workers = children_of(process.pid)
    os.kill(workers[0], signal.SIGSTOP)
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    while b"SIGINT: ending" not in await asyncio.wait_for(process.stderr.readline(), PATIENCE_S):
        pass
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == -signal.SIGINT
    for worker in workers:
        await gone(worker)


async def test_ctrl_c_while_it_loads_is_no_traceback() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "miso.demo", "--workers", "1"),
        cwd=ROOT,
        stderr=PIPE,
        preexec_fn=as_at_a_terminal,
    )
    assert process.stderr is not None
    while b"pydantic" not in (line := await asyncio.wait_for(process.stderr.readline(), 60)):
        assert line
    process.send_signal(signal.SIGINT)
    assert b"Traceback" not in await asyncio.wait_for(process.stderr.read(), 60)
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 130


def test_the_log_goes_into_no_socket_where_standard_error_is_closed() -> None:
    code = """import os; os.close(0); os.close(2); from miso.demo.__main__ import main; main(["--workers", "0"])
print(*(os.readlink(f"/proc/self/fd/{number}") for number in (0, 2)))"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{os.devnull} {os.devnull}\n"


async def test_tells_of_environment_names_that_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISO_WROKERS", "3")
    process, log, _ = await start_controller(tmp_path)
    assert "MISO_WROKERS is no setting" in log
    process.send_signal(signal.SIGHUP)  # as when the terminal closes
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_a_reader_of_the_log_who_stops_does_not_hold_up_the_rooms(tmp_path: Path) -> None:
    process, _, urls = await start_controller(tmp_path, "--log-level", "debug", "--worker-log-level", "debug")
    assert process.stderr is not None
    pipe = process.stderr._transport  # type: ignore[attr-defined]
    pipe.pause_reading()
    fcntl.fcntl(pipe.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, 4096)
    url = urls[0].replace("http", "ws").replace("localhost", "127.0.0.1")
    for number in range(30):  # several times what the pipe holds now
        client = await RoomClient.connect(url, "r", f"p{number}")
        await client.join()
        await client.close()
    process.send_signal(signal.SIGTERM)
    await gone(process.pid)
    pipe.resume_reading()
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
