"""See ``framed.pyx``."""

from typing import Self, final

@final
class Framed:
    """A packet of parts.

    Args:
        parts: As bytes objects and ``(bytes, start, end)``.

    Raises:
        TypeError, ValueError: A part is something else, or reaches beyond its bytes; or there are no bytes.
    """

    def __new__(cls, parts: tuple[bytes | tuple[bytes, int, int], ...]) -> Self: ...
