"""Settings from flags, environment and file, and what is said of wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from miso.commands.command_line import ConfigError
from miso.demo.settings import REFERENCE_NAMES, Settings, command_line

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("MISO_") or name in REFERENCE_NAMES:
            monkeypatch.delenv(name)


def toml(tmp_path: Path, text: str) -> str:
    file = tmp_path / "miso.toml"
    file.write_text(text)
    return str(file)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toml(tmp_path, 'workers = 2\nhttps_port = 2\nhttp_port = 2\nlog_level = "debug"\n')
    monkeypatch.setenv("MISO_HTTPS_PORT", "3")
    monkeypatch.setenv("MISO_HTTP_PORT", "3")
    settings = command_line().load(["--config", file, "--http-port", "4"])
    assert (settings.workers, settings.https_port, settings.http_port, settings.log_level) == (2, 3, 4, "debug")
    monkeypatch.setenv("MISO_CONFIG", file)
    assert command_line().load([]).workers == 2


def test_understands_the_reference_demos_environment_below_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROTOO_LISTEN_PORT", "5555")
    monkeypatch.setenv("MEDIASOUP_ANNOUNCED_IP", "203.0.113.7")
    monkeypatch.setenv("MEDIASOUP_USE_WEBRTC_SERVER", "false")
    monkeypatch.setenv("MEDIASOUP_LISTEN_IP", "127.0.0.1")
    settings = command_line().load([])
    assert settings.https_port == 5555
    assert settings.announced_address == "203.0.113.7"
    assert settings.webrtc_server is False
    assert settings.media_ip == ["127.0.0.1"]
    monkeypatch.setenv("MISO_HTTPS_PORT", "6666")
    assert command_line().load([]).https_port == 6666


def test_empty_environment_names_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISO_HTTPS_PORT", "")
    monkeypatch.setenv("PROTOO_LISTEN_PORT", "")
    assert command_line().load([]).https_port == 4443


@pytest.mark.parametrize(
    "arguments", [["--media-ip", "10.0.0.1,10.0.0.2"], ["--media-ip", "10.0.0.1", "--media-ip", "10.0.0.2"]]
)
def test_lists_are_repeated_or_comma_separated(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_line().load(arguments).media_ip == ["10.0.0.1", "10.0.0.2"]
    monkeypatch.setenv("MISO_MEDIA_IP", "10.0.0.3, ::1")
    assert command_line().load([]).media_ip == ["10.0.0.3", "::1"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--workers", "0"], "workers"),
        (["--https-port", "65536"], "https_port"),
        (["--media-ip", "example.com"], "media_ip"),
        (["--no-udp", "--no-tcp"], "no way for media"),
        (["--no-https", "--no-http"], "nothing to serve"),
        (["--tls-certificate", "a.pem"], "belong together"),
        (["--dtls-key", "a.pem"], "belong together"),
        (["--media-min-port", "50000"], "above media_max_port"),
        (["--webrtc-server-port", "65535", "--workers", "2"], "too high"),
        (["--announced-address", "my house"], "neither an IP address nor a host name"),
        (["--cluster-address", "0.0.0.0"], "cluster_address 0.0.0.0 is no address that other servers can send to"),
        (["--cluster-announced-address", "a.example"], "cluster_announced_address"),
        (["--cluster-announced-address", "::"], "cluster_announced_address :: is no address"),
        (["--cluster-address", "0.0.0.0", "--cluster-announced-address", "224.0.0.1"], "224.0.0.1 is no address"),
    ],
)
def test_wrong_values_are_named(arguments: list[str], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        command_line().load(arguments)


def test_unknown_settings_in_the_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="worker_count"):
        command_line().load(["--config", toml(tmp_path, "worker_count = 3\n")])


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    for name in ("none.toml", "."):
        with pytest.raises(ConfigError, match=re.escape(str(tmp_path / name))):
            command_line().load(["--config", str(tmp_path / name)])


def test_a_tilde_in_the_file_is_the_home_folder(tmp_path: Path) -> None:
    assert command_line().load(["--config", toml(tmp_path, 'data_dir = "~/miso"\n')]).data_dir == Path.home() / "miso"


def test_unknown_flags_are_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line().load(["--wrokers", "3"])
    assert caught.value.code == 2
    assert "--wrokers" in capsys.readouterr().err


def test_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command_line().load(["--help"])
    assert caught.value.code == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description
        assert re.sub(r"\s", "", field.description) in re.sub(r"\s", "", text)
    assert "message (default: info,ice,dtls)" in text
    assert "over HTTPS (default: on)" in text
    assert "--workers N " in text
    assert "--worker-log-tags TOPIC,… " in text
    assert not re.search(r"\b(Path|list|int|str|float)\b", text)


def test_the_manual_has_every_setting_with_its_default_and_names() -> None:
    manual = (ROOT / "docs" / "running.md").read_text()
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `--([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", manual, re.M)}
    assert {name.replace("-", "_") for name in rows} == set(Settings.model_fields)
    assert "[live.md](live.md)" in rows.pop("live")[2]  # has a table of its own
    for name, (default, environment, meaning) in rows.items():
        setting = name.replace("-", "_")
        field = Settings.model_fields[setting]
        names = [f"MISO_{setting.upper()}", *(old for old, new in REFERENCE_NAMES.items() if new == setting)]
        assert environment == ", ".join(f"`{each}`" for each in names)
        assert meaning == field.description
        if setting not in ("workers", "data_dir"):  # these follow the machine
            assert default == _shown(field.default), name


def _shown(default: object) -> str:
    if default in (None, "", []):
        return "–"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{','.join(default) if isinstance(default, list) else default}`"
