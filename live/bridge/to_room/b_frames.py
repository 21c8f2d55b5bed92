"""What becomes of B frames, which browsers show in the wrong order: they take pictures to be shown as they come."""

from __future__ import annotations

from enum import Enum

from miso.live.bridge.rtp.h264_slice import Picture
from miso.live.errors import RefusedError

_ADVICE = "let the encoder make none (bframes=0, or tune=zerolatency)"


class BFrames(Enum):
    """What becomes of a stream with B frames.

    DROP: Those that no other frame needs are left out; a stream with others is refused.
    REFUSE: The stream is refused.
    """

    DROP = "drop"
    REFUSE = "refuse"

    def lets_through(self, picture: Picture) -> bool:
        """Whether a picture is sent.

        Raises:
            RefusedError: The stream cannot be.
        """
        if not picture.is_bidirectional:
            return True
        if self is BFrames.REFUSE:
            raise RefusedError(f"the stream has B frames, which rooms are set to refuse: {_ADVICE}")
        if picture.is_reference:
            raise RefusedError(f"the stream has B frames that other frames need, which browsers cannot show: {_ADVICE}")
        return False
