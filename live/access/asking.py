"""What somebody asks for, and what it shows for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from miso.live.access.tokens import Action


@dataclass(frozen=True, slots=True)
class Asking:
    """What somebody wants, and what it shows for it.

    Attributes:
        action: What it wants to do.
        path: With which stream.
        protocol: By which protocol: ``rtmp``, ``http-flv`` and so on.
        address: From which IP address.
        query: The parameters of the stream's address; of one that is there twice, the last.
        user: Of the stream's address, empty: none.
        password: As the user.
        is_proved: That it is this user is proved: it has answered a challenge, and the password is not here.
    """

    action: Action
    path: str
    protocol: str
    address: str
    query: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = ""
    is_proved: bool = False
