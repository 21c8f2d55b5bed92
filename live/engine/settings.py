"""All settings of the live side, in one model: ``[live]``."""

from __future__ import annotations

from pydantic import Field

from miso.live.access.settings import AccessSettings
from miso.live.broadcast.settings import PlayersSettings
from miso.live.operators.settings import OperatorsSettings
from miso.live.section import Section
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.settings import StreamsSettings
from miso.live.web.settings import WebSettings


class LiveSettings(Section):
    """The live side. Each plugin's section is added under the plugin's name."""

    streams: StreamsSettings = Field(StreamsSettings(), description="how streams behave")
    sessions: SessionsSettings = Field(SessionsSettings(), description="how many may publish and play")
    players: PlayersSettings = Field(PlayersSettings(), description="what players are sent, and how slow they may be")
    web: WebSettings = Field(WebSettings(), description="where HTTP is served")
    access: AccessSettings = Field(AccessSettings(), description="who may publish and play")
    operators: OperatorsSettings = Field(OperatorsSettings(), description="who may see and end what others do")
