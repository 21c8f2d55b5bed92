"""Types of ``write_buffer.pyx``. Only ``tcp.pyx`` uses it."""

class WriteBuffer:
    """First in, first out. Whoever appends sees to it that it does not grow without end."""

    def __init__(self) -> None: ...
