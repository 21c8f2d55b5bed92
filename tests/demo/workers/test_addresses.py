"""Which addresses are announced to browsers."""

from __future__ import annotations

import ipaddress
import subprocess

from miso.demo.settings import Settings
from miso.demo.workers.addresses import LOOPBACK, MediaAddress, local_addresses, media_addresses, outward_address


def test_finds_the_addresses_that_the_kernel_lists() -> None:
    found = local_addresses()
    assert len(found) == len(set(found))
    for address in map(ipaddress.ip_address, found):
        assert not address.is_loopback
        assert not address.is_link_local
    shown = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=False).stdout
    if shown:  # iproute2 is not everywhere
        assert all(f" {address}/" in shown or f" {address} " in shown for address in found)


def test_announces_every_address_and_loopback_by_default() -> None:
    addresses = media_addresses(Settings())
    assert [address.shown for address in addresses] == [*local_addresses(), LOOPBACK]


def test_behind_a_nat_the_outward_address_is_announced_as_another() -> None:
    addresses = media_addresses(Settings(announced_address="203.0.113.7"))
    assert addresses == [MediaAddress(outward_address(), "203.0.113.7"), MediaAddress(LOOPBACK)]


def test_given_addresses_are_all_there_is() -> None:
    settings = Settings(media_ip=["10.0.0.1", "::1"], announced_address="203.0.113.7")
    assert media_addresses(settings) == [MediaAddress("10.0.0.1", "203.0.113.7"), MediaAddress("::1")]
