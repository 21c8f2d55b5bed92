# cython: language_level=3
"""Numbers that the compiled readers of RTCP share. They stand in ``enums.pxd``."""
