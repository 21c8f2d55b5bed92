"""Types of ``incoming_rtcp.pyx``: reads the RTCP of a transport's peer."""

from miso.worker.rtcp.arrivals import PROBLEMS as PROBLEMS

class IncomingRtcp:
    """Reads the RTCP of one transport's peer; all of it is for the plane only."""
