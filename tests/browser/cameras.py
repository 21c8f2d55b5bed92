"""What people's cameras give: pictures of a size, as many as a slow machine can encode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Camera:
    """What the fake camera gives; the page itself asks for 1280x720 and 30 frames a second."""

    width: int
    height: int
    fps: int
    max_bps: int | None = None
    """Of the largest version, instead of what the page gives it."""
    is_grainy: bool = False
    """Each picture is another grain, too fine for smaller versions: the largest takes all bits that it may have,
    however few pictures a slow machine makes."""

    @property
    def script(self) -> str:
        """Runs in the page before its own code, and narrows what the page asks of the camera.

        Whatever the machine has time for: Chromium may leave out frames then, but sends none that are smaller, as it
        would by itself.
        """
        size = f"width: {{ ideal: {self.width} }}, height: {{ ideal: {self.height} }}, frameRate: {{ max: {self.fps} }}"
        return f"""{{
            const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = ({{ video, ...rest }}) =>
                open(video ? {{ ...rest, video: {{ ...video, {size} }} }} : rest);
            const add = RTCPeerConnection.prototype.addTransceiver;
            RTCPeerConnection.prototype.addTransceiver = function (...options) {{
                const transceiver = add.apply(this, options);
                const parameters = transceiver.sender.getParameters();
                parameters.degradationPreference = "maintain-framerate-and-resolution";
                const largest = parameters.encodings.slice(1).at(-1);
                if (largest) largest.maxBitrate = {self.max_bps or "largest.maxBitrate"};
                if (parameters.encodings.length) transceiver.sender.setParameters(parameters);
                return transceiver;
            }};
        }}""" + (self._grain if self.is_grainy else "")

    @property
    def _grain(self) -> str:
        return f"""{{
            const size = {{ width: {self.width}, height: {self.height} }};
            const grains = Array.from({{ length: 8 }}, () => {{
                const grain = new OffscreenCanvas(size.width, size.height);
                const picture = grain.getContext("2d").createImageData(grain.width, grain.height);
                const pixels = new Uint32Array(picture.data.buffer);
                const [dark, bright] = [0xff787878, 0xff888888];
                for (let at = 0; at < pixels.length; at += at % size.width === size.width - 2 ? size.width + 2 : 2) {{
                    const [one, other] = Math.random() < 0.5 ? [dark, bright] : [bright, dark];
                    pixels[at] = pixels[at + size.width + 1] = one;
                    pixels[at + 1] = pixels[at + size.width] = other;
                }}
                grain.getContext("2d").putImageData(picture, 0, 0);
                return grain;
            }});
            const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => {{
                const stream = await open(wanted);
                for (const track of stream.getVideoTracks()) {{
                    track.stop();
                    stream.removeTrack(track);
                    const canvas = Object.assign(document.createElement("canvas"), size);
                    const context = canvas.getContext("2d", {{ alpha: false, willReadFrequently: true }});
                    let count = 0;
                    setInterval(() => {{
                        context.drawImage(grains[count++ % grains.length], 0, 0);
                    }}, 1000 / {self.fps});
                    stream.addTrack(canvas.captureStream().getVideoTracks()[0]);
                }}
                return stream;
            }};
        }}"""


SMALL = Camera(320, 180, 40)
"""For whatever is not about sizes: two cores encode and decode for several pages at once."""
MEDIUM = Camera(640, 360, 30)
"""Enough for two sizes of simulcast."""
FULL = Camera(960, 544, 15)
"""Enough for three, each of which has half the width of the next; of few frames: one core may have to do it all."""
GRAINY = Camera(960, 544, 15, max_bps=1_200_000, is_grainy=True)
"""Like it, for what is about bits."""
