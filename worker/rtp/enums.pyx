# cython: language_level=3
"""Numbers that RTP's and the data plane's compiled modules share. They stand in ``enums.pxd``."""
