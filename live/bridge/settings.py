"""Settings of the bridge to the rooms: ``[live.rooms]``."""

from __future__ import annotations

from enum import Enum

from pydantic import Field, field_validator

from miso.live.bridge.from_room.audio_receiver import SoundForm
from miso.live.bridge.from_room.choice import SPEAKER
from miso.live.bridge.from_room.picture_codec import USUAL, PictureCodec
from miso.live.bridge.to_room.b_frames import BFrames
from miso.live.errors import RefusedError
from miso.live.section import PluginSettings, Section
from miso.live.streams.registry import check_path

PREFIX = "rooms"
_MAX_NAME_LENGTH = 256


class PageUse(Enum):
    """What people of the room page may do with live streams.

    OFF: Nothing; they are not told which there are.
    LIST: See which are published, and play them.
    BRING_IN: Also bring them into their room, for everybody there.
    """

    OFF = "off"
    LIST = "list"
    BRING_IN = "bring_in"


class BringIn(Section):
    """A live stream that is always in a room while it is published."""

    stream: str = Field("", validate_default=True, description="the stream's path")
    room: str = Field("", validate_default=True, min_length=1, max_length=_MAX_NAME_LENGTH, description="the room")
    display_name: str = Field("", max_length=_MAX_NAME_LENGTH, description="what it is called; default: its path")

    @field_validator("stream")
    @classmethod
    def _is_path(cls, path: str) -> str:
        return checked_path(path)


class PublishRoom(Section):
    """A room that is always a live stream while somebody is in it."""

    room: str = Field("", validate_default=True, min_length=1, max_length=_MAX_NAME_LENGTH, description="the room")
    who: str = Field(
        SPEAKER, min_length=1, max_length=_MAX_NAME_LENGTH, description="a participant's id; *: whoever leads"
    )
    stream: str = Field("", description="the stream's path; default: rooms/ROOM, or rooms/ROOM/WHO")
    sound: SoundForm | None = Field(None, description="aac or opus; default: live.rooms.sound")

    @field_validator("stream")
    @classmethod
    def _is_path(cls, path: str) -> str:
        return checked_path(path) if path else path


class RoomsSettings(PluginSettings):
    """Live streams in rooms, and rooms' people as live streams."""

    bring_in: tuple[BringIn, ...] = Field((), description="live streams that are in a room while they are published")
    publish: tuple[PublishRoom, ...] = Field((), description="rooms that are live streams while somebody is in them")
    on_demand: bool = Field(
        False,
        description="who plays rooms/ROOM sees the room's speaker, and of rooms/ROOM/ID that participant: whoever may "
        "play (live.access) can look into every room whose name it knows",
    )
    on_demand_idle: float = Field(10.0, ge=1, le=3_600, description="seconds without a player after which that ends")
    b_frames: BFrames = Field(
        BFrames.DROP,
        description="what becomes of B frames, which browsers cannot show: those that no other frame needs are left "
        "out (a stream with others is refused), or any are refused",
    )
    sound: SoundForm = Field(
        SoundForm.AAC,
        description="rooms' sound in live streams: as AAC, which every player takes, or as the Opus that it is, for "
        "players of enhanced RTMP and FLV",
    )
    pictures: tuple[PictureCodec, ...] = Field(
        USUAL,
        min_length=1,
        description="codecs of pictures that a room's stream may have; where a room's people send different ones, the "
        "stream shows those of the first one that anybody sends: h264 for every player, vp9 and av1 for newer ones, "
        "vp8, which hardly any knows",
    )
    key_frame_interval: float = Field(
        4.0,
        ge=0,
        le=60,
        description="seconds after which a room's sender is asked for a key frame; 0: only when a player comes",
    )
    max_bridges: int = Field(50, ge=1, le=1_000, description="streams brought in and rooms published at once")
    page: PageUse = Field(
        PageUse.OFF,
        description="what people of the room page may do, whoever they are: off: nothing; list: see which live streams "
        "are published, and play them; bring_in: also bring them into their room",
    )
    max_from_page: int = Field(
        20, ge=1, le=1_000, description="of max_bridges, those of people of the room page, in all rooms together"
    )


def default_path(room: str, who: str) -> str:
    """Where a room is published unless it is said; raises RefusedError if the names fit into no path."""
    path = f"{PREFIX}/{room}" if who == SPEAKER else f"{PREFIX}/{room}/{who}"
    if "/" in room or (who != SPEAKER and "/" in who):
        raise RefusedError(f"{path} would be ambiguous: say under which path it is to be published")
    check_path(path)
    return path


def checked_path(path: str) -> str:
    """Raises ValueError if no stream may be called so."""
    try:
        check_path(path)
    except RefusedError as error:
        raise ValueError(str(error)) from error
    return path
