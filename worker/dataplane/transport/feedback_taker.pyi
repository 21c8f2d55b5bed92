"""Types of ``feedback_taker.pyx``: who takes what a receiver says of a stream that is sent to it."""

class FeedbackTaker:
    """Takes the feedback on one stream; all of it is for the plane only."""
