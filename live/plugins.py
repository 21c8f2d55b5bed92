"""The plugins that come with the live side, in the order in which they start.

Ports are opened before what is served there comes, so that in the end it goes before them: nobody's answer is awaited.
"""

from __future__ import annotations

from miso.live.engine.plugin import Plugin
from miso.live.event_webhook.plugin import EventWebhookPlugin
from miso.live.flv_server.plugin import FlvServer
from miso.live.hls.plugin import HlsPlugin
from miso.live.recording.plugin import RecordingPlugin
from miso.live.relay.plugin import RelayPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.statistics.plugin import StatisticsPlugin
from miso.live.web.plugin import WebPlugin

OWN_PLUGINS: tuple[type[Plugin], ...] = (
    EventWebhookPlugin,
    WebPlugin,
    FlvServer,
    HlsPlugin,
    RecordingPlugin,
    RtmpServer,
    RelayPlugin,
    StatisticsPlugin,
)
