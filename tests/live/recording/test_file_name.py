"""File names stay within the folder, whatever streams are called."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from miso.live.errors import RefusedError
from miso.live.recording.file_name import file_name
from miso.live.recording.settings import RecordingSettings
from miso.live.streams.registry import check_path

NOON = 1_700_000_000.0


@pytest.mark.parametrize(
    ("pattern", "path", "name"),
    [
        ("{path}/{date}-{time}", "live/camera", "live/camera/20231114-221320"),
        ("{app}/{name}_{part}", "a/b/c", "a/b/c_3"),
        ("{name}", "lonely", "lonely"),
        ("{app}", "lonely", "lonely"),
        ("all/{name}", "live/Größe 1", "all/Größe 1"),
        ("{name}", "live/.bashrc", "_bashrc"),
        ("{name}", "live/-rf", "_rf"),
        ("{path}", "live/a:b*c?", "live/a_b_c_"),
        ("{name}", "live/{date}", "_date_"),
        ("{name}", "live/" + 300 * "x", 120 * "x"),
        ("{name}", "live/" + 100 * "ß水", (100 * "ß水")[:48]),
        ("/{name}", "live/x", "x"),
        ("../{name}", "live/x", "_/x"),
    ],
)
def test_names(pattern: str, path: str, name: str) -> None:
    assert file_name(pattern, path, NOON, 3) == PurePosixPath(name)


@given(
    st.text(max_size=60) | st.text(alphabet="./\\~-\0 a{}:%", max_size=30),
    st.sampled_from(["{path}", "{app}", "{name}", "{path}/{date}", "x/{app}-{name}"]),
)
def test_hostile_paths_never_lead_out(path: str, pattern: str) -> None:
    try:
        check_path(path)
    except RefusedError:
        return  # there is no such stream
    name = file_name(pattern, path, NOON, 1)
    assert not name.is_absolute()
    for part in name.parts:
        assert part not in ("", ".", "..")
        assert part[0] not in ".-"
        assert "\0" not in part
        assert len(part.encode()) <= 121


@pytest.mark.parametrize(
    "pattern", ["", "/", "..", "{path.__class__}", "{0}", "{}", "{path!r}", "{name:>5}", "{nobody}", "{"]
)
def test_patterns_that_cannot_be_are_refused_when_settings_are_read(pattern: str) -> None:
    with pytest.raises(ValidationError):
        RecordingSettings(file_name=pattern)
