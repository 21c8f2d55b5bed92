"""Types of ``ticked.pyx``: what is looked at with each tick of a worker's clock."""

class Ticked:
    """What is looked at with each tick: compiled code overrides it."""
