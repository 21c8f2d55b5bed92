"""Log lines as frames of the channel, filtered by level and tag.

The standard library's loggers are used, named by module. Errors always pass the tags; a debug or warn line passes when
its tag is wanted: the one given with ``extra={"tag": "dtls"}``, else that of its module.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable

from miso.worker.channel.codec import LogLevel, encode_log
from miso.worker.settings import LOG_TAGS

ROOT = "miso.worker"
_LEVELS = {"debug": logging.DEBUG, "warn": logging.WARNING, "error": logging.ERROR, "none": logging.CRITICAL + 1}
_MAX_LINE = 8192

# What is sans-I/O does not log: who drives it does.
_TAG_OF_MODULE = {
    "miso.worker.rtc.web_rtc.ice_session": "ice",
    "miso.worker.rtc.web_rtc.dtls_session": "dtls",
    "miso.worker.rtc.web_rtc.ice_sockets": "ice",
    "miso.worker.rtc.web_rtc.ice_tcp": "ice",
    "miso.worker.rtc.transport.rtcp_in": "rtcp",
    "miso.worker.rtc.transport.outgoing_bandwidth": "bwe",
    "miso.worker.rtc.data.sctp_association": "sctp",
    "miso.worker.rtc.transport.transport": "rtp",
    "miso.worker.rtc.transport.new_streams": "rtp",
    "miso.worker.rtc.producer.producer": "rtp",
    "miso.worker.rtc.consumer.consumer_plane": "rtp",
}


class ChannelLog(logging.Handler):
    """Sends log records to the controller."""

    def __init__(self, send: Callable[[bytes], None], level: str, tags: Iterable[str]) -> None:
        """``send`` takes the body of a frame; it may drop it."""
        super().__init__()
        self._send = send
        self._tags: frozenset[str] = frozenset()
        self.configure(level, tags)

    def configure(self, level: str | None, tags: Iterable[str] | None) -> None:
        """Changes what is logged; None leaves it. ``level`` is one of ``settings.LOG_LEVELS``."""
        if level is not None:
            # on the logger too, so that a line that nobody wants costs no more than a comparison
            logging.getLogger(ROOT).setLevel(_LEVELS[level])
            self.setLevel(_LEVELS[level])
        if tags is not None:
            self._tags = frozenset(tags).intersection(LOG_TAGS)

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one line; one that cannot be written is not the loss of who wanted to write it."""
        try:
            self._write(record)
        except Exception:  # noqa: BLE001  as the standard library's handlers do
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            kind = LogLevel.ERROR
        elif self._tag(record) in self._tags:
            kind = LogLevel.WARN if record.levelno >= logging.WARNING else LogLevel.DEBUG
        else:
            return
        text = f"{record.name}:{record.funcName}() | {record.getMessage()}"
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info))
        self._send(encode_log(kind, text[:_MAX_LINE]))

    @staticmethod
    def _tag(record: logging.LogRecord) -> str:
        given = getattr(record, "tag", None)
        if isinstance(given, str):
            return given
        return _TAG_OF_MODULE.get(record.name, "info")
