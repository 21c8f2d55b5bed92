"""What all bodies have in common: the wire's names and the ranges of its numbers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

UInt8 = Annotated[int, msgspec.Meta(ge=0, le=255)]
UInt16 = Annotated[int, msgspec.Meta(ge=0, le=65535)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=4294967295)]
Size = Annotated[int, msgspec.Meta(ge=0)]
"""A number of bytes."""
PayloadType = Annotated[int, msgspec.Meta(ge=0, le=127)]
"""RTP payload type, 7 bits (RFC 3550 section 5.1)."""
ClockRate = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
"""Of RTP timestamps, in Hz; what is computed with it has 64 bits."""
ExtensionId = Annotated[int, msgspec.Meta(ge=1, le=255)]
"""RTP header extension id (RFC 8285); 0 is padding and cannot be used."""
ObjectId = Annotated[str, msgspec.Meta(min_length=1)]
"""What the controller calls an object by, usually a UUID."""

Kind = Literal["audio", "video"]
Protocol = Literal["udp", "tcp"]
RtpType = Literal["simple", "simulcast", "svc", "pipe"]
SctpState = Literal["new", "connecting", "connected", "failed", "closed"]
IceState = Literal["new", "connected", "completed", "disconnected", "closed"]
DtlsState = Literal["new", "connecting", "connected", "failed", "closed"]
DtlsRole = Literal["auto", "client", "server"]
DataType = Literal["sctp", "direct"]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """A JSON object of the channel. Unknown keys are ignored; fields that equal their default are not sent.

    No body holds itself, so the garbage collector does not look at them.
    """


MAX_TEXT_BYTES = 255
"""Of CNAME (RFC 3550 section 6.5), MID and RID (RFC 8285): in packets they have a length of one byte."""


def check_text(name: str, value: str) -> None:
    """Raises ``TypeError`` for a text that no packet can carry: more than 255 bytes, or no UTF-8."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise TypeError(f"{name} has a surrogate, which is no character") from None
    if size > MAX_TEXT_BYTES:
        raise TypeError(f"{name} has {size} bytes, expected at most {MAX_TEXT_BYTES}")
