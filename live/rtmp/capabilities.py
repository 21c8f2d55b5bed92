"""What client and server know of enhanced RTMP v2, as connect and its answer say it ("Enhancing NetConnection")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from miso.live.media.amf import Value
from miso.live.media.codec import Codec, Kind

_ANY: Final = "*"


class CapsEx(IntFlag):
    """``capsEx``: what beyond codecs is understood."""

    RECONNECT = 1
    MULTITRACK = 2
    MOD_EX = 4
    TIMESTAMP_NANO_OFFSET = 8


class FourCcInfo(IntFlag):
    """What is done with a codec."""

    DECODE = 1
    ENCODE = 2
    FORWARD = 4


_NO_CAPS: Final = CapsEx(0)
SERVER_CAPS: Final = CapsEx.RECONNECT | CapsEx.MULTITRACK | CapsEx.MOD_EX | CapsEx.TIMESTAMP_NANO_OFFSET
_LEGACY: Final = frozenset((Codec.H264, Codec.AAC, Codec.MP3))
_TAKES: Final = FourCcInfo.DECODE | FourCcInfo.FORWARD
_MAPS: Final = {"videoFourCcInfoMap": Kind.VIDEO, "audioFourCcInfoMap": Kind.AUDIO}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A client's.

    Attributes:
        codecs: It takes these; None: it has not said which, or all. H264, AAC and MP3 every client takes.
        caps: What else it understands.
        is_enhanced: It has said anything of this.
    """

    codecs: frozenset[Codec] | None = None
    caps: CapsEx = _NO_CAPS
    is_enhanced: bool = False

    def takes(self, codec: Codec | None) -> bool:
        """Whether it may be sent that; None is metadata.

        Who says nothing of codecs is sent all: ffmpeg reads them and does not say so.
        """
        return codec is None or self.codecs is None or codec in self.codecs


def read_capabilities(members: dict[str, Value]) -> Capabilities:
    """Reads a connect's command object; what is of another type than it should be is not there."""
    names: set[str] = set()
    four_ccs = members.get("fourCcList")
    if isinstance(four_ccs, list):
        names.update(name for name in four_ccs if isinstance(name, str))
    for key in _MAPS:
        infos = members.get(key)
        if isinstance(infos, dict):
            names.update(name for name, info in infos.items() if _flags(info) & _TAKES)
    is_enhanced = any(key in members for key in ("fourCcList", "capsEx", *_MAPS))
    codecs = None if not names or _ANY in names else _LEGACY | {codec for codec in Codec if codec.value in names}
    return Capabilities(codecs, CapsEx(_flags(members.get("capsEx")) & SERVER_CAPS), is_enhanced)


def server_capabilities() -> dict[str, Value]:
    """What the answer to a connect says of us."""
    return own_capabilities(SERVER_CAPS)


def own_capabilities(caps: CapsEx) -> dict[str, Value]:
    """What either end of ours says: that it forwards all codecs, and what else it understands."""
    told: dict[str, Value] = {"fourCcList": [codec.value for codec in Codec], "capsEx": int(caps)}
    for key, kind in _MAPS.items():
        told[key] = {codec.value: int(FourCcInfo.FORWARD) for codec in Codec if codec.kind is kind}
    return told


def _flags(value: Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 0xFFFFFFFF:
        return 0
    return int(value)
