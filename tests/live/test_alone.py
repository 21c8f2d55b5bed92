"""``python -m miso.live``: settings, a plugin of somebody else's, and an orderly end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from miso.live.command import command_line
from miso.live.engine.known_plugins import KnownPlugins
from miso.live.event_webhook.settings import EventWebhookSettings
from miso.live.plugins import OWN_PLUGINS
from miso.live.sessions.events import EventKind

ROOT = Path(__file__).resolve().parents[2]
START_S = 60


def live(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "miso.live", *arguments],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def test_help_has_every_section() -> None:
    ended = live("--help")
    assert ended.returncode == 0
    for flag in ("--live.streams.grace", "--live.sessions.max-players", "--live.access.play-secret", "--log-level"):
        assert flag in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--live.streams.wait=-1"], {}, "--live.streams.wait: should be greater than or equal to 0"),
        ([], {"MISO_LIVE__STREAMS__WAIT": "x"}, "MISO_LIVE__STREAMS__WAIT: should be a valid number"),
        ([], {"MISO_LIVE__STREAMS__NOTHING": "x"}, "live.streams.nothing: there is no such setting"),
        (
            [],
            {"MISO_LIVE__EVENT_WEBHOOK__EVENTS": "play,no"},
            "MISO_LIVE__EVENT_WEBHOOK__EVENTS.1: should be 'publish'",
        ),
        ([], {"MISO_LIVE__RELAY__PULL": "x"}, "MISO_LIVE__RELAY__PULL.0: should be a valid dictionary"),
        (["--live.relay.pull", "[{"], {}, "live.relay.pull"),
        (["--live.rtmp={"], {}, "miso.live: "),
        (["--live.streams.takeover=maybe"], {}, "--live.streams.takeover: should be 'reject' or 'replace'"),
    ],
)
def test_a_wrong_setting_is_named_as_it_was_given(arguments: list[str], environment: dict[str, str], said: str) -> None:
    ended = live(*arguments, **environment)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("given", ["publish,stop", '["publish", "stop"]'])
def test_a_list_in_the_environment_is_written_as_in_a_flag_or_as_json(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISO_LIVE__EVENT_WEBHOOK__EVENTS", given)
    monkeypatch.setenv("MISO_LIVE__WEB__TRUSTED_PROXIES", "10.0.0.0/8,::1")
    live_side = command_line(KnownPlugins(OWN_PLUGINS, ())).load([]).live
    section = getattr(live_side, "event_webhook", None)
    assert isinstance(section, EventWebhookSettings)
    assert section.events == (EventKind.PUBLISH, EventKind.STOP)
    assert live_side.web.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_a_wrong_line_of_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "miso.toml"
    file.write_text("[live.sessions]\nmax_players = -5\n")
    ended = live("--config", str(file))
    assert ended.returncode == 2
    assert f"{file}: live.sessions.max_players: should be greater than or equal to 0" in ended.stderr


@pytest.fixture(scope="module")
def own_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the example's plugin is installed, beside our own packages."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    example = tmp_path_factory.mktemp("sources") / "stream_log"
    example.mkdir()
    for file in (ROOT / "docs" / "examples" / "stream_log").glob("*.*"):
        (example / file.name).write_bytes(file.read_bytes())
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", str(example)], check=True, timeout=300)
    return python


def test_a_plugin_of_ones_own_runs_once_it_is_installed(own_environment: Path, tmp_path: Path) -> None:
    log, settings = tmp_path / "streams.log", tmp_path / "miso.toml"
    settings.write_text(f'[live.stream_log]\nfile = "{log}"\n')
    only = _without_ours()
    process = subprocess.Popen(
        [own_environment, "-m", "miso.live", "--config", settings, *only],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "running: stream_log" in line:
            break
    assert "running: stream_log" in "".join(lines[-1:]), lines
    process.send_signal(signal.SIGTERM)
    assert process.wait(START_S) == 0
    process.stderr.close()
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["started", "stopped"]


def test_a_plugin_that_cannot_start_is_told_and_without_any_there_is_no_point(own_environment: Path) -> None:
    only = _without_ours()
    ended = subprocess.run(
        [own_environment, "-m", "miso.live", "--live.stream-log.file=/nowhere/at/all", *only],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "live plugin stream_log cannot start: [Errno 2]" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "cannot start: no plugin runs" in ended.stderr


def _without_ours() -> list[str]:
    from miso.live.plugins import OWN_PLUGINS

    return [f"--no-live.{one.name.replace('_', '-')}.enabled" for one in OWN_PLUGINS]
