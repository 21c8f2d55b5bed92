"""See ``framed.pyx``."""

class Framed:
    """A packet of parts.

    Args:
        parts: As bytes objects and ``(bytes, start, end)``.

    Raises:
        TypeError, ValueError: A part is something else, or reaches beyond its bytes; or there are no bytes.
    """

    def __init__(self, parts: tuple[bytes | tuple[bytes, int, int], ...]) -> None: ...
