"""Bounds of what is passed on to others."""

from __future__ import annotations

import pytest

from miso.demo.rooms.relayed_data import check_rtp_parameters, check_told
from tests.demo.client import AUDIO, VIDEO


@pytest.mark.parametrize("number", [2**53 + 1, -(2**60), 1e300, float("inf"), float("nan")])
def test_numbers_that_no_client_can_read_are_not_passed_on(number: float) -> None:
    with pytest.raises(ValueError, match="appData"):
        check_told("appData", {"deep": [{"er": number}]})


def test_ordinary_words_are_passed_on() -> None:
    check_told("appData", {"source": "mic", "share": True, "n": 2**53, "x": -1.5, "nothing": None})
    check_rtp_parameters(VIDEO)
    check_rtp_parameters(AUDIO)
