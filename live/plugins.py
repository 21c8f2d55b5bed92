"""The plugins that come with the live side, in the order in which they start."""

from __future__ import annotations

from miso.live.engine.plugin import Plugin
from miso.live.event_webhook.plugin import EventWebhookPlugin
from miso.live.hls.plugin import HlsPlugin
from miso.live.recording.plugin import RecordingPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.web.plugin import WebPlugin

OWN_PLUGINS: tuple[type[Plugin], ...] = (EventWebhookPlugin, HlsPlugin, RecordingPlugin, RtmpServer, WebPlugin)
