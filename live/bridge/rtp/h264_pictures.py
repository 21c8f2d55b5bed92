"""H.264 pictures as a live stream has them, with configuration records made of what their parameter sets say."""

from __future__ import annotations

from typing import ClassVar, Final

from miso.live.bridge.rtp.h264_slice import NOT_SENT, NalType, nal_type
from miso.live.bridge.rtp.picture_packets import Picture
from miso.live.errors import ParseError
from miso.live.media.avc import make_avc_config
from miso.live.media.codec import Codec
from miso.live.media.nal_units import join_nal_units

MAX_SET_BYTES: Final = 1_024
"""Of a parameter set; real ones have less than 100."""


class H264Pictures:
    """Reads one stream's pictures."""

    codec: ClassVar[Codec] = Codec.H264

    def __init__(self) -> None:
        self._sets: dict[NalType, list[bytes]] = {NalType.SPS: [], NalType.PPS: []}

    def read(self, units: tuple[bytes, ...]) -> Picture | None:
        """The picture of NAL units; None: they are parameter sets alone, or the like.

        Raises:
            ParseError: A parameter set is broken, or an IDR picture comes and there are none.
        """
        self._learn(units)
        shown = [unit for unit in units if nal_type(unit) not in NOT_SENT]
        if not shown:
            return None
        record = None
        if any(nal_type(unit) == NalType.IDR for unit in shown):
            record = make_avc_config(self._sets[NalType.SPS], self._sets[NalType.PPS]).to_bytes()
        return Picture(join_nal_units(shown), record)

    def _learn(self, units: tuple[bytes, ...]) -> None:
        """Who sends parameter sets, sends all that hold from there on."""
        for kind in self._sets:
            sets = [unit for unit in units if nal_type(unit) == kind]
            for unit in sets:
                if len(unit) > MAX_SET_BYTES:
                    raise ParseError(f"H.264 {kind.name} has {len(unit)} bytes, expected at most {MAX_SET_BYTES}")
            if sets:
                self._sets[kind] = list(dict.fromkeys(sets))
