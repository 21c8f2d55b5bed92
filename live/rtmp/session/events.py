"""What a session tells its owner. Sound, pictures and metadata of a publisher come as messages between these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from miso.live.rtmp.address import Address
from miso.live.rtmp.capabilities import Capabilities
from miso.live.rtmp.messages import Message


class Ending(Enum):
    """Why a session is over.

    DONE: It has said goodbye, or was told to go and has had the time to read why.
    REFUSED: The server will not do what its client wants.
    PROTOCOL: The other end sent what is no RTMP, or is beyond a limit.
    TIMEOUT: The other end said nothing when it should have.
    """

    DONE = "done"
    REFUSED = "refused"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class PublishAsked:
    """The client wants to publish; the owner accepts or refuses, at once or later.

    Attributes:
        address: Which stream.
    """

    address: Address


@dataclass(frozen=True, slots=True)
class PlayAsked:
    """The client wants to play; the owner accepts or refuses, at once or later.

    Attributes:
        address: Which stream.
        capabilities: What the client can be sent.
    """

    address: Address
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """The client is not who it says it is. It has been told so, and goes.

    Attributes:
        user: Who it says it is.
    """

    user: str


@dataclass(frozen=True, slots=True)
class Left:
    """The client publishes or plays no more; it may begin with another stream."""


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """A player wants nothing for a while, or again something.

    Attributes:
        paused: Nothing.
    """

    paused: bool


@dataclass(frozen=True, slots=True)
class Wants:
    """A player says what it wants to be sent.

    Attributes:
        audio: Sound.
        video: Pictures.
    """

    audio: bool
    video: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: the connection is to be closed.

    Attributes:
        why: The kind of end.
        detail: The same in words; empty: there is nothing to say.
    """

    why: Ending
    detail: str = ""


Event: TypeAlias = "Message | LoginFailed | PublishAsked | PlayAsked | Left | PauseAsked | Wants | Ended"
