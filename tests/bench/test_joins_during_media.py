"""A short run of joins beside media: all packets come, and all guests. Times are not judged here."""

from __future__ import annotations

import json
import socket
import struct
import time
from pathlib import Path

import pytest

from bench.joins_during_media.__main__ import main
from bench.joins_during_media.verdict import Latency, Turn, late_us, loaded, longest_us, missing
from native.extensions import build
from tests.patience import PATIENCE_S

SSRC, PAYLOAD_TYPE = 7, 101
SO_TIMESTAMPNS = 35  # Linux: the socket module does not have it


def test_all_packets_arrive_while_guests_join_and_leave(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["-n", "5", "--rate", "500", "--joins", "10", "--seconds", "0.4", "--turns", "2"]
    assert main([*options, "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    (row,) = figures["rows"]
    assert (row["expected"], row["lost"]) == (4 * 5 * 40, 0)
    assert (row["asked"], row["joined"], row["left"]) == (8, 8, 8)
    for kind in ("quiet", "joins"):
        assert 0 < row[f"{kind}_p50_us"] <= row[f"{kind}_p99_us"] <= row[f"{kind}_p999_us"] <= row[f"{kind}_max_us"]
    assert figures["shown"] == {}  # the goals are about more receivers


def wait_until_the_kernel_stamps() -> None:
    """It begins a while after the first socket has asked for it; what comes before gets the time when it is read."""
    until_s = time.monotonic() + PATIENCE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind(("127.0.0.1", 0))
        while True:
            sock.sendto(b"", sock.getsockname())
            sent_ns = time.time_ns()
            time.sleep(0.01)
            _, [(_, _, stamp)], _, _ = sock.recvmsg(0, 64)
            seconds, ns = struct.unpack("=qq", stamp)
            if seconds * 1_000_000_000 + ns <= sent_ns:
                return
            assert time.monotonic() < until_s


def test_the_kernel_s_time_of_each_packet_is_remembered_by_its_number() -> None:
    build(measuring=True)
    from bench.sinks import TimedSinks

    sinks = TimedSinks(2)
    wait_until_the_kernel_stamps()
    sinks.expect([SSRC, SSRC])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def send(receiver: int, *numbers: int) -> None:
            for number in numbers:
                packet = struct.pack("!BBHII", 0x80, PAYLOAD_TYPE, number & 0xFFFF, 0, SSRC)
                sender.sendto(packet, sinks.addresses[receiver])

        send(0, 65_533, 65_534)
        send(1, 9)
        sinks.drain()
        sinks.begin(3)
        before_ns = time.time_ns()
        send(0, 65_535, 65_537)
        send(1, 10, 12, 13)
        after_ns = time.time_ns()
        sinks.drain()
    first, second = sinks.times(0), sinks.times(1)
    sinks.close()
    assert [bool(at_ns) for at_ns in first + second] == [True, False, True, True, False, True]
    assert all(before_ns <= at_ns <= after_ns for at_ns in first + second if at_ns)
    assert first[0] <= first[2] <= second[0] <= second[2]


def turn(*added_us: float, lost: int = 0, waited: float = 0.1) -> Turn:
    return Turn(list(added_us), len(added_us) + lost, len(added_us), waited)


def latency(quiet: list[Turn], joins: list[Turn], *, joined: int = 10, in_time: int = 10) -> Latency:
    return Latency("ours", 1, quiet, joins, asked=10, joined=joined, in_time=in_time, left=joined)


def test_latencies_are_medians_of_turns_and_the_longest_is_that_of_all() -> None:
    measured = latency(
        [turn(1, 2), turn(1, 4), turn(1, 9)],
        [turn(2, 3), turn(2, 4), turn(2, 8_000)],
    )
    assert (late_us(measured.quiet, 0.99), late_us(measured.joins, 0.99)) == (4, 4)
    assert longest_us(measured.joins) == 8_000
    assert measured.shown() == {"joins-p99": 1.5, "joins-max": 8}


@pytest.mark.parametrize(
    ("measured", "found", "busy"),
    [
        (latency([turn(1)], [turn(9_000)]), "", False),
        (latency([turn(6_000)], [turn(9_000)]), "", True),
        (latency([turn(1)], [turn(9_000, waited=0.3)]), "", True),
        (latency([turn(1)], [turn(1)], in_time=9), "", False),
        (latency([turn(1)], [turn(1)], in_time=8), "", True),
        (latency([turn(1)], [turn(1, lost=2)]), "2 of 4 packets lost", False),
        (latency([turn(1)], [turn(1)], joined=9), "9 of 10 joined, 9 left", False),
    ],
)
def test_what_is_missing_is_told_and_a_machine_that_is_too_loaded(measured: Latency, found: str, busy: bool) -> None:
    assert found in "".join(missing(measured))
    assert bool(missing(measured)) == bool(found)
    assert loaded(measured) == busy
