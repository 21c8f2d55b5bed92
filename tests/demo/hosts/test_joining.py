"""Where a server listens for the others of its cluster, and what it tells them."""

from __future__ import annotations

import pytest

from miso.demo.hosts.joining import cluster_address, shard_settings
from miso.demo.settings import Settings
from miso.demo.workers.addresses import MediaAddress

MEDIA = [MediaAddress("0.0.0.0"), MediaAddress("127.0.0.1"), MediaAddress("10.0.0.5", "203.0.113.7")]


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ({}, MediaAddress("10.0.0.5")),
        ({"cluster_address": "10.1.0.1"}, MediaAddress("10.1.0.1")),
        ({"cluster_announced_address": "192.168.0.1"}, MediaAddress("10.0.0.5", "192.168.0.1")),
        (
            {"cluster_address": "0.0.0.0", "cluster_announced_address": "192.168.0.1"},
            MediaAddress("0.0.0.0", "192.168.0.1"),
        ),
    ],
)
def test_pipes_listen_on_one_address_and_are_announced_under_another(given: dict[str, str], here: MediaAddress) -> None:
    settings = Settings.model_validate({"redis": "redis://localhost", **given})
    assert cluster_address(settings, MEDIA) == here
    pipes = shard_settings(settings, MEDIA)
    assert pipes.far == (here.ip, here.announced_ip or "")
    assert pipes.near == ("127.0.0.1", "")


def test_who_is_alone_has_pipes_on_loopback_only() -> None:
    assert shard_settings(Settings(cluster_address="10.1.0.1"), MEDIA).far == ("127.0.0.1", "")
