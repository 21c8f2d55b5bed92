"""Reads bytes one after another, and never past their end."""

from __future__ import annotations

from miso.live.errors import ParseError


class ByteReader:
    """A position in bytes.

    Attributes:
        what: What the bytes are, for the text of errors.
        position: Where the next read begins.
    """

    __slots__ = ("_data", "_end", "position", "what")

    def __init__(self, data: bytes, what: str, position: int = 0) -> None:
        self._data = data
        self._end = len(data)
        self.what = what
        self.position = position

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self._end - self.position

    def take(self, size: int) -> bytes:
        """Raises ParseError when fewer are left."""
        start = self.position
        end = start + size
        if end > self._end:
            raise ParseError(f"{self.what} ends too early: have {self._end - start} bytes, need {size}")
        self.position = end
        return self._data[start:end]

    def u8(self) -> int:
        """One byte; raises ParseError at the end."""
        position = self.position
        if position >= self._end:
            raise ParseError(f"{self.what} ends too early: have 0 bytes, need 1")
        self.position = position + 1
        return self._data[position]

    def peek(self) -> int:
        """The next byte, which stays to be read; raises ParseError at the end."""
        byte = self.u8()
        self.position -= 1
        return byte

    def unsigned(self, size: int) -> int:
        """A big-endian number of ``size`` bytes; raises ParseError when fewer are left."""
        return int.from_bytes(self.take(size), "big")

    def signed(self, size: int) -> int:
        """A big-endian number in two's complement; raises ParseError when fewer bytes are left."""
        return int.from_bytes(self.take(size), "big", signed=True)

    def text(self, size: int) -> str:
        """UTF-8 of ``size`` bytes; raises ParseError when it is none."""
        raw = self.take(size)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise ParseError(f"{self.what} has text that is not UTF-8: {raw[:32]!r}") from error

    def rest(self) -> bytes:
        """All that is left; nothing is left after it."""
        return self.take(self.left)
