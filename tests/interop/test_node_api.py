"""mediasoup 3.12.16's own Node tests against our worker: whoever drives the reference worker drives ours unchanged.

The package is installed from npm without its scripts (they would look for a worker of its own) into
``tests/interop/node/node_modules`` once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.npm_packages import needs_npm

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(__file__).with_name("node")
DATA = NODE / "node_modules" / "mediasoup" / "node" / "lib" / "tests" / "data"

# Test file → how many tests it has at 3.12.16: a file of which fewer run has not passed whole.
WHOLE = {
    "test-Worker": 12,
    "test-Router": 5,
    "test-WebRtcServer": 9,
    "test-WebRtcTransport": 19,
    "test-PlainTransport": 11,
    "test-Producer": 15,
    "test-Consumer": 20,
    "test-DirectTransport": 8,
    "test-PipeTransport": 15,
    "test-DataProducer": 10,
    "test-DataConsumer": 10,
    "test-node-sctp": 1,
    "test-AudioLevelObserver": 6,
    "test-ActiveSpeakerObserver": 6,
    "test-multiopus": 3,
    "test-mediasoup": 2,
    "test-ortc": 5,
}

pytestmark = needs_npm


@pytest.fixture(scope="module")
def worker_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that becomes our worker: the reported pid must be the spawned process's, hence ``exec``."""
    path = tmp_path_factory.mktemp("bin") / "miso-worker"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m miso.worker "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def node_tests(reference_package: Path) -> Path:
    """The installed package, with the certificate that it leaves out."""
    if not (DATA / "dtls-cert.pem").exists():
        DATA.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=miso.test"),
                *("-keyout", "dtls-key.pem", "-out", "dtls-cert.pem"),
            ],
            cwd=DATA,
            check=True,
            capture_output=True,
        )
    return reference_package


@pytest.mark.parametrize("name", WHOLE)
def test_reference_test_file_passes_whole(name: str, node_tests: Path, worker_bin: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ran = subprocess.run(
        [
            *("npx", "--no-install", "jest", "--config", "jest.config.json", "--runInBand", "--forceExit"),
            *("--json", f"--outputFile={report}", f"tests/{name}.js"),
        ],
        cwd=node_tests,
        env={**os.environ, "MEDIASOUP_WORKER_BIN": str(worker_bin)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert report.exists(), ran.stdout + ran.stderr
    counts = json.loads(report.read_text())
    assert (counts["numPassedTests"], counts["numFailedTests"]) == (WHOLE[name], 0), ran.stderr
