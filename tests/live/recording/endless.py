"""Records a stream that does not end, in a process that will be killed.

``python -m tests.live.recording.endless FOLDER FORMAT`` says each second of the stream, as soon as it was published.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.live.media import encoder
from tests.live.mp4.mp4_file import packets_of_flv
from tests.live.recording.studio import Studio, groups


async def main(folder: Path, format: str) -> None:
    packets = packets_of_flv(encoder.encode("libx264", "aac", frames=50, options={"g": "50"}))
    studio = Studio(folder, format=format)
    studio.recorder.start(studio.path)
    started = asyncio.get_running_loop().time()
    said = 0
    for packet in groups(packets, 100):
        await asyncio.sleep(started + packet.dts_ms / 1000 - asyncio.get_running_loop().time())
        await studio.send([packet])
        if packet.dts_ms // 1000 > said:
            said = packet.dts_ms // 1000
            print(said, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
