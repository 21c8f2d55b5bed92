"""Types of ``random_numbers.pyx``: where sequence numbers and timestamps of a stream begin."""

COUNT: int
"""So many are asked of the kernel at once."""

def random_number() -> int:
    """32 random bits."""
