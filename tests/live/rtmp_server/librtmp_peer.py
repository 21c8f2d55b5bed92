"""librtmp as a peer that publishes, as OBS does. A process of its own, as it blocks.

``python -m tests.live.rtmp_server.librtmp_peer URL USER PASSWORD FILE`` sends an FLV file, prints ``ok``, and stays.
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

LIBRARY = "librtmp.so.1"
DEBUG = 4


def publish(url: str, user: str, password: str, flv: bytes) -> None:
    rtmp = ctypes.CDLL(LIBRARY)
    # Built with nettle, it prints Base64 that it has not terminated, from memory that it has not set; while it logs
    # everything, what it has logged before has left zeros there. (OBS has its own copy, with another Base64.)
    rtmp.RTMP_LogSetLevel(DEBUG)
    rtmp.RTMP_Alloc.restype = ctypes.c_void_p
    session = ctypes.c_void_p(rtmp.RTMP_Alloc())
    rtmp.RTMP_Init(session)
    setup = ctypes.create_string_buffer(
        f"{url} pubUser={user} pubPasswd={password}".encode()
    )  # it keeps pointers to it
    if not rtmp.RTMP_SetupURL(session, setup):
        raise SystemExit("librtmp does not know the URL")
    rtmp.RTMP_EnableWrite(session)
    if not rtmp.RTMP_Connect(session, None) or not rtmp.RTMP_ConnectStream(session, 0):
        raise SystemExit("librtmp was refused")
    if rtmp.RTMP_Write(session, flv, len(flv)) <= 0:
        raise SystemExit("librtmp cannot send")
    print("ok", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    publish(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]).read_bytes())
