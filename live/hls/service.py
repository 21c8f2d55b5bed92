"""Answers requests for HLS: who may, what there is, and what is waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from miso.live.access.gate import Asking, Gate
from miso.live.access.tokens import Action
from miso.live.errors import DeniedError, LimitError, LiveError, ParseError, RefusedError, StreamClosedError
from miso.live.hls.address import Kind, Wanted, read_address
from miso.live.hls.packager import Packager
from miso.live.hls.packagers import Packagers
from miso.live.hls.playlist import CONTENT_TYPE
from miso.live.hls.segmenter import MAIN_TRACKS
from miso.live.hls.segments import Segment
from miso.live.hls.settings import HlsSettings
from miso.live.hls.viewers import MAX_ASKING, PROTOCOL, Viewer, Viewers
from miso.live.mp4.sample_entry import ENTRY_NAMES
from miso.live.sessions.places import Places
from miso.live.sessions.session import EndReason
from miso.live.streams.registry import Streams, check_path
from miso.live.streams.stream import Stream
from miso.live.streams.track import Track
from miso.live.web.credentials import NO_CREDENTIALS, Credentials
from miso.live.web.waiting import GoneError
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

_MP4 = "video/mp4"
_AHEAD = 2
_FOR_A_WHILE = "private, max-age=60"
_NOT_KEPT = "no-cache"


T = TypeVar("T")


class Waits(Protocol):
    """How a request waits for something: for as long as its client is there."""

    async def __call__(self, work: Coroutine[Any, Any, T], /) -> T:
        """What the work gives; raises GoneError, and ends the work, when the client has gone."""


class Asked(NamedTuple):
    """A request.

    Attributes:
        path: Of the URL, decoded, without the slash that it begins with.
        query: Its parameters.
        address: Whose it is: an IP address.
        waits: How it is waited for something.
        credentials: What it shows beside its parameters.
    """

    path: str
    query: Mapping[str, str]
    address: str
    waits: Waits
    credentials: Credentials = NO_CREDENTIALS


class Answer(NamedTuple):
    """What is answered.

    Attributes:
        status: Of HTTP.
        body: What is sent; the reason, if it is an error.
        content_type: Of the body.
        cache_control: How long it may be kept.
        viewer: Whose bytes they are; None: nobody's.
    """

    status: int
    body: bytes
    content_type: str = "text/plain"
    cache_control: str = _NOT_KEPT
    viewer: Viewer | None = None


class HlsService:
    """Everything about HLS but HTTP.

    Attributes:
        refused: How many requests were refused at a limit of this plugin.

    Args:
        gate: Who may play.
        streams: What may be played.
        packagers: What is cut.
        viewers: Who watches.
        settings: How many may wait.
    """

    def __init__(
        self, gate: Gate, streams: Streams, packagers: Packagers, viewers: Viewers, settings: HlsSettings
    ) -> None:
        self.refused = 0
        self._gate = gate
        self._streams = streams
        self._packagers = packagers
        self._viewers = viewers
        self._waiting = Places("requests that wait", settings.max_waiting, settings.max_waiting_per_address)
        self._refusals = LogRateLimit(logger, "a request for HLS was refused")

    @property
    def waiting(self) -> int:
        """How many requests wait for what is to come."""
        return len(self._waiting)

    async def answer(self, asked: Asked) -> Answer:
        """Answers a request; waits for what is about to come. Never raises for what the request says.

        Raises:
            GoneError: Who asked has gone meanwhile.
        """
        try:
            wanted = read_address(asked.path, asked.query)
            if not wanted.session and wanted.kind is Kind.PLAYLIST:
                return await self._begin(wanted, asked)
            return await self._continue(wanted, asked)
        except ParseError as error:
            return _told(400, str(error))
        except DeniedError as error:
            return _told(401 if error.unauthorized else 403, str(error))
        except LimitError as error:
            self.refused += 1
            self._refusals.count(f"stream={asked.path} address={asked.address}: {error}")
            return _told(503, str(error))
        except (RefusedError, StreamClosedError) as error:
            return _told(404, str(error))

    async def _begin(self, wanted: Wanted, asked: Asked) -> Answer:
        address = asked.address
        asking = Asking(Action.PLAY, wanted.stream, PROTOCOL, address, asked.query, *asked.credentials)
        check_path(wanted.stream)
        path = await asked.waits(self._gate.admit(asking))
        give_back = self._waiting.take(address)
        try:
            session = self._viewers.open(path, address)
        except LimitError:
            give_back()
            raise
        try:
            packager = await asked.waits(self._packager(self._streams.want(path)))
        except TimeoutError as error:
            session.fail(error)
            return _told(503, f"{wanted.stream} has sent nothing that can be played")
        except GoneError as error:
            session.end(EndReason.DONE, str(error))
            raise
        except asyncio.CancelledError:
            session.end(EndReason.DONE)
            raise
        except LiveError as error:
            session.fail(error)
            raise
        except Exception as error:  # noqa: BLE001  an edge: a bug costs this session, which tells of it
            session.fail(error)
            return _told(500, "the stream cannot be given")
        finally:
            give_back()
        if session.ended:
            return _told(403, "the session was ended")
        if packager is None:
            session.end(EndReason.STREAM_ENDED)
            return _told(404, f"{wanted.stream} is over")
        viewer = self._viewers.begin(session, wanted.stream, packager)
        body = packager.multivariant(session.id, wanted.stream).encode()
        return Answer(200, body, CONTENT_TYPE, _NOT_KEPT, viewer)

    async def _packager(self, stream: Stream) -> Packager | None:
        """What cuts a stream, once it has a segment; None: it never will. Raises RefusedError as :func:`_check`."""
        _check(stream.path, await stream.wait_for_tracks())
        packager = self._packagers.get(stream)
        return packager if await packager.begins() else None

    async def _continue(self, wanted: Wanted, asked: Asked) -> Answer:
        viewer = self._viewers.get(wanted.session)
        if viewer is None or viewer.stream != wanted.stream:
            return _told(403, "this session is over, or was none: open the stream anew")
        if viewer.asking >= MAX_ASKING:
            return _told(429, f"a viewer may have {MAX_ASKING} requests at once")
        viewer.asking += 1
        try:
            if wanted.kind is Kind.PLAYLIST:
                return await self._playlist(wanted, viewer, asked)
            if wanted.run != viewer.packager.run:
                return _told(404, "this is a piece of another session")
            return await self._piece(wanted, viewer, asked)
        finally:
            viewer.asking -= 1

    async def _playlist(self, wanted: Wanted, viewer: Viewer, asked: Asked) -> Answer:
        packager = viewer.packager
        if wanted.number is not None:
            if wanted.number >= packager.window.next_number + _AHEAD:
                return _told(400, f"segment {wanted.number} is too far ahead, {packager.window.next_number} is next")
            if not await self._has(packager, wanted.number, wanted.part, asked):
                return _told(503, f"segment {wanted.number} did not come in time")
        body = packager.media(wanted.session, wanted.stream).encode()
        return Answer(200, body, CONTENT_TYPE, _NOT_KEPT, viewer)

    async def _piece(self, wanted: Wanted, viewer: Viewer, asked: Asked) -> Answer:
        packager, number = viewer.packager, wanted.number
        assert number is not None
        window = packager.window
        if wanted.kind is Kind.MAP:
            return _piece(window.maps.get(number), viewer)
        if wanted.kind is Kind.SEGMENT:
            segment = window.get(number)
            return _piece(segment.data if segment is not None and segment.is_complete else None, viewer)
        assert wanted.part is not None
        if _is_next(window.newest, window.next_number, number, wanted.part):
            await self._has(packager, number, wanted.part, asked)
        segment = window.get(number)
        has_part = segment is not None and wanted.part < len(segment.parts)
        return _piece(segment.parts[wanted.part].data if segment is not None and has_part else None, viewer)

    async def _has(self, packager: Packager, number: int, part: int | None, asked: Asked) -> bool:
        """Whether it has come in time."""
        if packager.is_over or packager.window.has(number, part):
            return True
        give_back = self._waiting.take(asked.address)
        try:
            await asked.waits(packager.has(number, part))
        except TimeoutError:
            return False
        finally:
            give_back()
        return True


def _is_next(newest: Segment | None, next_number: int, number: int, part: int) -> bool:
    """Whether a part is the one that playlists hint at."""
    if newest is None or newest.is_complete:
        return (number, part) == (next_number, 0)
    return (number, part) == (newest.number, len(newest.parts))


def _piece(data: bytes | None, viewer: Viewer) -> Answer:
    if data is None:
        return _told(404, "this piece is gone, or has not come")
    return Answer(200, data, _MP4, _FOR_A_WHILE, viewer)


def _told(status: int, reason: str) -> Answer:
    return Answer(status, reason.encode())


def _check(path: str, tracks: Sequence[Track]) -> None:
    """Raises RefusedError if there is nothing in a stream that segments have a form of; else it would be waited for."""
    codecs = [track.codec for track in tracks if track.id in MAIN_TRACKS and track.codec is not None]
    if codecs and not any(codec in ENTRY_NAMES for codec in codecs):
        raise RefusedError(f"{path} has {', '.join(codec.value for codec in codecs)}, which HLS does not have here")
