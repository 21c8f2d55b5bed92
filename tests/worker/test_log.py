"""Log lines on the channel: which pass, and as what."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miso.worker.log import ChannelLog
from miso.worker.settings import LOG_TAGS

WORKER = Path(__file__).resolve().parents[2] / "worker"
Configure = Callable[..., list[bytes]]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Sets a handler up like the worker does; what it sends."""
    logger = logging.getLogger("miso.worker")
    level, propagate = logger.level, logger.propagate
    handlers: list[ChannelLog] = []

    def configure(level: str, *tags: str) -> list[bytes]:
        sent: list[bytes] = []
        handlers.append(ChannelLog(sent.append, level, tags))
        logger.addHandler(handlers[-1])
        return sent

    logger.propagate = False
    yield configure
    for handler in handlers:
        logger.removeHandler(handler)
    logger.setLevel(level)
    logger.propagate = propagate


@pytest.mark.parametrize(
    ("module", "tag"),
    [
        ("rtc.web_rtc.ice_session", "ice"),
        ("rtc.data.sctp_association", "sctp"),
        ("rtc.transport.rtcp_in", "rtcp"),
        ("net.channel", "info"),
    ],
)
def test_a_line_has_the_tag_of_its_module(configure: Configure, module: str, tag: str) -> None:
    logger = importlib.import_module(f"miso.worker.{module}").logger
    wanted, unwanted = configure("debug", tag), configure("debug", *(other for other in LOG_TAGS if other != tag))
    logger.debug("one %s", "line")
    assert [(line[:1], line.rpartition(b"| ")[2]) for line in wanted] == [(b"D", b"one line")]
    assert unwanted == []


def test_a_line_can_have_a_tag_of_its_own(configure: Configure) -> None:
    dtls, ice = configure("warn", "dtls"), configure("warn", "ice")
    logging.getLogger("miso.worker.rtc.web_rtc.ice_session").warning("line", extra={"tag": "dtls"})
    assert [line[:1] for line in dtls] == [b"W"]
    assert ice == []


def test_errors_pass_whatever_the_tags(configure: Configure) -> None:
    sent = configure("error")
    logging.getLogger("miso.worker.rtc.producer.producer").error("line")
    logging.getLogger("miso.worker.rtc.producer.producer").warning("line")
    assert [line[:1] for line in sent] == [b"E"]


def test_a_line_is_cut_to_what_a_frame_should_hold(configure: Configure) -> None:
    sent = configure("error")
    logging.getLogger("miso.worker").error("x" * 100_000)
    assert [len(line) for line in sent] == [8193]


def test_every_module_with_a_tag_is_there_and_logs() -> None:
    for module in re.findall(r'"worker\.([\w.]+)": "', (WORKER / "log.py").read_text()):
        assert "logger." in (WORKER / (module.replace(".", "/") + ".py")).read_text()
