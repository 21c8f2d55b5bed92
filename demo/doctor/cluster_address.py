"""Where the other hosts of the cluster reach this one."""

from __future__ import annotations

import ipaddress

from miso.demo.doctor.finding import Finding, failed, ok, warning
from miso.demo.doctor.host import check_udp
from miso.demo.workers.addresses import MediaAddress


async def check_cluster_address(here: MediaAddress, *, given: bool) -> Finding:
    """Whether it is of use.

    Args:
        here: The address, and the one that other hosts are told.
        given: Whether an operator has said it; else it was found.
    """
    what = f"cluster address {here.ip}"
    problem = await check_udp(here.ip, "--cluster-address")
    if problem:
        return failed(what, problem)
    if here.announced_ip is not None:
        what += f", announced as {here.announced_ip}"
    address = ipaddress.ip_address(here.shown)
    if address.is_loopback:
        return warning(what, "only Misos on this machine reach it: --cluster-address names another one")
    if not given and not address.is_private:
        return warning(what, "UDP works, but it is a public one: --cluster-address names one in a private network")
    return ok(what, "UDP works; what is sent to other hosts is encrypted")
