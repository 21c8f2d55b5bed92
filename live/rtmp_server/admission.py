"""Whether a client may publish or play what it asks for, and what it is told when it may not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from miso.live.access.gate import Asking
from miso.live.access.tokens import Action
from miso.live.engine.services import Live
from miso.live.errors import DeniedError, LimitError, LiveError, RefusedError, StreamClosedError
from miso.live.media.codec import Codec
from miso.live.rtmp.address import Address
from miso.live.rtmp.capabilities import Capabilities, CapsEx
from miso.live.rtmp.session.events import PlayAsked, PublishAsked
from miso.live.rtmp.status import Code
from miso.live.rtmp_server.format import RtmpFormat
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.streams.publication import Publication
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import Start
from miso.live.streams.track import Track


class UnplayableError(RefusedError):
    """The client does not know how the stream is coded."""


class FailedError(LiveError):
    """A bug of ours, of which the session has told."""

    def __init__(self) -> None:
        super().__init__("the server has failed")


class Who(NamedTuple):
    """Who asks.

    Attributes:
        protocol: ``rtmp`` or ``rtmps``.
        address: An IP address.
        on_kick: Called when an operator ends its session.
    """

    protocol: str
    address: str
    on_kick: Callable[[], None]


class AdmittedPublisher(NamedTuple):
    """A publisher that may begin.

    Attributes:
        session: Its session, which has not begun.
        publication: Where it writes.
    """

    session: Session
    publication: Publication

    def give_up(self) -> None:
        """It does not begin: its connection is gone."""
        self.publication.close()
        self.session.end(EndReason.DONE, "the connection was closed")


class AdmittedPlayer(NamedTuple):
    """A player that may begin.

    Attributes:
        session: Its session, which has not begun.
        stream: What it plays.
        format: As what.
        start: Where it begins.
        takes: Whether it knows a codec.
    """

    session: Session
    stream: Stream
    format: RtmpFormat
    start: Start
    takes: Callable[[Codec], bool]

    def give_up(self) -> None:
        """It does not begin: its connection is gone."""
        self.session.end(EndReason.DONE, "the connection was closed")


async def admit_publisher(
    live: Live,
    who: Who,
    asked: PublishAsked,
    on_lost: Callable[[], None],
    is_there: Callable[[], Awaitable[bool]],
) -> AdmittedPublisher:
    """Lets somebody publish.

    Args:
        live: What plugins share.
        who: Who asks.
        asked: For what.
        on_lost: Called when the stream is not the publisher's any more.
        is_there: Finds out whether it is still there, when somebody else wants its stream.

    Raises:
        RefusedError: It may not.
        FailedError: A bug of ours; the session has told of it.
    """
    _check_via(live, asked.address)
    path = await live.gate.admit(_asking(Action.PUBLISH, who, asked.address))
    session = live.sessions.open(who.protocol, who.address, Role.PUBLISHER, path, who.on_kick)
    session.via = asked.address.via
    try:
        return AdmittedPublisher(session, await live.streams.claim(path, on_lost, is_there))
    except LiveError as error:
        session.fail(error)
        raise
    except asyncio.CancelledError:
        session.end(EndReason.DONE, "the client went while the stream's publisher was asked")
        raise
    except Exception as error:  # an edge: a bug costs this session, which tells of it
        session.fail(error)
        raise FailedError from error


async def admit_player(live: Live, who: Who, asked: PlayAsked) -> AdmittedPlayer:
    """Lets somebody play, once the stream is there.

    Args:
        live: What plugins share.
        who: Who asks.
        asked: For what.

    Raises:
        RefusedError: It may not, or cannot.
        StreamClosedError: Nobody publishes it.
        FailedError: A bug of ours; the session has told of it.
    """
    start = _start(asked.address.query.get("start", Start.FAST.value))
    _check_via(live, asked.address)
    path = await live.gate.admit(_asking(Action.PLAY, who, asked.address))
    session = live.sessions.open(who.protocol, who.address, Role.PLAYER, path, who.on_kick)
    session.via = asked.address.via
    try:
        stream = live.streams.want(path)
        _check_codecs(await stream.wait_for_tracks(), asked.capabilities)
    except LiveError as error:
        session.fail(error)
        raise
    except asyncio.CancelledError:
        session.end(EndReason.DONE, "the client went while it waited for the stream")
        raise
    except Exception as error:  # an edge, as above
        session.fail(error)
        raise FailedError from error
    is_multitrack = bool(asked.capabilities.caps & CapsEx.MULTITRACK)
    return AdmittedPlayer(session, stream, RtmpFormat(is_multitrack), start, asked.capabilities.takes)


def refusal(asked: PublishAsked | PlayAsked, error: LiveError) -> Code:
    """What a client is told when it may not publish or play."""
    to_publish = isinstance(asked, PublishAsked)
    if isinstance(error, DeniedError):
        if error.unauthorized:
            return Code.PUBLISH_UNAUTHORIZED if to_publish else Code.PLAY_UNAUTHORIZED
        return Code.PUBLISH_DENIED if to_publish else Code.PLAY_DENIED
    if isinstance(error, FailedError):
        return Code.PUBLISH_FAILED if to_publish else Code.PLAY_FAILED
    if isinstance(error, StreamClosedError):
        return Code.PUBLISH_FAILED if to_publish else Code.PLAY_STREAM_NOT_FOUND
    if isinstance(error, UnplayableError | LimitError):
        return Code.PUBLISH_DENIED if to_publish else Code.PLAY_FAILED
    return Code.PUBLISH_BAD_NAME if to_publish else Code.PLAY_STREAM_NOT_FOUND


def _check_via(live: Live, address: Address) -> None:
    """Raises RefusedError when a relay would let a stream of ours come back to us."""
    if live.id in address.via:
        raise RefusedError("the stream would go in a circle: it has come through this server before")


def _asking(action: Action, who: Who, address: Address) -> Asking:
    return Asking(
        action,
        address.path,
        who.protocol,
        who.address,
        address.query,
        address.user,
        address.password,
        address.is_proved,
    )


def _start(wish: str) -> Start:
    try:
        return Start(wish)
    except ValueError:
        raise RefusedError(f"start is {wish[:32]!r}, expected {', '.join(start.value for start in Start)}") from None


def _check_codecs(tracks: Iterable[Track], capabilities: Capabilities) -> None:
    """Raises UnplayableError when the client has said which codecs it knows, and one is not among them."""
    for track in tracks:
        if not track.id.number and not capabilities.takes(track.codec):
            assert track.codec is not None
            raise UnplayableError(f"the stream's {track.id.kind.value} is {track.codec.value}, which the player lacks")
