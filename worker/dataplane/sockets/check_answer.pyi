"""Types of ``check_answer.pyx``: answers to connectivity checks that change nothing."""

class CheckAnswer:
    """What one transport's peer is answered over the selected tuple, without control."""

    def __init__(self) -> None: ...
    @property
    def answered_us(self) -> int:
        """When a check was answered last, 0: never since ``expect``."""
    def expect(self, fragment: str, password: str, nominated: bool) -> None:
        """Answers checks for this username fragment; those that nominate only if the tuple is ``nominated`` already."""
    def forget(self) -> None:
        """Answers nothing any more."""
