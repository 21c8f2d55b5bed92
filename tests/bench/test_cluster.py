"""A short run of the cluster's benchmark: everything arrives. Times are not judged here."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path

import pytest

from bench.cluster.__main__ import main
from bench.cluster.measured import Hop, Spread, Turn
from bench.cluster.room import PAYLOAD_TYPE
from bench.cluster.verdict import Verdict, judge_hop, judge_spread
from bench.report import TRY_AGAIN, finish
from native.extensions import build


@pytest.mark.parametrize("mode", ["hop", "hop-srtp"])
def test_every_packet_of_a_short_run_comes_through_the_pipe(mode: str, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    assert main(["--modes", mode, "--rate", "1000", "--seconds", "0.25", "--turns", "2", "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert (row["mode"], row["packets"], row["lost"]) == (mode, 500, 0)
    assert row["receiving_cpu_us"] > 0
    assert row["floor_cpu_us"] > 0
    assert row["floor_p99_us"] >= row["floor_p50_us"]


def test_every_viewer_of_a_short_run_gets_every_packet(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["--modes", "spread", "--viewers", "30", "--viewer-rate", "50", "--seconds", "0.5", "--turns", "2"]
    assert main([*options, "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    assert sum(row["viewers"]) == 30
    assert [row[name] for name in ("expected_each", "least", "most", "missing", "again", "lost")] == [50] * 3 + [0] * 3


def hop(added_us: float, floor_us: float, *, lost: int = 0, floor_lost: int = 0) -> Hop:
    """Three turns, one of which was met by something."""
    turns = [Turn(100, 0, 0, [late] * 100, [floor_us] * 100) for late in (added_us, 50_000.0)]
    turns.append(Turn(100, lost, floor_lost, [added_us] * 100, [floor_us] * 100))
    return Hop(False, turns, 4.0, 4.0, 1.0)


@pytest.mark.parametrize(
    ("measured", "wrong", "unclear"),
    [
        (hop(999, 200), "", ""),
        (hop(1001, 200), "adds 1001 µs", ""),
        (hop(1001, 501), "", "adds 1001 µs"),
        (hop(12_000, 9_000), "", ""),
        (hop(100, 50, lost=1), "1 of 300 packets were lost", ""),
        (hop(100, 50, lost=1, floor_lost=2), "", "1 of 300 packets were lost in the pipe, 2 in the relay"),
        (hop(100, 600, lost=1), "", "1 of 300"),
        (hop(float("nan"), float("nan"), lost=100), "", "100 of 300"),
    ],
)
def test_what_is_promised_of_a_pipe_is_checked(measured: Hop, wrong: str, unclear: str) -> None:
    verdict = Verdict()
    judge_hop(measured, verdict)
    for sentences, expected in ((verdict.wrong, wrong), (verdict.unclear, unclear)):
        assert bool(sentences) == bool(expected)
        assert expected in "".join(sentences)


def spread(
    *cpu: float, waited: float = 0.1, arrived: tuple[int, int] = (10, 10), missing: int = 0, again: int = 0
) -> Spread:
    return Spread([1, 1], list(cpu), waited, 10, list(arrived), [missing, 0], [0, again])


@pytest.mark.parametrize(
    ("measured", "wrong", "unclear"),
    [
        (spread(0.4, 0.31), "", ""),
        (spread(0.4, 0.2), "differs by 50%", ""),
        (spread(0.4, 0.2, waited=0.3), "", "differs by 50%"),
        (
            spread(0.4, 0.4, arrived=(9, 10), missing=1),
            "1 of 2 viewers did not get each of 10 packets once: 9 to 10",
            "",
        ),
        (spread(0.4, 0.4, missing=1, again=1), "2 of 2 viewers", ""),
        (spread(0.4, 0.4, waited=9, arrived=(9, 10)), "1 of 2 viewers", ""),
    ],
)
def test_what_is_promised_of_a_large_room_is_checked(measured: Spread, wrong: str, unclear: str) -> None:
    verdict = Verdict()
    judge_spread(measured, verdict)
    for sentences, expected in ((verdict.wrong, wrong), (verdict.unclear, unclear)):
        assert bool(sentences) == bool(expected)
        assert expected in "".join(sentences)


def test_a_machine_that_is_too_loaded_is_told_apart_from_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "figures.json"
    assert finish(target, b"{}", [], ["it is late"]) == TRY_AGAIN
    assert "too loaded to tell: it is late" in capsys.readouterr().err
    assert finish(target, b"{}", ["it is lost"], ["it is late"]) == 1
    assert finish(target, b"{}", []) == 0


def test_each_receiver_counts_what_it_misses_and_what_comes_again() -> None:
    build(measuring=True)
    from bench.sinks import Sinks

    sinks = Sinks(3)
    sinks.expect([1, 2, 3])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def send(receiver: int, *numbers: int, ssrc: int | None = None) -> None:
            for number in numbers:
                packet = struct.pack("!BBHII", 0x80, PAYLOAD_TYPE, number, 0, receiver + 1 if ssrc is None else ssrc)
                sender.sendto(packet, sinks.addresses[receiver])

        send(0, 65_534, 65_535, 0, 1)
        send(1, 7, 8, 10, 9, 10, 13)
        send(2, 7, ssrc=1)
        sinks.drain()
        assert sinks.each() == [(4, 0, 0), (6, 3, 2), (0, 0, 0)]
        assert (sinks.received, sinks.others) == (10, 1)
        sinks.expect([1, 2, 3])
        send(0, 100, 101)
        sinks.drain()
        assert sinks.each() == [(2, 0, 0), (0, 0, 0), (0, 0, 0)]
    sinks.close()
