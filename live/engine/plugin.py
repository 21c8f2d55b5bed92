"""What a plugin of the live side is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from miso.live.engine.services import Live
from miso.live.section import PluginSettings as PluginSettings


class Plugin(ABC):
    """One thing that the live side does: a protocol, recording, a relay.

    A plugin of one's own is a class like this, and an entry point of the group ``miso.live.plugins`` that leads to it.

    Attributes:
        name: Its section of the settings is ``[live.NAME]``. Lower-case letters, digits and ``_``, a letter first.
        Settings: What the section has.

    Args:
        live: What plugins share.
        settings: Its section, an instance of ``Settings``.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[PluginSettings]] = PluginSettings

    @abstractmethod
    def __init__(self, live: Live, settings: Any) -> None: ...

    @abstractmethod
    async def start(self) -> None:
        """Begins. What it raises is told and counted; the other plugins go on, and this one is stopped."""

    async def run(self) -> None:  # noqa: B027  # most plugins have nothing to do here
        """What it does from then on, if that is one thing that may fail. What it raises is told and counted, too.

        It is cancelled before the plugin is stopped. Returning early is no failure.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Ends and lets go of everything, also when it has not started, or not wholly. Called again it does nothing."""
