"""Reads bits one after another, and never past their end."""

from __future__ import annotations

from miso.live.errors import ParseError

_MAX_GOLOMB_ZEROS = 32


class BitReader:
    """A position in bits.

    Attributes:
        what: What they are, for the text of errors.
        position: Bits read.
    """

    __slots__ = ("_data", "_end", "position", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self.position = 0
        self._end = 8 * len(data)
        self.what = what

    @property
    def left(self) -> int:
        """Bits not read yet."""
        return self._end - self.position

    def bits(self, count: int) -> int:
        """An unsigned number; raises ParseError when fewer bits are left."""
        start = self.position
        end = start + count
        if end > self._end:
            raise ParseError(f"{self.what} ends too early: have {self._end - start} bits, need {count}")
        self.position = end
        number = int.from_bytes(self._data[start >> 3 : (end + 7) >> 3], "big")
        return number >> (-end & 7) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit; raises ParseError at the end."""
        return self.bits(1) == 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (ITU-T H.264, 9.1); raises ParseError past the end or 32 bits."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_ZEROS:
                raise ParseError(f"{self.what} has a number of more than {_MAX_GOLOMB_ZEROS} bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number; raises ParseError past the end or 32 bits."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)

    def at_most(self, limit: int, name: str) -> int:
        """An unsigned Exp-Golomb number; raises ParseError if it is more than ``limit``."""
        number = self.ue()
        if number > limit:
            raise ParseError(f"{self.what} has {name} {number}, expected at most {limit}")
        return number

    def skip_ue(self, count: int) -> None:
        """Passes over Exp-Golomb numbers, signed or not."""
        for _ in range(count):
            self.ue()


def without_emulation_prevention(nal_unit: bytes) -> bytes:
    """The bits of a NAL unit without the bytes that keep start codes out of it (ITU-T H.264, 7.4.1)."""
    return nal_unit.replace(b"\0\0\3", b"\0\0")
