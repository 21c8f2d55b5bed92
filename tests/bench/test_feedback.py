"""A short run with receivers that report: everything arrives, and their reports do. Times are not judged here."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from bench.feedback.__main__ import main
from bench.goals import GOALS, failures, table
from miso.worker.rtcp.transport_wide import parse_transport_wide
from miso.worker.srtp_suite import SrtpSuite
from native.extensions import build
from tests.patience import PATIENCE_S

SSRC = 0x01020304
TRANSPORT_WIDE_CC_ID = 5


@pytest.mark.parametrize(("media", "suite"), [("video", "AES_CM_128_HMAC_SHA1_80"), ("audio", "none")])
def test_every_packet_reaches_receivers_that_report(media: str, suite: str, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["-n", "3", "--suite", suite, "--media", media, "--rate", "900", "--seconds", "0.4", "--repeats", "1"]
    assert main([*options, "--json", str(target)]) == 0
    (row,) = json.loads(target.read_text())["rows"]
    packets_per_s = 900 if media == "video" else 150
    assert row["expected"] == 2 * 0.4 * packets_per_s
    assert row["lost"] == 0
    assert (row["feedback"] >= 3) == (media == "video")  # transport-wide numbers come with video only
    assert row["refused"] == 0


def test_goals_are_shown_and_judged() -> None:
    missed = {key: 2 * goal.most + 1 for key, goal in GOALS.items()}
    assert len(failures(missed)) == len(GOALS)
    assert [row.endswith("| missed |") for row in table(missed)[2:]] == [True] * len(GOALS)
    assert failures({"stun": 0.03}) == []
    assert [row.endswith("| held |") for row in table({"stun": 0.03})[2:]] == [True]


def test_reports_tell_what_came_and_what_is_missing() -> None:
    build(measuring=True)
    from bench.feedback.receivers import Receivers

    key = os.urandom(30)
    worker, receivers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), Receivers(1)
    try:
        worker.bind(("127.0.0.1", 0))
        worker.settimeout(PATIENCE_S)
        receivers.expect([SSRC])
        receivers.connect(
            [(worker.getsockname()[1], key)], [SSRC], SrtpSuite.AES_CM_128_HMAC_SHA1_80, TRANSPORT_WIDE_CC_ID
        )
        receivers.speaking = True
        for number in (0xFFFE, 0xFFFF, 0, 3, 4):
            head = struct.pack("!BBHII", 0x90, 101, number, 0, SSRC)
            extension = struct.pack("!HHBHB", 0xBEDE, 1, TRANSPORT_WIDE_CC_ID << 4 | 1, number, 0)
            worker.sendto(head + extension + bytes(20), receivers.addresses[0])
        until = time.monotonic() + PATIENCE_S
        while not (receivers.feedback_sent and receivers.reports_sent) and time.monotonic() < until:
            receivers.drain()
            time.sleep(0.001)
        unprotect = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND)).unprotect_rtcp
        packets = {packet[1]: packet for packet in (unprotect(worker.recv(2048)) for _ in range(2))}
    finally:
        worker.close()
        receivers.close()
    feedback = parse_transport_wide(packets[205][4:])
    assert (feedback.base_sequence, feedback.status_count) == (0xFFFE, 7)
    assert [number for number, _ in feedback.arrivals] == [0xFFFE, 0xFFFF, 0, 3, 4]
    assert struct.unpack("!I", packets[201][8:12]) == (SSRC,)
    assert struct.unpack("!I", packets[201][16:20]) == (0x10004,)
