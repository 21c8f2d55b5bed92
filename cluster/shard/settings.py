"""What a shard's pipes are made with."""

from __future__ import annotations

from typing import Final, NamedTuple


class PipeAddress(NamedTuple):
    """Where ends of pipes are.

    Attributes:
        ip: Where they listen: an address of this host.
        announced_ip: What those at the other ends are told instead; "": the same.
    """

    ip: str
    announced_ip: str = ""


LOOPBACK: Final = PipeAddress("127.0.0.1")


class ShardSettings(NamedTuple):
    """How a shard is joined with others.

    Attributes:
        near: Where the ends of its pipes within this host are.
        far: Where the ends of its pipes to other hosts are, for those to reach.
        linger_s: So long a source stays wanted after its last lease was released, in seconds.
        fetch_timeout_s: So long ``fetch`` waits for a source, in seconds.
        first_retry_s: How long after a step has failed it is tried again, in seconds; twice that after the next time.
        longest_retry_s: How long at most.
        check_s: How often it is looked whether what comes over encrypted pipes can be decrypted, in seconds.
        max_message_size: Longer messages of data channels do not cross, in bytes.
        send_buffer_size: So much of data channels may wait in one pipe, in bytes; what does not fit is lost.
    """

    near: PipeAddress = LOOPBACK
    far: PipeAddress = LOOPBACK
    linger_s: float = 5.0
    fetch_timeout_s: float = 10.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 5.0
    check_s: float = 2.0
    max_message_size: int = 262_144
    send_buffer_size: int = 16_777_216


DEFAULT_SHARD = ShardSettings()
