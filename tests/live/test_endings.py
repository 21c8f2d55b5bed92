"""Whatever ends a session, of each kind: its class is right, it is told once, counted, and nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from miso.live.engine.engine import Engine
from miso.live.engine.settings_model import live_settings_model
from miso.live.errors import ParseError, RefusedError
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.plugins import OWN_PLUGINS
from miso.live.recording.plugin import RecordingPlugin
from miso.live.relay.plugin import RelayPlugin
from miso.live.relay.relay import Direction, Route, WantedBy
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.url import read_url
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import Stream
from tests.live.endless import send_for_ever
from tests.live.media import records
from tests.live.rtmp_server.serving import Peer, Serving, serve, until
from tests.patience import PATIENCE_S

PATH = "live/a"
_VIDEO = TrackId(Kind.VIDEO)
_FRAME = b"\0\0\0\5\x65" + bytes(4)
_PACKETS = [
    Packet(_VIDEO, Codec.H264, 0, records.H264, is_config=True),
    *(Packet(_VIDEO, Codec.H264, 40 * number, _FRAME, is_key=number % 5 == 0) for number in range(25)),
]


class Side:
    """A live side with everything, another RTMP server, and what tests have opened there."""

    def __init__(self, engine: Engine, far: Serving, http: httpx.AsyncClient) -> None:
        self.live = engine.live
        self.far = far
        self.http = http
        self.peers: list[Peer] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.sessions: list[Session] = []  # all there ever were
        self._open = self.live.sessions.open
        (self.recording,) = (one for one in engine.running if isinstance(one, RecordingPlugin))
        (self.relay,) = (one for one in engine.running if isinstance(one, RelayPlugin))

    def note(self, *given: Any) -> Session:
        """Opens a session, and remembers it."""
        self.sessions.append(self._open(*given))
        return self.sessions[-1]

    def publish(self, path: str = PATH, live: Any = None) -> Publication:
        """Within the process: it has no session."""
        publication: Publication = (live or self.live).streams.publish(path, lambda: None)
        self.tasks.append(asyncio.create_task(send_for_ever(publication, _PACKETS)))
        return publication

    async def peer(self) -> Peer:
        peer = await Peer.connect(self.live.ports["rtmp"])
        self.peers.append(peer)
        return peer

    async def begun(self, protocol: str, role: Role) -> Session:
        """The session once it has begun."""

        def found() -> list[Session]:
            return [one for one in self.sessions if (one.protocol, one.role) == (protocol, role) and one.started_s]

        await until(lambda: bool(found()))
        return found()[-1]

    async def closed(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for peer in self.peers:
            peer.close()
        for writer in self.writers:
            writer.close()


@asynccontextmanager
async def side(folder: Path, *, impatient: bool = False) -> AsyncIterator[Side]:
    model: Any = live_settings_model(OWN_PLUGINS)
    here = {"host": "127.0.0.1", "port": 0}
    settings = model(
        streams={"wait": 0.5, "grace": 0.2, "tracks_wait": 0.1},
        web={**here, "https_port": 0},
        rtmp={**here, **({"publisher_timeout": 0.4, "player_timeout": 0.4} if impatient else {})},
        hls={"viewer_s": 5},
        recording={"folder": folder, "keep_free_bytes": 0},
        relay={"first_pause": 30, "longest_pause": 30},
    )
    engine = Engine(settings, OWN_PLUGINS)
    async with serve() as far:
        await engine.start()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{engine.live.ports['http']}", trust_env=False, timeout=PATIENCE_S
        ) as http:
            made = Side(engine, far, http)
            try:
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(engine.live.sessions, "open", made.note)
                    yield made
            finally:
                await made.closed()
                await engine.stop()
    assert not engine.failures


# How a session of each kind is brought about.


async def publish_by_rtmp(at: Side) -> None:
    await (await at.peer()).publish("a")


async def play_by_rtmp(at: Side) -> None:
    at.publish()
    await (await at.peer()).play("a")


async def play_by_flv(at: Side, *headers: str) -> None:
    at.publish()
    reader, writer = await asyncio.open_connection("127.0.0.1", at.live.ports["http"])
    at.writers.append(writer)
    writer.write("\r\n".join([f"GET /{PATH}.flv HTTP/1.1", "Host: localhost", *headers, "", ""]).encode())
    at.tasks.append(asyncio.create_task(_read_for_ever(reader)))


async def _read_for_ever(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


async def play_by_websocket(at: Side) -> None:
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    await play_by_flv(at, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key)


async def play_by_hls(at: Side) -> None:
    at.publish()
    at.tasks.append(asyncio.create_task(at.http.get(f"/{PATH}.m3u8", timeout=60)))


async def record(at: Side) -> None:
    at.publish()
    at.recording.recorder.start(PATH)


async def pull(at: Side) -> None:
    at.publish("live/far", at.far.live)
    at.relay.begin(Route(Direction.PULL, PATH, read_url(at.far.url("live/far")), WantedBy.OPERATOR))


async def push(at: Side) -> None:
    at.publish()
    at.relay.begin(Route(Direction.PUSH, PATH, read_url(at.far.url("live/far")), WantedBy.OPERATOR))


class Sort(NamedTuple):
    """A kind of session."""

    protocol: str
    role: Role
    open: Callable[[Side], Awaitable[None]]


SORTS = {
    "rtmp publisher": Sort("rtmp", Role.PUBLISHER, publish_by_rtmp),
    "rtmp player": Sort("rtmp", Role.PLAYER, play_by_rtmp),
    "http-flv": Sort("http-flv", Role.PLAYER, play_by_flv),
    "ws-flv": Sort("ws-flv", Role.PLAYER, play_by_websocket),
    "hls": Sort("hls", Role.PLAYER, play_by_hls),
    "recording": Sort("recording", Role.PLAYER, record),
    "pull": Sort("relay", Role.PUBLISHER, pull),
    "push": Sort("relay", Role.PLAYER, push),
}
PLAYERS = ["rtmp player", "http-flv", "ws-flv", "hls", "recording", "push"]


# What ends it.


async def go(at: Side, session: Session) -> None:
    """Its connection is closed by its other end."""
    for peer in at.peers:
        peer.close()
    for writer in at.writers:
        writer.close()


async def kick(at: Side, session: Session) -> None:
    session.kick()


async def end_stream(at: Side, session: Session) -> None:
    stream = at.live.streams.get(PATH)
    assert stream is not None
    stream.close()


async def end_stream_there(at: Side, session: Session) -> None:
    stream = at.far.live.streams.get("live/far")
    assert stream is not None
    stream.close()


async def nothing(at: Side, session: Session) -> None:
    """It is silent for too long, or asks for nothing."""


async def send_what_is_none(at: Side, session: Session) -> None:
    for peer in at.peers:
        peer.send(Message(MessageType.SET_CHUNK_SIZE, 0, b"\0\0\0\0", 0))
    for writer in at.writers:
        writer.write(b"\xff" * 20)  # a frame of WebSocket with a code that is not in use


ENDS: list[tuple[str, Callable[[Side, Session], Awaitable[None]], EndReason]] = [
    *((sort, go, EndReason.DONE) for sort in ("rtmp publisher", "rtmp player", "http-flv", "ws-flv")),
    *((sort, kick, EndReason.KICKED) for sort in SORTS),
    *((sort, end_stream, EndReason.STREAM_ENDED) for sort in (*PLAYERS, "rtmp publisher")),
    ("pull", end_stream_there, EndReason.STREAM_ENDED),
    *((sort, send_what_is_none, EndReason.PROTOCOL) for sort in ("rtmp publisher", "rtmp player", "ws-flv")),
    ("rtmp publisher", nothing, EndReason.TIMEOUT),
    ("rtmp player", nothing, EndReason.TIMEOUT),
    ("hls", nothing, EndReason.DONE),  # viewers of HLS have no other way to go
]


def told(caplog: pytest.LogCaptureFixture, session_id: str) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    return [line for line in lines if line.startswith(f"session={session_id} ") and ": ended, " in line]


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(("sort", "end", "reason"), ENDS, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_a_session_that_has_begun(
    sort: str,
    end: Callable[[Side, Session], Awaitable[None]],
    reason: EndReason,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    protocol, role, open = SORTS[sort]
    async with side(tmp_path, impatient=end is nothing) as at:
        await open(at)
        session = await at.begun(protocol, role)
        await end(at, session)
        await until(lambda: session.ended)
        assert (session.end_reason, at.live.sessions.get(session.id)) == (reason, None)
        assert len(told(caplog, session.id)) == 1
        assert at.live.sessions.endings[protocol, role, reason] == 1
        numbers = {"protocol": protocol, "role": role.value, "reason": reason.value}
        assert at.live.metrics.get_sample_value("miso_live_sessions_ended_total", numbers) == 1
    assert tracebacks(caplog) == []


def raising(error: Exception) -> Any:
    def fail(*given: object, **named: object) -> Any:
        raise error

    return fail


BREAKS: list[tuple[str, type, str]] = [
    ("rtmp publisher", Streams, "publish"),
    ("pull", Streams, "publish"),
    *((sort, Stream, "wait_for_tracks") for sort in PLAYERS),
]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("a bug"), EndReason.INTERNAL),
        (RefusedError("no"), EndReason.REFUSED),
        (ParseError("nonsense"), EndReason.PROTOCOL),
    ],
    ids=["bug", "refused", "protocol"],
)
@pytest.mark.parametrize(("sort", "of", "what"), BREAKS, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_an_error_of_any_class_costs_the_session_that_meets_it(
    sort: str,
    of: type,
    what: str,
    error: Exception,
    reason: EndReason,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    protocol, role, open = SORTS[sort]
    async with side(tmp_path) as at:
        with monkeypatch.context() as broken:
            if sort == "pull":
                at.publish("live/far", at.far.live)
            elif role is Role.PLAYER:
                at.publish()
            broken.setattr(Side, "publish", lambda *given: None)  # there is one
            broken.setattr(of, what, raising(error))
            await open(at)
            await until(lambda: bool(at.sessions) and at.sessions[0].ended)
        (session,) = at.sessions
        assert session.end_reason is reason
        assert len(told(caplog, session.id)) == 1
        assert len(tracebacks(caplog)) == (reason is EndReason.INTERNAL)
        assert len(at.live.sessions) == at.live.sessions.count(role) == 0
        assert at.live.sessions.endings == {(protocol, role, reason): 1}


async def test_a_bug_that_a_publisher_s_packet_meets_costs_that_publisher(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    async with side(tmp_path) as at:
        await publish_by_rtmp(at)
        session = await at.begun("rtmp", Role.PUBLISHER)
        with monkeypatch.context() as broken:
            broken.setattr(Publication, "write", raising(ZeroDivisionError("a bug")))
            at.peers[0].send(Message(MessageType.AUDIO, 0, b"\x2f\xff\xfb\x90\x64" + bytes(400), 1))
            await until(lambda: session.ended)
        assert session.end_reason is EndReason.INTERNAL
        assert (len(told(caplog, session.id)), len(tracebacks(caplog))) == (1, 1)
        await publish_by_rtmp(at)  # the name is free
        await at.begun("rtmp", Role.PUBLISHER)
