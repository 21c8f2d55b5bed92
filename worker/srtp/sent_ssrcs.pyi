"""Types of ``sent_ssrcs.pyx``: the SSRCs that are sent under one key. Only other compiled modules use it."""

class SentSsrcs:
    """The SSRCs of one transport."""

    def __init__(self) -> None: ...
