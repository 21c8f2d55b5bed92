"""A worker process that follows a script: it frames and answers like a worker, and does nothing else.

The environment's ``FAKE_WORKER_SCRIPT`` is a JSON object: method → list of steps, and ``"start"`` → steps at start.
Texts in the steps may contain ``$name``, which stands for an id of the request's ``internal``. A method that is not in
the script is accepted without data. The file ``FAKE_WORKER_LOG`` gets a line of JSON for each message received.
"""

from __future__ import annotations

import json
import os
import selectors
import string
import struct
import sys
import time
from typing import Any

SCRIPT: dict[str, list[dict[str, Any]]] = json.loads(os.environ.get("FAKE_WORKER_SCRIPT", "{}"))
LOG = os.environ.get("FAKE_WORKER_LOG")
CHANNEL_IN, CHANNEL_OUT, PAYLOAD_IN, PAYLOAD_OUT = 3, 4, 5, 6


def write(descriptor: int, body: bytes) -> None:
    data = struct.pack("<I", len(body)) + body
    while data:
        data = data[os.write(descriptor, data) :]


def say(descriptor: int, message: dict[str, Any]) -> None:
    write(descriptor, json.dumps(message).encode())


def read_exactly(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = os.read(descriptor, size - len(data))
        if not chunk:
            sys.exit(0)
        data += chunk
    return data


def read_frame(descriptor: int) -> bytes:
    (size,) = struct.unpack("<I", read_exactly(descriptor, 4))
    return read_exactly(descriptor, size)


def log(entry: dict[str, Any]) -> None:
    if LOG:
        with open(LOG, "a") as file:
            file.write(json.dumps(entry) + "\n")


def fill(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return string.Template(value).safe_substitute(ids)
    if isinstance(value, list):
        return [fill(entry, ids) for entry in value]
    if isinstance(value, dict):
        return {key: fill(entry, ids) for key, entry in value.items()}
    return value


def follow(steps: list[dict[str, Any]], request: dict[str, Any], answers: int) -> None:
    ids = request.get("internal") or {}
    for step in fill(steps, ids):
        ((action, value),) = step.items()
        match action:
            case "running":
                say(CHANNEL_OUT, {"targetId": os.getpid(), "event": "running"})
            case "reply":
                answer = {"id": request["id"], "accepted": True}
                say(answers, answer if value is None else answer | {"data": value})
            case "error":
                say(answers, {"id": request["id"], "error": value[0], "reason": value[1]})
            case "event":
                target_id, event, data = value
                say(CHANNEL_OUT, {"targetId": target_id, "event": event, "data": data})
            case "payload":
                target_id, event, data, text = value
                say(PAYLOAD_OUT, {"targetId": target_id, "event": event, "data": data})
                write(PAYLOAD_OUT, text.encode())
            case "raw":
                write(CHANNEL_OUT, value.encode())
            case "log":
                log(value)
            case "stdout":
                print(value, flush=True)
            case "stderr":
                print(value, file=sys.stderr, flush=True)
            case "exit":
                os._exit(value)
            case "signal":
                os.kill(os.getpid(), value)
                time.sleep(60)
            case "never answer":
                pass


def main() -> None:
    log(
        {
            "argv": sys.argv[1:],
            "version": os.environ.get("MEDIASOUP_VERSION"),
            "fds": sorted(map(int, os.listdir("/proc/self/fd"))),
        }
    )
    follow(SCRIPT.get("start", [{"running": True}]), {}, CHANNEL_OUT)
    selector = selectors.DefaultSelector()
    for descriptor in (CHANNEL_IN, PAYLOAD_IN):
        selector.register(descriptor, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            message = json.loads(read_frame(key.fd))
            payload = read_frame(key.fd).decode(errors="replace") if key.fd == PAYLOAD_IN else None
            log(message if payload is None else message | {"payload": payload})
            if "id" in message:
                steps = SCRIPT.get(message["method"], [{"reply": None}])
                follow(steps, message, CHANNEL_OUT if key.fd == CHANNEL_IN else PAYLOAD_OUT)


if __name__ == "__main__":
    main()
