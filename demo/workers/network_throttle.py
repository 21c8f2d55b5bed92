"""Makes the network of this server's media worse, for who tests clients and may: slower, and with loss.

Rules of iptables (ip6tables) do it, in chains of our own, for packets that leave or reach the workers' media ports.
They drop at random what is to be lost, and what comes faster than is allowed; they cannot delay. A set of rules comes
whole or not at all. What a server that was killed has left behind goes with the next change.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)

UNLIMITED_KBPS = 1_000_000
"""From here on a rate is no limit: what mediasoup-demo's page sends for "none"."""

_TIMEOUT_S = 10.0
_TOOLS = {4: "iptables", 6: "ip6tables"}
_PORTS_OF_MATCH = 15
"""Of iptables-extensions(8), multiport; a range counts twice."""

PortRange = tuple[int, int]


class ThrottleError(Exception):
    """The network cannot be throttled like that; the text says why."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How bad the network is to be.

    Attributes:
        uplink_kbps: What the server may send, kbit/s; None: anything.
        downlink_kbps: What reaches the server, kbit/s; None: anything.
        packet_loss: Percent of the packets that are lost each way, 0 to 100.
        rtt_ms: Delay that is added; more than 0 cannot be had.
    """

    uplink_kbps: float | None = None
    downlink_kbps: float | None = None
    packet_loss: float = 0.0
    rtt_ms: float = 0.0

    def check(self) -> None:
        """Raises ThrottleError for what cannot be."""
        for name, rate in (("uplink", self.uplink_kbps), ("downlink", self.downlink_kbps)):
            if rate is not None and not 1 <= rate < 2**40:
                raise ThrottleError(f"{name} is {rate:g} kbit/s, expected at least 1")
        if not 0 <= self.packet_loss <= 100:
            raise ThrottleError(f"packetLoss is {self.packet_loss:g} percent, expected 0 to 100")
        if self.rtt_ms:
            raise ThrottleError("rtt cannot be changed: this server throttles with iptables, which delays nothing")


