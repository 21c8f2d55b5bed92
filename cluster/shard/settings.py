"""What a shard's pipes are made with."""

from __future__ import annotations

from typing import NamedTuple


class ShardSettings(NamedTuple):
    """How a shard is joined with others.

    Attributes:
        ip: Where the ends of its pipes listen: an address of this host that the hosts of the other shards reach.
        announced_ip: What the other hosts are told instead; "": the same.
        linger_s: So long a source stays wanted after its last lease was released, in seconds.
        fetch_timeout_s: So long ``fetch`` waits for a source, in seconds.
        first_retry_s: How long after a step has failed it is tried again, in seconds; twice that after the next time.
        longest_retry_s: How long at most.
        check_s: How often it is looked whether what comes over encrypted pipes can be decrypted, in seconds.
        max_message_size: Longer messages of data channels do not cross, in bytes.
        send_buffer_size: So much of data channels may wait in one pipe, in bytes; what does not fit is lost.
    """

    ip: str = "127.0.0.1"
    announced_ip: str = ""
    linger_s: float = 5.0
    fetch_timeout_s: float = 10.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 5.0
    check_s: float = 2.0
    max_message_size: int = 262_144
    send_buffer_size: int = 16_777_216


DEFAULT_SHARD = ShardSettings()
