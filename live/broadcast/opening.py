"""What a player is told before its first packet: metadata that is true for what it will get, and configurations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from miso.live.errors import ParseError
from miso.live.media.amf import EcmaArray, Value
from miso.live.media.amf0 import Amf0Reader, write_amf0
from miso.live.media.description import TrackDescription
from miso.live.media.metadata import ON_METADATA, metadata_members, script_body
from miso.live.media.packet import Kind, Packet, TrackId

_DATA = TrackId(Kind.DATA)
_OF_FILES = ("duration", "filesize", "keyframes", "lasttimestamp", "canSeekToEnd")
"""A live stream has no end yet."""
_OF_KIND = {
    Kind.AUDIO: (
        "hasAudio",
        "audiocodecid",
        "audiodatarate",
        "audiosamplerate",
        "audiosamplesize",
        "audiochannels",
        "stereo",
        "2.1",
        "3.1",
        "4.0",
        "4.1",
        "5.1",
        "7.1",
    ),
    Kind.VIDEO: ("hasVideo", "videocodecid", "videodatarate", "framerate", "videoframerate", "width", "height"),
}
_TOLD_IN_HEADERS = ("hasAudio", "hasVideo")


def read_members(body: bytes) -> EcmaArray | None:
    """What a publisher's script data says, if it is onMetaData that can be read.

    Args:
        body: With or without ``@setDataFrame``.
    """
    reader = Amf0Reader(script_body(body))
    try:
        if reader.is_at_end or reader.read() != ON_METADATA or reader.is_at_end:
            return None
        members = reader.read()
    except ParseError:
        return None
    return EcmaArray(members) if isinstance(members, dict) else None


def metadata(said: Mapping[str, Value], descriptions: Iterable[TrackDescription], *, to_all: bool = False) -> Packet:
    """OnMetaData: what the publisher says as far as it is true for the tracks, and what these say themselves.

    Args:
        said: The publisher's words.
        descriptions: Of the tracks that will come; each stands for the main one of its kind.
        to_all: It goes to all players, of whom some get less: says nothing of which kinds there are.
    """
    main = [description._replace(track=TrackId(description.track.kind)) for description in descriptions]
    kinds = {description.track.kind for description in main}
    left_out = {*_OF_FILES, *(name for kind, names in _OF_KIND.items() if kind not in kinds for name in names)}
    members = EcmaArray((name, value) for name, value in said.items() if name not in left_out)
    members.update(metadata_members(main))
    if to_all:
        for name in _TOLD_IN_HEADERS:
            members.pop(name, None)
    return Packet(_DATA, None, 0, write_amf0(ON_METADATA, members))
