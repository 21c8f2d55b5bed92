"""Pictures out of RTP as packets of a live stream, from the first key frame on, each new configuration before them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from miso.live.bridge.rtp.depacketizer import AccessUnit
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.packet import Packet

_VIDEO = TrackId(Kind.VIDEO)


class Picture(NamedTuple):
    """A picture as a live stream has it.

    Attributes:
        payload: The coded bits.
        record: Of a key frame, the configuration record that holds from it on; None: it needs pictures before it.
    """

    payload: bytes
    record: bytes | None


class Pictures(Protocol):
    """Knows a codec's pictures, of one stream.

    Attributes:
        codec: Which.
    """

    @property
    def codec(self) -> Codec:
        """Which."""

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture that units are; None: they are none. Raises ParseError if they make no sense."""


class PicturePackets:
    """Makes one track's packets.

    After a loss nothing is made until a key frame comes: what refers to a lost picture would be shown broken.

    Attributes:
        needs_key: Whether a key frame is waited for; who can, asks the sender for one.

    Args:
        pictures: Of one stream.
    """

    def __init__(self, pictures: Pictures) -> None:
        self.needs_key = True
        self._pictures = pictures
        self._record: bytes | None = None

    def lost(self) -> None:
        """Something before the next picture is lost."""
        self.needs_key = True

    def of(self, access_unit: AccessUnit, time_ms: int) -> list[Packet]:
        """The packets of a picture: a configuration record before it if that is new, and the picture.

        Args:
            access_unit: The picture, or what comes between pictures.
            time_ms: When it is shown.

        Raises:
            ParseError: It makes no sense.
        """
        picture = self._pictures.read(access_unit.units)
        if picture is None or (self.needs_key and picture.record is None):
            return []
        codec = self._pictures.codec
        packets = []
        if picture.record is not None:
            self.needs_key = False
            if picture.record != self._record:
                self._record = picture.record
                packets.append(Packet(_VIDEO, codec, time_ms, picture.record, is_config=True))
        is_key = picture.record is not None
        return [*packets, Packet(_VIDEO, codec, time_ms, picture.payload, is_key=is_key)]
