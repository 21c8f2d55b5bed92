"""What single findings mean: numbers and certificates that no machine of a test has."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from miso.cluster.facts import NodeFact
from miso.demo.doctor.finding import Finding, State
from miso.demo.doctor.host import check_certificates, check_page, judge_descriptors
from miso.demo.doctor.others import judge_host
from miso.demo.doctor.store import judge_clocks, judge_latency, judge_memory
from tests.cluster.directory.redis.certificates import Authority
from tests.demo.conftest import free_ports

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def test_what_others_wrote_stays_in_its_line_and_has_an_end() -> None:
    line = Finding(State.FAILED, "host x\nok", "a\x1b[2Jb\u2028" + "c" * 5_000).line
    assert line.startswith("failed   host x?ok: a?[2Jb?c")
    assert len(line) == 1_000


@pytest.mark.parametrize(("most", "state"), [(65_536, "ok"), (16_384, "ok"), (4_096, "warning"), (1_000, "failed")])
def test_few_descriptors(most: int, state: str) -> None:
    assert judge_descriptors(most).state == state


def test_a_page_that_was_not_built(tmp_path: Path) -> None:
    assert check_page(tmp_path).state is State.WARNING
    (tmp_path / "index.html").touch()
    assert check_page(tmp_path).state is State.OK


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        (NOW, "warning", "expires on"),
        (NOW + 2 * DAY, "failed", "expired on"),
        (NOW - 2 * DAY, "failed", "is not valid before"),
        (NOW - 20 * DAY, "failed", "clock"),
    ],
)
def test_certificates_have_their_time(tmp_path: Path, now: datetime.datetime, state: str, words: str) -> None:
    certificate, key = Authority(tmp_path, "authority").sign("page")
    settings = free_ports(tmp_path, tls_certificate=certificate, tls_key=key, https=True)
    [found] = check_certificates(settings, now)
    assert (found.what, found.state) == ("tls-certificate", state)
    assert words in found.text
    key.write_text("nonsense")
    [found] = check_certificates(settings, now)
    assert (found.state, "holds no PEM private key" in found.text) == (State.FAILED, True)


def test_a_folder_that_is_none_for_the_certificate(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [found] = check_certificates(free_ports(tmp_path / "file" / "x", https=True), NOW)
    assert (found.state, "--data-dir" in found.text) == (State.FAILED, True)


@pytest.mark.parametrize(("median_ms", "state"), [(0.3, "ok"), (80, "warning"), (700, "failed")])
def test_a_slow_redis(median_ms: float, state: str) -> None:
    assert judge_latency(median_ms, 900).state == state


@pytest.mark.parametrize(
    ("info", "states"),
    [
        ({"used_memory": "5", "maxmemory": "0", "maxmemory_policy": "allkeys-lru"}, ["ok"]),
        ({"used_memory": "5", "maxmemory": "100", "maxmemory_policy": "noeviction"}, ["ok", "ok"]),
        ({"used_memory": "95", "maxmemory": "100", "maxmemory_policy": "volatile-ttl"}, ["warning", "warning"]),
        ({"used_memory": "many", "maxmemory": "100"}, ["warning"]),
    ],
)
def test_its_memory(info: dict[str, str], states: list[str]) -> None:
    assert [found.state for found in judge_memory(info)] == states


@pytest.mark.parametrize(
    ("ahead_ms", "state", "words"),
    [(1_500, "ok", "1.5 s ahead of"), (-1_500, "ok", "1.5 s behind"), (-300_000, "warning", "NTP")],
)
def test_clocks(ahead_ms: float, state: str, words: str) -> None:
    found = judge_clocks(ahead_ms)
    assert found.state == state
    assert words in found.text


@pytest.mark.parametrize(
    ("ip", "answer", "state", "words"),
    [
        ("10.0.0.2", "", "ok", "10.0.0.2 (Miso 1, draining): datagrams get there"),
        ("10.0.0.2", None, "ok", "no sign of a datagram"),
        ("10.0.0.2", "Network is unreachable", "failed", "Network is unreachable"),
        ("10.0.0.1", "", "warning", "this host's address"),
        ("127.0.0.1", "", "failed", "give it --cluster-address"),
        ("0.0.0.0", None, "failed", "no address"),
        ("a.example", None, "failed", "no address"),
    ],
)
def test_other_hosts(ip: str, answer: str | None, state: str, words: str) -> None:
    fact = NodeFact(node="b-00000001", name="b", version="1", ip=ip, draining=True)
    found = judge_host(fact, "10.0.0.1", answer)
    assert found.state == state
    assert words.replace(" (Miso 1, draining)", " (Miso 1), draining") in found.text
