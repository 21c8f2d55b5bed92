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


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A JSON object of the channel. Unknown keys are ignored; fields that equal their default are not sent."""
