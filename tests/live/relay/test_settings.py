"""The relay's settings: whose streams come from where, and what is refused without telling a secret."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from miso.live.relay.settings import Origin, RelaySettings
from miso.live.rtmp.url import RtmpUrl


@pytest.mark.parametrize(
    ("prefix", "url", "path", "expected"),
    [
        ("", "rtmp://o/live", "app/name", RtmpUrl(False, "o", 1935, "live/app", "name")),
        ("app", "rtmp://o/live/", "app/name", RtmpUrl(False, "o", 1935, "live", "name")),
        ("/app/", "rtmps://o:1/a/b?key=1/2", "app/x/name", RtmpUrl(True, "o", 1, "a/b/x", "name?key=1/2")),
        ("app", "rtmp://o/live", "apple/name", None),
        ("app", "rtmp://o/live", "app", None),
        ("app", "rtmp://o/live", "app/name?token=1", None),
    ],
)
def test_an_origin_has_the_streams_of_its_prefix(prefix: str, url: str, path: str, expected: RtmpUrl | None) -> None:
    assert Origin(prefix=prefix, url=SecretStr(url)).target(path) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"pull": [{"stream": "a/b"}]},
        {"pull": [{"url": "rtmp://host/secret/name"}]},
        {"push": [{"stream": "a/../b", "url": "rtmp://host/secret/name"}]},
        {"push": [{"stream": "a/b", "url": "http://host/secret/name"}]},
        {"push": [{"stream": "a/b", "url": "rtmp://me@host/app/secret"}]},
        {"origins": [{"url": "rtmp://host"}]},
        {"pull": [{"stream": "a/b", "url": "rtmp://host/secret/1"}, {"stream": "a/b", "url": "rtmp://host/secret/2"}]},
        {"push": [{"stream": "a/b", "url": "rtmp://host/secret/1"}] * 2, "max_relays": 1},
    ],
)
def test_refuses_what_cannot_be(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        RelaySettings.model_validate(settings)
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(RelaySettings.model_validate({"push": [{"stream": "a/b", "url": "rtmp://h/secret/1"}]}))
