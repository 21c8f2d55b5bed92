# cython: language_level=3
"""Numbers that the estimators' compiled modules share. They stand in ``enums.pxd``."""
