"""What ``miso-worker --help`` prints."""

from __future__ import annotations

from miso.worker.settings import LOG_LEVELS, LOG_TAGS, Settings
from miso.worker.srtp.choice import CHOICES

_DEFAULTS = Settings()

HELP = f"""\
usage: MEDIASOUP_VERSION=3.12.16 miso-worker [--NAME=VALUE]… 3<requests 4>answers 5<payloads 6>payloads

A media worker: forwards audio, video and data as its controller commands. Controllers start it by themselves: the
`controller` command, `controller.create_worker` in Python, or a program of mediasoup's family (Node, Rust) that is
given its path, for Node by MEDIASOUP_WORKER_BIN.

arguments (names may be cut short while they are unique):
  --logLevel=LEVEL               {", ".join(LOG_LEVELS)} (default: {_DEFAULTS.log_level})
  --logTags=TAG                  what is logged of warn and debug; may be repeated:
                                 {", ".join(LOG_TAGS)}
  --rtcMinPort=PORT              lowest port for media without a given one (default: {_DEFAULTS.rtc_min_port})
  --rtcMaxPort=PORT              highest one (default: {_DEFAULTS.rtc_max_port})
  --dtlsCertificateFile=FILE     PEM certificate for DTLS; default: one is made
  --dtlsPrivateKeyFile=FILE      PEM key that belongs to it
  --libwebrtcFieldTrials=TEXT    understood for the family's sake; there is no libwebrtc here

environment:
  MEDIASOUP_VERSION              must be set, by which the worker knows that a controller starts it
  MISO_SRTP=CODE                 what may protect and open media at most: {", ".join(filter(None, CHOICES))}
                                 (default: all that the CPU has; libsrtp where that has no AES instructions)

descriptors, which must be open:
  3, 4                           requests in; answers, events and log lines out
  5, 6                           the same for messages with a payload
  They carry frames: a length of four bytes, little-endian, and that many bytes of JSON (dialect 3.10) or
  id:method:handlerId:JSON (3.12). The end of 3 or 5 ends the worker.

signals: SIGTERM, SIGINT: closes everything and ends. Exit codes: 0 closed, or its controller has gone; 1 a bug;
40 cannot start (a descriptor is not open); 41 no MEDIASOUP_VERSION; 42 wrong settings.

docs/controller.md tells how to drive it from Python, docs/architecture.md what is inside. A conversation over every
command: python -m tests.harness --worker-bin miso-worker
"""
