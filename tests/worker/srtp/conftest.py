"""Each code that a CPU may have is tried; without its instructions it is skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from miso.worker.srtp import choice, cipher

# What a CPU has of it, like choice.CHOICES but for CPUs that have one thing without the other.
CODE = {
    "avx512": choice.AES | choice.SHA | choice.AVX2 | choice.AVX512 | choice.VAES,
    "avx512 without vaes and sha": choice.AES | choice.AVX2 | choice.AVX512,
    "avx2": choice.AES | choice.SHA | choice.AVX2,
    "avx2 without sha": choice.AES | choice.AVX2,
    "sha-ni": choice.AES | choice.SHA,
    "aes-ni": choice.AES,
}


@pytest.fixture(params=CODE)
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    """Only this code is used, whatever the CPU has besides."""
    wanted = CODE[request.param]
    if wanted & ~cipher.parts_here():
        pytest.skip(f"this CPU has not all of {request.param}")
    assert cipher.use(wanted) == wanted
    yield request.param
    cipher.use(choice.allowed_parts())
