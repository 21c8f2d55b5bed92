"""H.264 pictures as RTP payloads (RFC 6184, packetization mode 1), as browsers want them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from miso.live.bridge.rtp.h264_slice import NOT_SENT, NalType, nal_type
from miso.live.errors import ParseError

MAX_PAYLOAD: Final = 1_188
"""Bytes of a payload; with RTP's header and what a worker adds it stays below 1,280, which every IPv6 path carries."""
_STAP_A = 24
_FU_A = 28
_FU_HEADER_SIZE = 2
_FU_START = 0x80
_FU_END = 0x40
_NRI_MASK = 0xE0  # with the forbidden bit, which is 0
_TYPE_MASK = 0x1F
_MAX_STAP_UNIT = 0xFFFF


class H264Packetizer:
    """Cuts one stream's pictures into payloads.

    Its parameter sets come before each IDR picture, whether the stream had them in its configuration record or between
    its pictures, since a browser may begin at any.
    """

    def __init__(self) -> None:
        self._sps: tuple[bytes, ...] = ()
        self._pps: tuple[bytes, ...] = ()

    def configure(self, sps: Sequence[bytes], pps: Sequence[bytes]) -> None:
        """The parameter sets from here on."""
        self._sps, self._pps = tuple(sps), tuple(pps)

    def payloads(self, units: Sequence[bytes]) -> list[bytes]:
        """The payloads of a picture, in their order; the last one gets the marker.

        Args:
            units: The NAL units of the picture, none empty.

        Returns:
            Empty if there is no picture in them.

        Raises:
            ParseError: An IDR picture comes and no parameter sets are known.
        """
        self._learn(units)
        shown = [unit for unit in units if nal_type(unit) not in NOT_SENT]
        if not shown:
            return []
        payloads: list[bytes] = []
        if any(nal_type(unit) == NalType.IDR for unit in shown):
            payloads += self._parameter_sets()
        for unit in shown:
            payloads += fragments(unit)
        return payloads

    def _learn(self, units: Iterable[bytes]) -> None:
        """Some encoders say new parameter sets only between the pictures."""
        sps = tuple(unit for unit in units if nal_type(unit) == NalType.SPS)
        pps = tuple(unit for unit in units if nal_type(unit) == NalType.PPS)
        if sps:
            self._sps = sps
        if pps:
            self._pps = pps

    def _parameter_sets(self) -> list[bytes]:
        sets = (*self._sps, *self._pps)
        if not self._sps or not self._pps:
            raise ParseError("H.264 picture comes before its parameter sets")
        size = 1 + sum(2 + len(unit) for unit in sets)
        if size > MAX_PAYLOAD or max(len(unit) for unit in sets) > _MAX_STAP_UNIT:
            return [fragment for unit in sets for fragment in fragments(unit)]
        together = bytearray((max(unit[0] & _NRI_MASK for unit in sets) | _STAP_A,))
        for unit in sets:
            together += len(unit).to_bytes(2, "big") + unit
        return [bytes(together)]


def fragments(unit: bytes) -> list[bytes]:
    """One NAL unit as it is, or as FU-A in pieces of about the same size."""
    if len(unit) <= MAX_PAYLOAD:
        return [unit]
    count = -(-(len(unit) - 1) // (MAX_PAYLOAD - _FU_HEADER_SIZE))
    size = -(-(len(unit) - 1) // count)
    indicator, kind = unit[0] & _NRI_MASK | _FU_A, unit[0] & _TYPE_MASK
    pieces = [unit[start : start + size] for start in range(1, len(unit), size)]
    headers = [kind] * len(pieces)
    headers[0] |= _FU_START
    headers[-1] |= _FU_END
    return [bytes((indicator, header)) + piece for header, piece in zip(headers, pieces, strict=True)]
