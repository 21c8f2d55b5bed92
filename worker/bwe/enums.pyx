# cython: language_level=3
"""Numbers that several compiled modules share. They stand in ``enums.pxd``."""
