# cython: language_level=3
"""Numbers that SCTP's compiled modules share. They stand in ``enums.pxd``."""
