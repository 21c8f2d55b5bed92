"""The stream that everybody plays: made once by ffmpeg, published again and again at its own pace."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from miso.live.media.flv import FlvReader, Tag, write_tag

BITRATE_KBPS = 1_880
AUDIO_KBPS = 128
SECONDS = 30
_FRAME_RATE = 25
_GOP_S = 2


class NoFfmpegError(RuntimeError):
    """ffmpeg is not there, or cannot make the file; the text has what it said."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of H264 and AAC, about 2 Mbit/s, a key frame every 2 s.

    Attributes:
        file: FLV.
    """

    file: Path

    @classmethod
    def make(cls, folder: Path) -> Source:
        """Has ffmpeg make it in that folder.

        Raises:
            NoFfmpegError: It could not.
        """
        file = folder / "source.flv"
        video = f"-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g {_GOP_S * _FRAME_RATE}"
        rate = f"-b:v {BITRATE_KBPS}k -minrate {BITRATE_KBPS}k -maxrate {BITRATE_KBPS}k -bufsize {BITRATE_KBPS}k"
        command = [
            *("ffmpeg", "-v", "error", "-nostdin", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate={_FRAME_RATE}:duration={SECONDS}"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
            *video.split(),
            *rate.split(),
            *("-x264-params", "nal-hrd=cbr"),
            *("-c:a", "aac", "-b:a", f"{AUDIO_KBPS}k", "-f", "flv", str(file)),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise NoFfmpegError("ffmpeg is not installed") from None
        except subprocess.CalledProcessError as error:
            raise NoFfmpegError(f"ffmpeg cannot make the stream: {error.stderr.strip()}") from None
        return cls(file)

    def tags(self) -> list[Tag]:
        """All of its tags."""
        return FlvReader().feed(self.file.read_bytes())

    def frames(self) -> tuple[list[bytes], list[int]]:
        """Its tags as they go to players, and when each is sent, in milliseconds."""
        tags = self.tags()
        return [write_tag(*tag) for tag in tags], [tag.timestamp_ms for tag in tags]

    def publish(self, url: str) -> subprocess.Popen[bytes]:
        """Publishes it until it is killed."""
        command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(self.file)]
        return subprocess.Popen([*command, "-c", "copy", "-f", "flv", url])
