"""Where the other hosts of the cluster reach this one."""

from __future__ import annotations

import ipaddress

from miso.demo.doctor.finding import Finding, failed, ok, warning
from miso.demo.doctor.host import check_udp


async def check_cluster_address(ip: str, *, given: bool) -> Finding:
    """Whether it is of use.

    Args:
        ip: The address.
        given: Whether an operator has said it; else it was found.
    """
    what = f"cluster address {ip}"
    problem = await check_udp(ip, "--cluster-address")
    if problem:
        return failed(what, problem)
    address = ipaddress.ip_address(ip)
    if address.is_unspecified:
        return failed(what, "other hosts cannot send there: --cluster-address names one address of this machine")
    if address.is_loopback:
        return warning(what, "only Misos on this machine reach it: --cluster-address names another one")
    if not given and not address.is_private:
        return warning(what, "UDP works, but it is a public one: --cluster-address names one in a private network")
    return ok(what, "UDP works; what is sent to other hosts is encrypted")
