"""The log thread: nobody waits for who reads it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from miso.commands.log_output import MAX_WAITING_LINES, LogOutput


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("test")
    yield logger
    for handler in logger.handlers:
        handler.close()


def test_lines_come_in_order_and_the_last_ones_before_the_end(tmp_path: Path, logger: logging.Logger) -> None:
    with open(tmp_path / "log", "wb") as file:
        output = LogOutput(file.fileno())
        logger.addHandler(output)
        for number in range(1000):
            logger.info("line %d", number)
        output.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split()[-1] for line in lines] == [str(number) for number in range(1000)]


def test_lines_that_nobody_reads_are_dropped_and_counted(logger: logging.Logger) -> None:
    reader, writer = os.pipe()
    output = LogOutput(writer)
    logger.addHandler(output)
    for number in range(3 * MAX_WAITING_LINES):
        logger.info("line %d", number)
    os.set_blocking(reader, False)
    text = b""
    while b"were dropped" not in text:  # the reader is back
        try:
            text += os.read(reader, 65536)
        except BlockingIOError:
            logger.info("one more")
    output.close()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EPIPE])
def test_a_full_disk_or_a_gone_reader_harms_nobody(logger: logging.Logger, error: int) -> None:
    if error == errno.ENOSPC:
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    output = LogOutput(writer)
    logger.addHandler(output)
    for _ in range(100):
        logger.info("nobody will see this")
    output.close()
    os.close(writer)


def test_a_full_queue_is_written_before_the_end_when_somebody_reads(logger: logging.Logger) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    output = LogOutput(writer)
    logger.addHandler(output)
    for number in range(3 * MAX_WAITING_LINES):
        logger.info("line %d", number)
    text: list[bytes] = []
    with open(reader, "rb") as file:
        slow = threading.Timer(0.1, lambda: text.append(file.read()))
        slow.start()
        output.close()
        os.close(writer)
        slow.join()
    assert len(text[0].splitlines()) > MAX_WAITING_LINES


def test_a_wrong_log_call_harms_nobody(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(tmp_path / "log", "wb") as file:
        output = LogOutput(file.fileno())
        logger.addHandler(output)
        logger.info("%d lines", "some")
        logger.info("the next line")
        output.close()
    assert (tmp_path / "log").read_text().endswith("the next line\n")
    assert "Logging error" in capsys.readouterr().err


@pytest.mark.parametrize(
    "char", ["\n", "\r", "\x1b", "\0", "\x08", "\x7f", "\x9b", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff"]
)
@pytest.mark.parametrize("where", ["argument", "message", "exception", "logger"])
def test_nobody_writes_another_s_line_or_to_the_terminal(tmp_path: Path, char: str, where: str) -> None:
    hostile = f"a{char}2026-11-28 00:00:00,000 INFO    miso.demo.rooms.room  room=b is empty"
    logger = logging.Logger(hostile if where == "logger" else "test")
    with open(tmp_path / "log", "wb") as file:
        output = LogOutput(file.fileno())
        logger.addHandler(output)
        if where == "exception":
            try:
                raise ValueError(hostile)
            except ValueError:
                logger.exception("it failed")
        elif where == "argument":
            logger.info("room=%s", hostile)
        else:
            logger.info(hostile)
        output.close()
    text = (tmp_path / "log").read_bytes().decode()
    assert char not in text.replace("\n", "") or char == "\n"
    lines = text.splitlines()
    assert [line for line in lines[1:] if not line.startswith("  ")] == []
    assert len(lines) == 1 or where == "exception"
    assert "room=b is empty" in text


def test_what_is_no_ascii_stays_readable(tmp_path: Path, logger: logging.Logger) -> None:
    with open(tmp_path / "log", "wb") as file:
        output = LogOutput(file.fileno())
        logger.addHandler(output)
        logger.info("room=%s", "Küche 部屋 😀 back\\slash \udc80")
        output.close()
    assert (tmp_path / "log").read_text().endswith("room=Küche 部屋 😀 back\\slash \\udc80\n")
