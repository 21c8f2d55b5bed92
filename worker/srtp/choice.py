"""Which code protects and opens SRTP packets: ``MISO_SRTP`` in the environment says what may be used at most.

Read before anything heavy is imported, like the command line.
"""

from __future__ import annotations

import os

from miso.worker.errors import SettingsError

VARIABLE = "MISO_SRTP"
LIBSRTP = "libsrtp"
AES, SHA, AVX2, AVX512, VAES = 1, 2, 4, 8, 16  # as in primitives/protect.h
CHOICES = {
    "": AES | SHA | AVX2 | AVX512 | VAES,
    "avx512": AES | SHA | AVX2 | AVX512 | VAES,
    "avx2": AES | SHA | AVX2,
    "sha-ni": AES | SHA,
    "aes-ni": AES,
    LIBSRTP: 0,
}
"""Name → the parts of a CPU that may be used where it has them; empty: all. Without AES none of the code can run."""
_NAMES = {AES: "AES-NI", SHA: "SHA-NI", AVX2: "AVX2", AVX512: "AVX-512", VAES: "VAES"}


def allowed_parts() -> int:
    """The parts that the environment lets the code use.

    Raises:
        SettingsError: The variable has another value than those of ``CHOICES``.
    """
    name = os.environ.get(VARIABLE, "")
    if name not in CHOICES:
        raise SettingsError(f"{VARIABLE} is '{name}', expected one of {', '.join(filter(None, CHOICES))}, or nothing")
    return CHOICES[name]


def describe(parts: int) -> str:
    """What protects by these parts, for the log."""
    return ", ".join(name for part, name in _NAMES.items() if parts & part) or LIBSRTP
