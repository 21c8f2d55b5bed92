"""Types of ``key_frame_start.pyx``: where a receiver can begin. Only ``consumer.pyx`` uses it."""

class KeyFrameStart:
    """The judgement about one key frame; made once, used again."""

    def __init__(self) -> None: ...
