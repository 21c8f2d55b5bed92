"""The server itself as the JSON API shows it: whether it answers, what it is, how it is set."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Final

from miso.live.access.tokens import Action
from miso.live.engine.services import Live
from miso.live.statistics.forms import Form

_DISTRIBUTION: Final = "miso-sfu"


def health_form(now_s: float) -> Form:
    """It answers.

    Args:
        now_s: Unix time.
    """
    return {"status": "ok", "timestamp": iso_time(now_s), "version": _version()}


def info_form(live: Live, uptime_s: float) -> Form:
    """What the server is, under Node-Media-Server's names.

    Args:
        live: How it is set, and where it listens.
        uptime_s: For how long it has run.
    """
    needs = live.gate.needs_token
    recording = getattr(live.settings, "recording", None)
    return {
        "server": {"name": _DISTRIBUTION, "version": _version()},
        "config": {
            "bind": live.settings.web.host or "0.0.0.0",
            **{f"{listener}_port": live.ports.get(listener) for listener in ("rtmp", "rtmps", "http", "https")},
            "static_enabled": False,
            "record_enabled": recording is not None and recording.enabled,
            "auth_enabled": any(needs.values()) or live.gate.webhook is not None,
            "publish_needs_token": needs[Action.PUBLISH],
            "play_needs_token": needs[Action.PLAY],
        },
        "uptime": uptime_s,
        "python_version": platform.python_version(),
    }


def iso_time(unix_s: float) -> str:
    """Unix time as ISO 8601 has it, in UTC and milliseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a folder that was not installed
