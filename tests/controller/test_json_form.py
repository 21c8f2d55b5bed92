"""Between structs and JSON."""

from __future__ import annotations

import pytest

from miso.controller import from_json, to_json
from miso.controller.types import DtlsParameters, IceParameters, NumSctpStreams, RtpHeaderExtension

FINGERPRINT = {"algorithm": "sha-256", "value": "82:5A"}


def test_json_has_camel_case_names_and_defaults_but_nothing_that_is_none() -> None:
    extension = RtpHeaderExtension(kind="audio", uri="urn:x", preferred_id=1)
    assert to_json([extension, {"a": None}]) == [
        {"kind": "audio", "uri": "urn:x", "preferredId": 1, "preferredEncrypt": False, "direction": "sendrecv"},
        {"a": None},
    ]
    assert to_json(NumSctpStreams(os=1, mis=2)) == {"OS": 1, "MIS": 2}


def test_there_and_back() -> None:
    ice = IceParameters(username_fragment="a", password="b", ice_lite=True)
    assert from_json(IceParameters, to_json(ice)) == ice
    assert from_json(IceParameters, ice) is ice


def test_says_which_field_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"DtlsParameters.*role"):
        from_json(DtlsParameters, {"fingerprints": [FINGERPRINT], "role": "chicken"})


def test_refuses_what_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="object"):
        to_json({"a": object()})
