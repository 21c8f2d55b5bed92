"""H.264 pictures as packets of a live stream, with configuration records made of what their parameter sets say."""

from __future__ import annotations

from typing import Final

from miso.live.bridge.rtp.h264_depacketizer import AccessUnit
from miso.live.bridge.rtp.h264_slice import NOT_SENT, NalType, nal_type
from miso.live.errors import ParseError
from miso.live.media.avc import make_avc_config
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.nal_units import join_nal_units
from miso.live.media.packet import Packet

MAX_SET_BYTES: Final = 1_024
"""Of a parameter set; real ones have less than 100."""
_VIDEO = TrackId(Kind.VIDEO)


class H264Packets:
    """Makes one track's packets.

    After a loss nothing is made until an IDR picture comes: what refers to a lost picture would be shown broken.

    Attributes:
        needs_key: Whether an IDR picture is waited for; who can, asks the sender for one.
    """

    def __init__(self) -> None:
        self.needs_key = True
        self._sets: dict[NalType, list[bytes]] = {NalType.SPS: [], NalType.PPS: []}
        self._record = b""

    def lost(self) -> None:
        """Something before the next picture is lost."""
        self.needs_key = True

    def of(self, access_unit: AccessUnit, time_ms: int) -> list[Packet]:
        """The packets of a picture: a configuration record before it if that is new, and the picture.

        Args:
            access_unit: The picture, or parameter sets alone.
            time_ms: When it is shown.

        Raises:
            ParseError: A parameter set is broken, or there are none.
        """
        self._learn(access_unit.units)
        pictures = [unit for unit in access_unit.units if nal_type(unit) not in NOT_SENT]
        if not pictures or (self.needs_key and not access_unit.is_idr):
            return []
        packets = []
        if access_unit.is_idr:
            record = make_avc_config(self._sets[NalType.SPS], self._sets[NalType.PPS]).to_bytes()
            if record != self._record:
                self._record = record
                packets.append(Packet(_VIDEO, Codec.H264, time_ms, record, is_config=True))
            self.needs_key = False
        payload = join_nal_units(pictures)
        return [*packets, Packet(_VIDEO, Codec.H264, time_ms, payload, is_key=access_unit.is_idr)]

    def _learn(self, units: tuple[bytes, ...]) -> None:
        """Who sends parameter sets, sends all that hold from there on."""
        for kind in self._sets:
            sets = [unit for unit in units if nal_type(unit) == kind]
            for unit in sets:
                if len(unit) > MAX_SET_BYTES:
                    raise ParseError(f"H.264 {kind.name} has {len(unit)} bytes, expected at most {MAX_SET_BYTES}")
            if sets:
                self._sets[kind] = list(dict.fromkeys(sets))
