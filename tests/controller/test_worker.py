"""A worker's process: start, settings, end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from miso.controller import InvalidStateError, Router, WebRtcServer, Worker, WorkerStartError, create_worker, observer
from tests.controller.conftest import FakeWorker, StartWorker
from tests.patience import PATIENCE_S

MakeFake = Callable[..., FakeWorker]


async def heard_event(worker: Worker, name: str) -> object:
    """Waits for an event of a worker."""
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    worker.on(name, lambda *args: future.set_result(args[0] if args else None))
    return await asyncio.wait_for(future, PATIENCE_S)


def children() -> set[int]:
    """The ids of this process's children."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


async def ended(pidfd: int) -> None:
    """Waits until a process has ended, and closes its descriptor."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, future.set_result, None)
    await asyncio.wait_for(future, PATIENCE_S)
    loop.remove_reader(pidfd)
    os.close(pidfd)


async def test_starts_and_says_so(start_worker: StartWorker) -> None:
    seen: list[Worker] = []
    observer.once("newworker", seen.append)
    worker = await start_worker()
    assert seen == [worker]
    assert (worker.closed, worker.died, worker.death) == (False, False, None)
    os.kill(worker.pid, 0)


async def test_gives_the_worker_its_settings(fake_worker: MakeFake) -> None:
    fake = fake_worker()
    worker = await create_worker(
        worker_bin=fake.path,
        log_level="warn",
        log_tags=["ice", "dtls"],
        rtc_min_port=2000,
        rtc_max_port=3000,
        dtls_certificate_file="/cert.pem",
        dtls_private_key_file=Path("/key.pem"),
        libwebrtc_field_trials="WebRTC-Bwe/Disabled/",
        app_data={"foo": 1},
    )
    assert worker.app_data == {"foo": 1}
    started = fake.heard[0]
    assert started["argv"] == [
        "--logLevel=warn",
        "--logTag=ice",
        "--logTag=dtls",
        "--rtcMinPort=2000",
        "--rtcMaxPort=3000",
        "--dtlsCertificateFile=/cert.pem",
        "--dtlsPrivateKeyFile=/key.pem",
        "--libwebrtcFieldTrials=WebRTC-Bwe/Disabled/",
    ]
    assert started["version"]
    worker.close()
    await worker.wait_closed()


async def test_workers_have_descriptors_0_to_6_and_no_other_worker_s(start_worker: StartWorker) -> None:
    await start_worker()
    second = await start_worker()
    # The last one is the directory that the worker lists.
    assert second.app_data["fake"].heard[0]["fds"][:-1] == [0, 1, 2, 3, 4, 5, 6]


async def test_takes_the_program_from_the_environment(fake_worker: MakeFake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_worker()
    monkeypatch.setenv("MEDIASOUP_WORKER_BIN", str(fake.path))
    worker = await create_worker()
    assert fake.heard[0]["argv"] == ["--logLevel=error", "--rtcMinPort=10000", "--rtcMaxPort=59999"]
    worker.close()
    await worker.wait_closed()


async def test_exit_code_42_means_wrong_settings(fake_worker: MakeFake) -> None:
    with pytest.raises(TypeError, match="wrong settings"):
        await create_worker(worker_bin=fake_worker({"start": [{"exit": 42}]}).path)


@pytest.mark.parametrize(
    ("step", "text"),
    [({"exit": 40}, "code:40, signal:None"), ({"signal": signal.SIGKILL}, "code:None, signal:SIGKILL")],
)
async def test_tells_how_a_worker_ended_that_did_not_start(
    fake_worker: MakeFake, step: dict[str, int], text: str
) -> None:
    with pytest.raises(WorkerStartError, match=text):
        await create_worker(worker_bin=fake_worker({"start": [step]}).path)


async def test_tells_that_a_program_is_not_there() -> None:
    with pytest.raises(WorkerStartError, match="/not/there"):
        await create_worker(worker_bin="/not/there")


async def test_app_data_must_be_a_dict(fake_worker: MakeFake) -> None:
    with pytest.raises(TypeError, match="app_data"):
        await create_worker(worker_bin=fake_worker().path, app_data="NOT-A-DICT")  # type: ignore[arg-type]


async def test_a_cancelled_start_leaves_no_process(fake_worker: MakeFake) -> None:
    fake = fake_worker({"start": [{"never answer": None}]})
    before = children()
    task = asyncio.create_task(create_worker(worker_bin=fake.path))
    await asyncio.sleep(0)
    (pid,) = children() - before
    pidfd = os.pidfd_open(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended(pidfd)


async def test_close_ends_the_process_and_all_that_is_in_it(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router()
    server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}])
    assert worker.routers == {router}
    assert worker.web_rtc_servers == {server}
    events: list[str] = []
    worker.observer.on("close", lambda: events.append("worker"))
    worker.on("died", lambda error: events.append("died"))
    router.on("workerclose", lambda: events.append("router"))
    server.on("workerclose", lambda: events.append("server"))
    worker.close()
    worker.close()
    assert events == ["router", "server", "worker"]
    assert (worker.closed, worker.died, router.closed, server.closed) == (True, False, True, True)
    assert (worker.routers, worker.web_rtc_servers) == (frozenset(), frozenset())
    await worker.wait_closed()
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)


async def test_runs_for_the_time_of_a_block_whatever_happens_in_it(fake_worker: MakeFake) -> None:
    async def work() -> None:
        async with await create_worker(worker_bin=fake_worker().path) as worker:
            workers.append(worker)
            raise KeyError

    workers: list[Worker] = []
    with pytest.raises(KeyError):
        await work()
    assert workers[0].closed
    assert not workers[0].died
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0].pid, 0)


async def test_a_closed_worker_refuses_at_once(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router()
    worker.close()
    for call in (worker.dump, worker.get_resource_usage, worker.update_settings, worker.create_router, router.dump):
        with pytest.raises(InvalidStateError):
            await call()


async def test_died_comes_before_close_and_after_all_in_it_closed(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router()
    events: list[str] = []
    router.on("workerclose", lambda: events.append("workerclose"))
    worker.on("died", lambda error: events.append(f"died {worker.closed}"))
    worker.observer.on("close", lambda: events.append("close"))
    os.kill(worker.pid, signal.SIGKILL)
    error = await heard_event(worker, "died")
    assert "signal:SIGKILL" in str(error)
    assert worker.death is error
    assert worker.died
    assert events == ["workerclose", "died True", "close"]


async def test_what_was_asked_of_a_worker_that_dies_fails(start_worker: StartWorker) -> None:
    worker = await start_worker({"worker.dump": [{"exit": 1}]})
    with pytest.raises(InvalidStateError, match="Channel closed"):
        await worker.dump()
    with pytest.raises(InvalidStateError):
        await worker.create_router()


async def test_what_was_asked_of_a_worker_that_is_closed_fails(start_worker: StartWorker) -> None:
    worker = await start_worker({"worker.dump": [{"never answer": None}]})
    task = asyncio.create_task(worker.dump())
    await asyncio.sleep(0)
    worker.close()
    with pytest.raises(InvalidStateError, match="Channel closed"):
        await task


async def test_logs_what_the_worker_prints(start_worker: StartWorker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    worker = await start_worker(
        {"start": [{"stdout": "from a library"}, {"stderr": "Traceback: a bug"}, {"running": True}]}
    )
    worker.close()
    await worker.wait_closed()
    levels = {record.getMessage().partition(" ")[2]: record.levelname for record in caplog.records}
    assert levels["stdout: from a library"] == "DEBUG"
    assert levels["stderr: Traceback: a bug"] == "ERROR"


async def test_creates_routers_and_servers(start_worker: StartWorker) -> None:
    worker = await start_worker()
    seen: list[object] = []
    worker.observer.on("newrouter", seen.append)
    worker.observer.on("newwebrtcserver", seen.append)
    router = await worker.create_router(app_data={"foo": 1})
    server = await worker.create_web_rtc_server(
        listen_infos=[{"protocol": "tcp", "ip": "127.0.0.1", "announcedIp": "9.9.9.1", "port": 10}]
    )
    assert seen == [router, server]
    assert isinstance(router, Router)
    assert isinstance(server, WebRtcServer)
    assert router.app_data == {"foo": 1}
    fake = worker.app_data["fake"]
    (request,) = fake.heard_of("worker.createRouter")
    assert request["internal"] == {"routerId": router.id}
    (request,) = fake.heard_of("worker.createWebRtcServer")
    assert request["internal"] == {"webRtcServerId": server.id}
    assert request["data"]["listenInfos"] == [
        {"protocol": "tcp", "ip": "127.0.0.1", "announcedIp": "9.9.9.1", "port": 10}
    ]


async def test_a_malformed_listen_info_is_a_type_error(start_worker: StartWorker) -> None:
    worker = await start_worker()
    with pytest.raises(TypeError, match="ListenInfo"):
        await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp"}])


ORPHAN = """
import asyncio, sys
from miso.controller import create_worker

async def main():
    workers = [await create_worker(worker_bin=sys.argv[1]) for _ in range(2)]
    print(*(worker.pid for worker in workers), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_no_worker_outlives_its_controller(fake_worker: MakeFake) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, str(fake_worker().path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in (await process.stdout.readline()).split()]
    assert len(pids) == 2
    pidfds = [os.pidfd_open(pid) for pid in pids]
    process.kill()
    await process.wait()
    for pidfd in pidfds:
        await ended(pidfd)
