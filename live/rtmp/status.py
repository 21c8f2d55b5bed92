"""What servers say of connections and streams in ``onStatus``, ``_result`` and ``_error`` (RTMP 1.0, 7.2)."""

from __future__ import annotations

from enum import Enum

from miso.live.media.amf import Value


class Level(Enum):
    """Whether it is good news."""

    STATUS = "status"
    ERROR = "error"


class Code(Enum):
    """What has happened."""

    CONNECT_SUCCESS = "NetConnection.Connect.Success"
    CONNECT_REJECTED = "NetConnection.Connect.Rejected"
    RECONNECT_REQUEST = "NetConnection.Connect.ReconnectRequest"
    CALL_FAILED = "NetConnection.Call.Failed"
    PUBLISH_START = "NetStream.Publish.Start"
    PUBLISH_BAD_NAME = "NetStream.Publish.BadName"
    PUBLISH_DENIED = "NetStream.Publish.Denied"
    PUBLISH_UNAUTHORIZED = "NetStream.Publish.Unauthorized"
    PUBLISH_FAILED = "NetStream.Publish.Failed"
    UNPUBLISH_SUCCESS = "NetStream.Unpublish.Success"
    PLAY_RESET = "NetStream.Play.Reset"
    PLAY_START = "NetStream.Play.Start"
    PLAY_STOP = "NetStream.Play.Stop"
    PLAY_STREAM_NOT_FOUND = "NetStream.Play.StreamNotFound"
    PLAY_DENIED = "NetStream.Play.Denied"
    PLAY_UNAUTHORIZED = "NetStream.Play.Unauthorized"
    PLAY_FAILED = "NetStream.Play.Failed"
    UNPUBLISH_NOTIFY = "NetStream.Play.UnpublishNotify"
    PAUSE_NOTIFY = "NetStream.Pause.Notify"
    UNPAUSE_NOTIFY = "NetStream.Unpause.Notify"
    SEEK_NOTIFY = "NetStream.Seek.Notify"


def status(code: Code, description: str, level: Level = Level.STATUS) -> dict[str, Value]:
    """The object that says it.

    Args:
        code: What has happened.
        description: The same for people.
        level: Whether it is good news.
    """
    return {"level": level.value, "code": code.value, "description": description}
