"""Types of ``beginning.pyx``: where a receiver can begin. Only ``output.pyx`` uses it."""

class Beginning:
    """The judgement about one key frame; made once, used again."""

    def __init__(self) -> None: ...