class NetworkThrottle:
    """The throttle of one server. Who applies it last has it; it ends with its owner.

    Attributes:
        conditions: What is in force, None: nothing.
    """

    def __init__(self, secret: str | None, ips: Iterable[str], ports: Callable[[], Sequence[PortRange]]) -> None:
        """Makes a throttle that lets everything through.

        Args:
            secret: What opens it; None: nothing does.
            ips: The addresses that media listens on.
            ports: The media ports at the moment.
        """
        self.conditions: Conditions | None = None
        self._secret = secret
        self._tools = sorted({_TOOLS[ipaddress.ip_address(ip).version] for ip in ips})
        self._ports = ports
        self._owner: object = None
        self._chain = ""
        self._lock = asyncio.Lock()

    def opens(self, secret: str) -> bool:
        """Whether it is the secret; in a time that does not depend on how much of it is right."""
        return self._secret is not None and hmac.compare_digest(secret.encode(), self._secret.encode())

    async def apply(self, owner: object, conditions: Conditions) -> None:
        """Puts conditions in force, in the place of others.

        Args:
            owner: Whose they are, for :meth:`release`.
            conditions: The conditions.

        Raises:
            ThrottleError: They cannot be had; nothing is throttled then.
        """
        conditions.check()
        async with self._lock:
            await self._remove()
            ports = self._ports()
            if not ports:
                raise ThrottleError("no media worker is running")
            self._chain = f"MISO-{ports[0][0]}"
            await self._remove_rules()  # what a killed server left behind
            try:
                for tool in self._tools:
                    await _run(f"{tool}-restore", "--noflush", "--wait", stdin=self._rules(conditions, ports))
            except BaseException:
                await asyncio.shield(self._remove())
                raise
            self.conditions, self._owner = conditions, owner
            logger.warning("the network is throttled: %s ports=%s", conditions, ports)

    async def reset(self) -> None:
        """Ends it.

        Raises:
            ThrottleError: The rules cannot be removed.
        """
        async with self._lock:
            await self._remove()

    @property
    def in_force(self) -> bool:
        """Whether there are conditions."""
        return self.conditions is not None

    async def release(self, owner: object) -> None:
        """Ends it if it is still the owner's. What fails is logged."""
        if owner is self._owner:
            await self.release_all()

    async def release_all(self) -> None:
        """Ends it, whosever it is. What fails is logged."""
        try:
            await self.reset()
        except ThrottleError as error:
            logger.error("the network stays throttled: %s", error)

    async def _remove(self) -> None:
        if not self._chain:
            return
        await self._remove_rules()
        if self.conditions is not None:
            logger.warning("the network is not throttled any more")
        self.conditions, self._owner, self._chain = None, None, ""

    async def _remove_rules(self) -> None:
        for tool in self._tools:
            rules = await _run(tool, "--wait", "--list-rules")
            removal = list(_removal(rules.splitlines(), self._chain))
            if removal:
                await _run(f"{tool}-restore", "--noflush", "--wait", stdin=_table(removal))

    def _rules(self, conditions: Conditions, ports: Sequence[PortRange]) -> str:
        ways = (
            ("OUTPUT", "OUT", "sports", conditions.uplink_kbps),
            ("INPUT", "IN", "dports", conditions.downlink_kbps),
        )
        lines = []
        for chain, way, match, rate_kbps in ways:
            ours = f"{self._chain}-{way}"
            lines.append(f":{ours} - [0:0]")
            if conditions.packet_loss:
                probability = f"{conditions.packet_loss / 100:.6f}"
                lines.append(f"-A {ours} -m statistic --mode random --probability {probability} -j DROP")
            if rate_kbps is not None and rate_kbps < UNLIMITED_KBPS:
                bytes_per_s = int(rate_kbps * 125)  # iptables takes no smaller burst than a second's worth
                above = f"--hashlimit-above {bytes_per_s}b/s --hashlimit-burst {bytes_per_s}b"
                lines.append(f"-A {ours} -m hashlimit {above} --hashlimit-name {ours.lower()} -j DROP")
            lines += [
                f"-I {chain} -p {protocol} -m multiport --{match} {some} -j {ours}"
                for protocol in ("udp", "tcp")
                for some in _groups(ports)
            ]
        return _table(lines)


def _table(lines: Sequence[str]) -> str:
    """For iptables-restore(8), which takes all of it or nothing."""
    return "\n".join(["*filter", *lines, "COMMIT", ""])


def _removal(rules: Sequence[str], prefix: str) -> Iterator[str]:
    """What removes our chains and what leads there, of the rules that there are."""
    chains = [rule.split()[1] for rule in rules if rule.startswith(f"-N {prefix}-")]
    for rule in rules:
        if rule.startswith("-A ") and rule.split()[-1] in chains:
            yield rule.replace("-A ", "-D ", 1)
    for chain in chains:
        yield f"-F {chain}"
        yield f"-X {chain}"


def _groups(ports: Sequence[PortRange]) -> Iterator[str]:
    """The ports as multiport takes them, as many at a time as it takes."""
    per_match = _PORTS_OF_MATCH // 2
    for start in range(0, len(ports), per_match):
        some = ports[start : start + per_match]
        yield ",".join(f"{low}:{high}" if low < high else str(low) for low, high in some)


async def _run(*command: str, stdin: str = "") -> str:
    """Runs a command; gives what it prints. Raises ThrottleError with what it complains of."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which then removes the rules
        )
    except OSError as error:
        raise ThrottleError(f"the network cannot be throttled: {command[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            printed, complaint = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ThrottleError(f"{command[0]} does not end") from None
    if process.returncode != 0:
        said = " ".join(complaint.decode(errors="replace").split())[:300]
        raise ThrottleError(f"the network cannot be throttled: {command[0]} says: {said}")
    return printed.decode(errors="replace")
