"""What a worker process is started with: its program, arguments and environment."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Literal

import msgspec

WorkerLogLevel = Literal["debug", "warn", "error", "none"]
"""From which level on a worker logs."""

WorkerLogTag = Literal[
    "info", "ice", "dtls", "rtp", "srtp", "rtcp", "rtx", "bwe", "score", "simulcast", "svc", "sctp", "message"
]
"""What a worker logs of the levels debug and warn."""

# Workers refuse to start without it; what it says does not matter to them.
_VERSION = "3.10.0"


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process is started with.

    Attributes:
        log_level: From which level on it logs.
        log_tags: What it logs of the levels debug and warn.
        rtc_min_port: Lowest port of ICE, DTLS, RTP; 0 to 65535.
        rtc_max_port: Highest port of ICE, DTLS, RTP.
        dtls_certificate_file: A PEM file; the worker makes its own certificate without it.
        dtls_private_key_file: The PEM file of its key.
        libwebrtc_field_trials: Passed on to a C++ worker; ours does not know it.
        worker_bin: The program; by default the environment's ``MEDIASOUP_WORKER_BIN``, or else this distribution's.
    """

    log_level: WorkerLogLevel = "error"
    log_tags: tuple[WorkerLogTag, ...] = ()
    rtc_min_port: int = 10000
    rtc_max_port: int = 59999
    dtls_certificate_file: str | os.PathLike[str] | None = None
    dtls_private_key_file: str | os.PathLike[str] | None = None
    libwebrtc_field_trials: str | None = None
    worker_bin: str | os.PathLike[str] | None = None

    def command(self) -> list[str]:
        """The program and its arguments."""
        program = self.worker_bin or os.environ.get("MEDIASOUP_WORKER_BIN")
        # -P: a directory "miso" in the current directory is not ours.
        command = [os.fspath(program)] if program else [sys.executable, "-P", "-m", "miso.worker"]
        command.append(f"--logLevel={self.log_level}")
        command += [f"--logTag={tag}" for tag in self.log_tags]
        command += [f"--rtcMinPort={self.rtc_min_port}", f"--rtcMaxPort={self.rtc_max_port}"]
        options = {
            "dtlsCertificateFile": self.dtls_certificate_file,
            "dtlsPrivateKeyFile": self.dtls_private_key_file,
            "libwebrtcFieldTrials": self.libwebrtc_field_trials,
        }
        return command + [f"--{name}={os.fspath(value)}" for name, value in options.items() if value]

    def environment(self) -> dict[str, str]:
        """The worker's environment: ours, and what it needs to start."""
        environment = {"MEDIASOUP_VERSION": _VERSION, **os.environ}
        specification = importlib.util.find_spec("miso")
        if specification is not None and specification.origin is not None:
            place = str(Path(specification.origin).parent.parent)
            others = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = f"{place}{os.pathsep}{others}" if others else place
        return environment
