"""What a page is given to write down times: of every remote frame that it shows, and of the steps of its joining.

Times are milliseconds since 1970 by the machine's clock, so that they can be held against those of other processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tests.browser.people import Person

MARK_FRAMES = """
window.frameTimes = {};
document.addEventListener("playing", ({ target: video }) => {
  if (!(video instanceof HTMLVideoElement) || video.watched) return;
  video.watched = true;
  const shown = () => {
    const track = video.srcObject?.getVideoTracks()[0];
    const stream = miso.state.streams.find((stream) => stream.track === track);
    if (stream) ((frameTimes[stream.peerId] ??= {})[stream.id] ??= []).push(performance.timeOrigin + performance.now());
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}, true);
"""
"""Fills ``frameTimes``: by peer, and by stream, when each frame was shown."""

MARK_JOINING = """
window.joining = {};
const mark = (name) => { joining[name] ??= performance.timeOrigin + performance.now(); };
window.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    mark("connect");
    this.addEventListener("message", ({ data }) => {
      const { ok, method, data: body } = JSON.parse(data);
      if (ok && body?.peers) mark("joined");
      if (method === "newConsumer" && body.kind === "video") mark("offered");
    });
  }
};
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    let receives = false;
    const look = () => { if (receives && this.connectionState === "connected") mark("connected"); };
    this.addEventListener("track", () => { receives = true; look(); });
    this.addEventListener("connectionstatechange", look);
  }
};
"""
"""Fills ``joining`` with the times of: the WebSocket, the answer to ``join``, the offer of the first video, the end of
ICE and DTLS of what it comes over."""


@dataclass(frozen=True)
class Joining:
    """How long the steps from opening the WebSocket to the first frame of somebody else took, in milliseconds.

    Attributes:
        signaling: Until the answer to ``join``.
        offer: From then until the first video was offered.
        path: From then until ICE and DTLS were done.
        picture: From then until the first frame was shown: the key frame is asked for, and comes.
    """

    signaling: float
    offer: float
    path: float
    picture: float

    @property
    def total(self) -> float:
        return self.signaling + self.offer + self.path + self.picture

    def __str__(self) -> str:
        steps = (f"{step} {getattr(self, step):.0f} ms" for step in ("signaling", "offer", "path", "picture"))
        return ", ".join(steps)


async def joining_of(person: Person) -> Joining | None:
    """How long the page's joining took; None: no frame has been shown yet."""
    marks, frames = await person.page.evaluate("[joining, frameTimes]")
    shown = [times[0] for streams in frames.values() for times in streams.values()]
    if not shown or "connected" not in marks:
        return None
    times = [marks["connect"], marks["joined"], marks["offered"], marks["connected"], min(shown)]
    return Joining(*(later - earlier for earlier, later in pairwise(times)))


async def frame_times(person: Person, other: Person) -> dict[str, list[float]]:
    """When frames of somebody else were shown, in seconds since 1970, by the id of the stream."""
    peer_id = await other.peer_id()
    streams: dict[str, list[float]] = await person.page.evaluate("(id) => frameTimes[id] ?? {}", peer_id)
    return {stream: [time_ms / 1000 for time_ms in times] for stream, times in streams.items()}
