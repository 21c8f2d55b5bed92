"""The worker as a process: how it starts, what ends it, and what does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.worker import CreateRouterRequest, UpdateSettingsRequest
from miso.worker.channel.client_codec import Accepted, LogLine, Refused
from miso.worker.channel.codec import Dialect, LogLevel
from miso.worker.channel.framing import MAX_BODY_SIZE, frame
from tests.harness.client import ROOT, WorkerClient, WorkerGone
from tests.patience import PATIENCE_S

WORKER = [sys.executable, "-m", "miso.worker"]


@pytest.fixture
def worker():
    with WorkerClient(WORKER) as client:
        yield client


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate, its key, and the key of another."""
    at = tmp_path_factory.mktemp("certificates")
    for name in ("one", "two"):
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
        files = ["-keyout", str(at / f"{name}.key"), "-out", str(at / f"{name}.pem")]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return at / "one.pem", at / "one.key", at / "two.key"


def exit_code(arguments: list[str], environment: dict[str, str] | None = None) -> int:
    with WorkerClient(WORKER, arguments=arguments, environment=environment, wait=False) as client:
        return client.wait_for_exit()


# ---------------------------------------------------------------- start


def test_first_message_is_running_with_the_pid_of_the_spawned_process(worker):
    assert (worker.running.event, worker.running.target_id, worker.running.data) == ("running", str(worker.pid), None)


def test_certificate_must_fit_its_key(pair):
    certificate, key, other_key = pair
    assert exit_code([f"--dtlsCertificateFile={certificate}", f"--dtlsPrivateKeyFile={other_key}"]) == 42
    assert exit_code([f"--dtlsCertificateFile={key}", f"--dtlsPrivateKeyFile={key}"]) == 42
    assert exit_code([f"--dtlsCertificateFile={certificate}"]) == 42
    with WorkerClient(
        WORKER, arguments=[f"--dtlsCertificateFile={certificate}", f"--dtlsPrivateKeyFile={key}"]
    ) as client:
        assert client.running.event == "running"


def test_missing_version_exits_with_41():
    environment = {name: value for name, value in os.environ.items() if name != "MEDIASOUP_VERSION"}
    assert exit_code([], environment) == 41
    assert exit_code(["--logLevel=chicken"], environment) == 41


def test_missing_descriptors_exit_with_40():
    environment = {**os.environ, "MEDIASOUP_VERSION": "x"}
    done = subprocess.run(WORKER, env=environment, cwd=ROOT, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 40
    assert b"descriptors" in done.stderr


# ---------------------------------------------------------------- end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(worker, number):
    os.kill(worker.pid, number)
    assert worker.wait_for_exit() == 0


def test_worker_close_ends_it_without_a_reply(worker):
    worker.send(b'{"id":1,"method":"worker.close"}')
    assert worker.wait_for_exit() == 0
    with pytest.raises(WorkerGone):
        worker.next_message()


@pytest.mark.parametrize("end", ["channel_out", "payload_out"])
def test_end_of_file_ends_it(worker, end):
    getattr(worker, end).close()
    assert worker.wait_for_exit() == 0


def test_controller_that_is_gone_altogether_ends_it(worker):
    for end in (worker.channel_in, worker.payload_in, worker.channel_out, worker.payload_out):
        end.close()
    assert worker.wait_for_exit() == 0
    assert worker.stderr() == ""


@pytest.mark.parametrize("name", ["SIGPIPE", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2"])
def test_ignores_other_signals(worker, name):
    os.kill(worker.pid, getattr(signal, name))
    assert isinstance(worker.request(commands.WORKER_DUMP, {}), Accepted)


def test_leaves_no_child_and_does_not_fork(worker):
    assert Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text() == ""


# ---------------------------------------------------------------- the channel


def test_frames_split_anywhere(worker):
    stream = frame(b"1:worker.dump:undefined:undefined") + frame(b'{"id":2,"method":"worker.dump"}')
    for at in range(len(stream)):
        worker.channel_out.sendall(stream[at : at + 1])
    assert isinstance(worker.reply_to(1), Accepted)
    assert isinstance(worker.reply_to(2), Accepted)


def test_frames_joined(worker):
    worker.channel_out.sendall(b"".join(frame(b"%d:worker.dump" % number) for number in range(1, 101)))
    for number in range(1, 101):
        assert isinstance(worker.reply_to(number), Accepted)


def test_oversize_frame_is_skipped_and_logged(worker):
    size = MAX_BODY_SIZE + 1
    worker.channel_out.sendall(size.to_bytes(4, "little") + bytes(size))
    assert isinstance(worker.request(commands.WORKER_DUMP, {}), Accepted)
    assert worker.wait_for_log("4194305").level is LogLevel.ERROR


def test_oversize_payload_gets_an_error_reply_and_the_channel_goes_on(worker):
    size = MAX_BODY_SIZE + 1
    header = frame(b"r:1:dataConsumer.send:nobody:51")
    worker.payload_out.sendall(header + size.to_bytes(4, "little") + bytes(size))
    worker.payload_out.sendall(frame(b"r:2:dataConsumer.send:nobody:51") + frame(b"x"))
    reply = worker.payload_in.recv(4096)
    assert b'"id":1,"error":"Error"' in reply
    assert b"4194305 bytes" in reply
    while b'"id":2,"error":"Error"' not in reply:
        reply += worker.payload_in.recv(4096)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"{", b"hello", b"[1]", b'"text"', b"\xff" * 100, b'{"id":-5,"method":"worker.dump"}'],
)
def test_unreadable_frame_is_logged_and_dropped(worker, body):
    worker.send(body)
    assert isinstance(worker.request(commands.WORKER_DUMP, {}), Accepted)
    assert any(line.level is LogLevel.ERROR for line in worker.logs)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"1:worker.fly:undefined:undefined", "Error"),
        (b"1:router.dump:undefined:undefined", "Error"),
        (b"1:router.dump:nobody:undefined", "Error"),
        (b"1:worker.createRouter:undefined:{}", "Error"),
        (b'1:worker.createRouter:undefined:{"routerId":5}', "Error"),
        (b"1:worker.createRouter:undefined:{]", "TypeError"),
        (b'1:worker.updateSettings:undefined:{"logLevel":"chicken"}', "TypeError"),
        (b'1:worker.updateSettings:undefined:{"logTags":[1]}', "TypeError"),
        (b'{"id":1,"method":"transport.produce","internal":{}}', "Error"),
        (b'{"id":1,"method":"consumer.close","internal":{"consumerId":"nobody"}}', "Error"),
    ],
)
def test_what_cannot_be_done_gets_the_error_reply(worker, body, error):
    worker.send(body)
    reply = worker.reply_to(1)
    assert isinstance(reply, Refused)
    assert reply.error == error
    assert "[method:" in reply.reason


