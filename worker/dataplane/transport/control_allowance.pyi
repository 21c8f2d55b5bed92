"""Types of ``control_allowance.pyx``: how many control packets of one peer are looked at."""

class ControlAllowance:
    """What one transport's peer may ask of control; the counters say what was dropped since creation."""

    dtls_per_second: int  # DTLS datagrams, as many at once; 1000 unless control says otherwise
    def __init__(self) -> None: ...
    @property
    def stun(self) -> int: ...
    @property
    def rtcp(self) -> int: ...
    @property
    def dtls(self) -> int: ...
    @property
    def repairs(self) -> int:
        """NACKs whose packets were not all sent again, since repairs took too much of what is sent."""
