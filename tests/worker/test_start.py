"""How a worker starts: what it costs until it says that it runs, and what may be sent to it at once."""

import fcntl
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreateDirectTransportRequest
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted
from miso.worker.channel.codec import Dialect
from miso.worker.channel.framing import frame
from miso.worker.srtp import choice, cipher
from tests import sanitizers
from tests.harness.client import TIMEOUT_S, End, WorkerClient, resident_kb
from tests.harness.go_client import GoClient, PipeEnd

WORKER = [sys.executable, "-m", "miso.worker"]
BARE_PYTHON = [sys.executable, "-c", "pass"]
TIMES_A_BARE_PYTHON = 4
START_TIMES_A_BARE_PYTHON = 30
IDLE_KB = 37 * 1024
TAKE_LONG_TO_LOAD = ("uvloop", "msgspec", "orjson", "_asyncio", "_ssl", "worker/dataplane", "cryptography")
FILLER = frame(b"D" + bytes(4096 - 5))


class DeafClient(GoClient):
    """Its pipes are full: the worker that says something stops there until somebody listens."""

    @staticmethod
    def _incoming() -> tuple[End, int]:
        ours, theirs = os.pipe()
        size = fcntl.fcntl(theirs, fcntl.F_GETPIPE_SZ)
        for _ in range(size // len(FILLER)):
            os.write(theirs, FILLER)
        return PipeEnd(ours), theirs


def wait_until_it_waits_to_be_heard(client: WorkerClient) -> None:
    until = time.monotonic() + TIMEOUT_S
    while "pipe_write" not in Path(f"/proc/{client.pid}/wchan").read_text():
        assert client.process.poll() is None, client.stderr()
        assert time.monotonic() < until, "the worker said nothing before its event loop ran"
        time.sleep(0.001)


def cpu_ms_of(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def cpu_ms_of_a_bare_python() -> float:
    process = subprocess.Popen(BARE_PYTHON)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    used = cpu_ms_of(process.pid)
    process.wait()
    return used


@pytest.fixture
def deaf():
    with DeafClient(WORKER, wait=False) as client:
        wait_until_it_waits_to_be_heard(client)
        yield client


def test_says_that_it_runs_before_it_loads_what_takes_long(deaf):
    maps = Path(f"/proc/{deaf.pid}/maps").read_text()
    assert [name for name in TAKE_LONG_TO_LOAD if name in maps] == []


@pytest.mark.skipif(sanitizers.are_on(), reason="measures what sanitizers cost")
def test_the_first_word_costs_little_more_than_the_interpreter():
    bare, said = [], []
    for _ in range(5):
        bare.append(cpu_ms_of_a_bare_python())
        with DeafClient(WORKER, wait=False) as client:
            wait_until_it_waits_to_be_heard(client)
            said.append(cpu_ms_of(client.pid))
    assert min(said) <= TIMES_A_BARE_PYTHON * min(bare)


@pytest.mark.parametrize("dialect", Dialect)
def test_commands_that_come_before_it_has_loaded_are_obeyed_in_order(dialect):
    with DeafClient(WORKER, dialect, wait=False) as client:
        wait_until_it_waits_to_be_heard(client)
        ids = [
            client.send_request(commands.WORKER_DUMP, {}),
            client.send_request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r")),
            client.send_request(
                commands.ROUTER_CREATE_DIRECT_TRANSPORT,
                {"routerId": "r"},
                CreateDirectTransportRequest(transport_id="t", direct=True, max_message_size=1000),
            ),
            client.send_request(commands.TRANSPORT_DUMP, {"routerId": "r", "transportId": "t"}),
        ]
        client.wait_until_running()
        for request_id in ids:
            assert isinstance(client.reply_to(request_id), Accepted)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_it_has_loaded_ends_it_cleanly(deaf, number):
    os.kill(deaf.pid, number)
    assert deaf.wait_for_exit() == 0
    assert deaf.stderr() == ""


@pytest.mark.parametrize("name", ["SIGPIPE", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2"])
def test_other_signals_before_it_has_loaded_are_ignored(deaf, name):
    os.kill(deaf.pid, getattr(signal, name))
    deaf.wait_until_running()
    assert isinstance(deaf.request(commands.WORKER_DUMP, {}), Accepted)


def test_a_controller_that_goes_before_it_has_loaded_ends_it(deaf):
    for end in (deaf.channel_in, deaf.payload_in, deaf.channel_out, deaf.payload_out):
        end.close()
    assert deaf.wait_for_exit() == 0
    assert deaf.stderr() == ""


def test_says_that_it_runs_once():
    with WorkerClient(WORKER) as client:
        client.request(commands.WORKER_DUMP, {})
        assert [event for event in client.events if event.event == "running"] == []


@pytest.mark.skipif(sanitizers.are_on(), reason="measures what sanitizers cost")
def test_all_it_needs_is_loaded_with_little_work_and_it_stays_small():
    bare, used = [], []
    for _ in range(5):
        bare.append(cpu_ms_of_a_bare_python())
        with WorkerClient(WORKER) as client:
            # The media modules are imported in the turn of the loop after that in which it began: the first request
            # may be read between, the second is not. A router would have OpenSSL imported, too.
            for _ in range(2):
                client.request(commands.WORKER_DUMP, {})
            used.append(cpu_ms_of(client.pid))
            assert resident_kb(client.pid) <= IDLE_KB
    assert min(used) <= START_TIMES_A_BARE_PYTHON * min(bare)


def test_sctp_is_loaded_before_anybody_needs_it():
    with WorkerClient(WORKER) as client:
        maps = Path(f"/proc/{client.pid}/maps")
        until = time.monotonic() + TIMEOUT_S
        while "worker/sctp/association" not in maps.read_text():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize("srtp", ["", "libsrtp"])
def test_what_only_routers_need_is_loaded_with_the_first_one_and_pythons_ssl_never(srtp, monkeypatch):
    """Libsrtp only where our own SRTP may not, or cannot, do it."""
    for_routers = ["cryptography"]
    if srtp or not cipher.parts_here() & choice.AES:
        for_routers.append("pylibsrtp")
    monkeypatch.setenv("MISO_SRTP", srtp)
    with WorkerClient(WORKER) as client:
        maps = Path(f"/proc/{client.pid}/maps")
        for _ in range(2):
            client.request(commands.WORKER_DUMP, {})
        assert [name for name in ("cryptography", "pylibsrtp", "libcrypto", "libssl") if name in maps.read_text()] == []
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r"))
        client.request(commands.WORKER_DUMP, {})
        assert [name for name in ("cryptography", "pylibsrtp") if name in maps.read_text()] == for_routers
        assert "_ssl" not in maps.read_text()


@pytest.mark.parametrize("arguments", [["--logLevel=chicken"], ["--rtcMinPort=9", "--rtcMaxPort=8"], ["--what=1"]])
@pytest.mark.skipif(sanitizers.are_on(), reason="measures what sanitizers cost")
def test_wrong_settings_exit_with_42_at_once(arguments):
    times = []  # side by side: a machine that is fast for a moment is not fast for one of the two only
    for _ in range(5):
        bare_ms = cpu_ms_of_a_bare_python()
        with WorkerClient(WORKER, arguments=arguments, wait=False) as client:
            os.waitid(os.P_PID, client.pid, os.WEXITED | os.WNOWAIT)
            times.append(cpu_ms_of(client.pid) / bare_ms)
            assert client.wait_for_exit() == 42
    assert statistics.median(times) <= TIMES_A_BARE_PYTHON


@pytest.mark.parametrize("missing", [3, 4, 5, 6])
def test_a_descriptor_that_is_no_pipe_exits_with_40(missing, tmp_path):
    program = f"import os; os.dup2(os.open({str(tmp_path / 'file')!r}, os.O_CREAT | os.O_RDWR), {missing})"
    program += f"; os.execv({sys.executable!r}, {WORKER!r})"
    with WorkerClient([sys.executable, "-c", program], wait=False) as client:
        assert client.wait_for_exit() == 40
        assert b"descriptor" in client.stderr().encode()


def test_starts_with_nothing_in_its_environment_but_the_version():
    with WorkerClient(WORKER, environment={"MEDIASOUP_VERSION": ""}) as client:
        assert client.running.target_id == str(client.pid)