def test_duplicate_id_changes_nothing(worker):
    body = CreateRouterRequest(router_id="r")
    assert isinstance(worker.request(commands.WORKER_CREATE_ROUTER, {}, body), Accepted)
    refused = worker.request(commands.WORKER_CREATE_ROUTER, {}, body)
    assert isinstance(refused, Refused)
    assert refused.error == "Error"
    dump = worker.request(commands.WORKER_DUMP, {})
    assert isinstance(dump, Accepted)
    assert dump.data == {"pid": worker.pid, "webRtcServerIds": [], "routerIds": ["r"]}


def test_dialects_may_change_from_request_to_request(worker):
    worker.send(b'1:worker.createRouter:undefined:{"routerId":"r"}')
    assert isinstance(worker.reply_to(1), Accepted)
    worker.send(b'{"id":2,"method":"router.close","internal":{"routerId":"r"}}')
    assert isinstance(worker.reply_to(2), Accepted)
    worker.send(b"3:router.dump:r:undefined")
    assert isinstance(worker.reply_to(3), Refused)


def test_controller_that_does_not_read_gets_every_reply_later(worker):
    count = 20_000
    for start in range(1, count, 1000):
        requests = [frame(b"%d:worker.getResourceUsage" % number) for number in range(start, start + 1000)]
        worker.channel_out.sendall(b"".join(requests))
    for number in range(1, count + 1):
        assert isinstance(worker.reply_to(number), Accepted)


# ---------------------------------------------------------------- the log


def test_log_level_and_tags_choose_the_lines():
    # A refused request is worth a debug line with the tag info; nothing else is said here.
    def lines(client: WorkerClient) -> list[LogLine]:
        client.logs.clear()
        client.request(commands.ROUTER_DUMP, {"routerId": "nobody"})
        return client.logs

    with WorkerClient(WORKER, Dialect.V3_12, ["--logLevel=debug", "--logTags=info"]) as client:
        assert [line.level for line in lines(client)] == [LogLevel.DEBUG]
        for settings in (
            UpdateSettingsRequest(log_tags=["ice"]),
            UpdateSettingsRequest(log_tags=["info"], log_level="error"),
            UpdateSettingsRequest(log_level="none"),
        ):
            assert isinstance(client.request(commands.WORKER_UPDATE_SETTINGS, {}, settings), Accepted)
            assert lines(client) == []
        client.request(commands.WORKER_UPDATE_SETTINGS, {}, UpdateSettingsRequest(log_level="debug"))
        assert [line.level for line in lines(client)] == [LogLevel.DEBUG]


def test_field_trials_are_said_to_have_no_meaning():
    arguments = ["--logLevel=warn", "--logTags=info", "--libwebrtcFieldTrials=A/B/"]
    with WorkerClient(WORKER, arguments=arguments) as client:
        assert any("libwebrtcFieldTrials" in line.text for line in client.logs)
