"""An RTMP server in a process of its own, which says what it costs.

``python -m tests.live.rtmp_server.server_process [SETTINGS]`` prints its port, and a line of JSON for each line it is
sent. Its log goes to its standard error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

from miso.live.rtmp_server.settings import RtmpSettings
from tests.live.rtmp_server.serving import serve


def resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


async def main() -> None:
    settings = RtmpSettings.model_validate_json(sys.argv[1]) if len(sys.argv) > 1 else None
    async with serve(settings) as serving:
        print(serving.port, flush=True)
        context = serving.server.context
        while await asyncio.to_thread(sys.stdin.readline):
            said = {
                "resident_kb": resident_kb(),
                "connections": len(context.connections),
                "refused": context.refused,
                "unbegun": sum(context.unbegun.values()),
            }
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())
