"""Types of ``echo.pyx``."""

from typing import NoReturn

class Echo:
    """See the source."""

    port: int

    def __init__(self) -> None: ...
    def run(self) -> NoReturn: ...
