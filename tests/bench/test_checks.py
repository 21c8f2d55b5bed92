"""A short run of peers who check: each check is answered, and only good answers count. Times are not judged here."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from bench.checks.__main__ import main
from bench.checks.peers import Peer
from miso.worker.ice import stun
from tests.patience import PATIENCE_S

PASSWORD = "password-of-the-transport"


def test_all_checks_of_a_short_run_are_answered(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    options = ["-n", "4", "--checks", "12", "--rate", "200", "--repeats", "2"]
    assert main([*options, "--check", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert [row["worker"] for row in figures["rows"]] == ["floor", "ours"]
    for row in figures["rows"]:
        assert (row["peers"], row["sent"], row["answered"]) == (4, 2 * 3 * 12, 2 * 3 * 12)
    assert figures["shown"] == {}  # the goal is about more peers


@pytest.mark.parametrize(
    ("password", "port", "answers", "counted"),
    [
        (PASSWORD, None, 1, 1),
        (PASSWORD, None, 2, 1),
        (PASSWORD, None, 0, 0),
        ("another", None, 1, 0),
        (PASSWORD, 9, 1, 0),
    ],
)
def test_an_answer_counts_once_and_only_if_all_of_it_is_right(
    password: str, port: int | None, answers: int, counted: int
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE_S)
        peer = Peer(server.getsockname(), "fragment", PASSWORD)
        peer.send(peer.make_check())
        request, (ip, own_port) = server.recvfrom(2048)
        answer = stun.build(
            stun.MessageClass.SUCCESS_RESPONSE,
            stun.parse(request).transaction_id,
            xor_mapped_address=(ip, port or own_port),
            password=password,
        )
        for _ in range(answers):
            server.sendto(answer, (ip, own_port))
        peer.take_answers()
        peer.close()
    assert peer.answered == counted
