"""How this server takes part in a cluster: where hosts keep what they share, and how they reach this one."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Sequence

from miso.cluster.directory.directory import Directory
from miso.cluster.directory.memory import MemoryDirectory
from miso.cluster.directory.node_id import new_node_id
from miso.cluster.shard.settings import DEFAULT_SHARD, PipeAddress, ShardSettings
from miso.demo.settings import Settings
from miso.demo.workers.addresses import LOOPBACK, MediaAddress

logger = logging.getLogger(__name__)

_FOREIGN = re.compile("[^A-Za-z0-9._-]+")


def node_name(settings: Settings, host_name: str) -> str:
    """What this server is called in its cluster: as the settings say, or as the machine is called."""
    return settings.node_name or _FOREIGN.sub("-", host_name).strip("-._")[:63] or "miso"


def make_directory(settings: Settings, name: str) -> Directory:
    """Where rooms are kept: in Redis, or in memory when there is no other server.

    Raises:
        ValueError: The name, or the address of Redis, is of no use.
    """
    node = new_node_id(name)
    if settings.redis is None:
        return MemoryDirectory(node)
    from miso.cluster.directory.redis.redis_directory import RedisDirectory
    from miso.cluster.directory.redis.url import parse_url

    return RedisDirectory(node, parse_url(settings.redis.get_secret_value()))


def address_key(settings: Settings) -> bytes:
    """With which addresses of clients are hashed before other hosts are told: the password of Redis, if it has one."""
    if settings.redis is None:
        return b""
    from miso.cluster.directory.redis.url import parse_url

    return (parse_url(settings.redis.get_secret_value()).password or "").encode()


def shard_settings(settings: Settings, addresses: Sequence[MediaAddress]) -> ShardSettings:
    """How parts of rooms are joined: within this machine, or also with those of other hosts."""
    if settings.redis is None:
        return DEFAULT_SHARD
    address = cluster_address(settings, addresses)
    return DEFAULT_SHARD._replace(far=PipeAddress(address.ip, address.announced_ip or ""))


def cluster_address(settings: Settings, addresses: Sequence[MediaAddress]) -> MediaAddress:
    """Where this host listens for the others, and where they reach it.

    As the settings say; else it listens on the first address that media listens on.
    """
    found = settings.cluster_address or next((one.ip for one in addresses if _is_of_one_machine(one.ip)), LOOPBACK)
    return MediaAddress(found, settings.cluster_announced_address)


def _is_of_one_machine(ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    return not address.is_loopback and not address.is_unspecified
