"""Types of ``addresses.pyx``: it has functions for other compiled modules only."""
