"""``python -m bench.store``: what a room over several hosts takes in Redis, and what Redis has to do for it."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from collections.abc import Mapping
from typing import Any, Final

from miso.cluster.directory.directory import Entry
from miso.cluster.directory.node_id import new_node_id
from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.facts import (
    DataProducerFact,
    Message,
    NodeFact,
    ParticipantFact,
    PipedFact,
    PipeEndFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    WantFact,
    WorkerLoad,
)
from miso.cluster.shard_id import new_shard_id
from miso.controller import from_json
from miso.controller.types import RtpParameters, SctpStreamParameters, SrtpParameters
from tests.cluster.directory.redis.redis_server import RedisServer

EXPLANATION = """
A redis-server of its own is started. In each of the hosts, which are in this process, a room has one part; its people
are spread evenly over them, and each sends Opus, VP8 in three layers and two data channels (chat and bot), with what a
Chromium says of them. Everybody gets everything but the bot, so that all of it is piped to all other hosts: a room
takes no more than this with so many people. Said is how many keys it has and how many bytes Redis says that they take
(MEMORY USAGE), what goes over the network while everybody comes, and what goes on when nobody does anything.
"""
QUIET_S: Final = 10.0
SYNC_S: Final = 60.0
_URI: Final = "http://www.webrtc.org/experiments/rtp-hdrext/"
_IETF: Final = "urn:ietf:params:rtp-hdrext:"
_EXTENSIONS: Final = (
    f"{_IETF}sdes:mid",
    f"{_IETF}sdes:rtp-stream-id",
    f"{_IETF}sdes:repaired-rtp-stream-id",
    f"{_URI}abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:3gpp:video-orientation",
    f"{_IETF}toffset",
    f"{_URI}abs-capture-time",
    f"{_URI}playout-delay",
)
_FEEDBACK: Final = [
    {"type": "transport-cc", "parameter": ""},
    {"type": "ccm", "parameter": "fir"},
    {"type": "nack", "parameter": ""},
    {"type": "nack", "parameter": "pli"},
]
_VIDEO_CODECS: Final = [
    {"mimeType": "video/VP8", "payloadType": 101, "clockRate": 90000, "parameters": {}, "rtcpFeedback": _FEEDBACK},
    {"mimeType": "video/rtx", "payloadType": 102, "clockRate": 90000, "parameters": {"apt": 101}},
]
_AUDIO_CODECS: Final = [
    {
        "mimeType": "audio/opus",
        "payloadType": 100,
        "clockRate": 48000,
        "channels": 2,
        "parameters": {"minptime": 10, "useinbandfec": 1, "sprop-stereo": 1, "usedtx": 1},
        "rtcpFeedback": _FEEDBACK[:1],
    }
]
_SRTP: Final = SrtpParameters(crypto_suite="AES_CM_128_HMAC_SHA1_80", key_base64="A" * 40)
_SCTP: Final = SctpStreamParameters(stream_id=1, ordered=False, max_retransmits=1)
_NUMBER = itertools.count(1)


class Silent:
    """Counts what is told, and does nothing about it."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], None] = {}

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        if fact is None:
            self.known.pop((node, fact_key), None)
        else:
            self.known[node, fact_key] = None

    def said(self, node: str, message: Message) -> None:
        pass


class Host:
    """One host, with its part of the room."""

    def __init__(self, directory: RedisDirectory, room: str) -> None:
        self.shard = new_shard_id(directory.node)
        self.watcher = Silent()
        self.sources: list[ProducerFact | DataProducerFact] = []
        self._directory = directory
        self.entry: Entry = directory.enter(room, self.watcher)
        self.entry.put(ShardFact(shard=self.shard))

    def somebody_comes(self, number: int) -> None:
        """A participant, with all that it sends."""
        who = f"participant-{number}"
        self.entry.put(
            ParticipantFact(
                participant=who,
                shard=self.shard,
                stamp=1,
                secret_hash="0" * 64,
                info={
                    "displayName": f"Participant {number}",
                    "device": {"flag": "chrome", "name": "Chrome", "version": "131.0.0.0"},
                },
            )
        )
        audio = ProducerFact(
            producer=_id(),
            participant=who,
            shard=self.shard,
            kind="audio",
            type="simple",
            rtp=_rtp(_AUDIO_CODECS, 1, layers=False),
            score=[10],
        )
        video = ProducerFact(
            producer=_id(),
            participant=who,
            shard=self.shard,
            kind="video",
            type="simulcast",
            rtp=_rtp(_VIDEO_CODECS, 3, layers=True),
            score=[10, 10, 10],
            app_data={"source": "camera"},
        )
        chat, bot = (
            DataProducerFact(data_producer=_id(), participant=who, shard=self.shard, label=label, sctp=_SCTP)
            for label in ("chat", "bot")
        )
        for source in (audio, video, chat, bot):
            self.entry.put(source)
        self.sources += [audio, video, chat]

    def fetch(self, other: Host) -> None:
        """Everything of another host is piped to this one."""
        for data in (False, True):
            for one, two in ((self, other), (other, self)):
                one.entry.put(
                    PipeEndFact(
                        shard=one.shard,
                        other=two.shard,
                        data=data,
                        token=_id()[:16],
                        remote=_id()[:16],
                        ip="10.0.0.1",
                        port=40_000,
                        srtp=None if data else _SRTP,
                    )
                )
        for source in other.sources:
            self.entry.put(WantFact(shard=self.shard, other=other.shard, source=source.id))
            media = isinstance(source, ProducerFact)
            other.entry.put(
                PipedFact(
                    shard=other.shard,
                    other=self.shard,
                    source=source.id,
                    token=_id()[:16],
                    rtp=source.rtp if isinstance(source, ProducerFact) else None,
                    sctp=None if media else _SCTP,
                )
            )


def _id() -> str:
    return f"{next(_NUMBER):08x}-0000-4000-8000-000000000000"


def _rtp(codecs: list[dict[str, Any]], streams: int, *, layers: bool) -> RtpParameters:
    encodings = [
        {
            "ssrc": 1_000_000_000 + number,
            "rtx": {"ssrc": 2_000_000_000 + number},
            "maxBitrate": 5_000_000,
            "scalabilityMode": "L1T3",
            "dtx": False,
        }
        if layers
        else {"ssrc": 1_000_000_000, "dtx": False}
        for number in range(streams)
    ]
    extensions = [
        {"uri": uri, "id": number, "encrypt": False, "parameters": {}} for number, uri in enumerate(_EXTENSIONS, 1)
    ]
    rtcp = {"cname": "abcdefghijklmnop", "reducedSize": True, "mux": True}
    return from_json(
        RtpParameters, {"codecs": codecs, "headerExtensions": extensions, "encodings": encodings, "rtcp": rtcp}
    )


async def measure(participants: int, host_count: int, quiet_s: float = QUIET_S) -> dict[str, float]:
    """Makes one room in a Redis of its own.

    Args:
        participants: How many are in it.
        host_count: Over how many hosts they are spread.
        quiet_s: How long it is looked at what goes on when nobody does anything.
    """
    server = RedisServer()
    await server.start()
    directories = [RedisDirectory(new_node_id(f"host-{number}"), parse_url(server.url)) for number in range(host_count)]
    try:
        for directory in directories:
            directory.announce(
                NodeFact(
                    node=directory.node,
                    name=directory.node.rpartition("-")[0],
                    ip="10.0.0.1",
                    workers=[WorkerLoad(worker=number, cpu=0.5, packets_per_s=50_000, shards=1) for number in range(4)],
                )
            )
            await directory.start()
        await asyncio.sleep(2)
        idle = await _rates(server, quiet_s)
        keys_before = set(await server.keys())
        start = await _info(server, "stats")
        hosts = [Host(directory, "a room") for directory in directories]
        for host in hosts:
            await host.entry.synced()
        for number in range(participants):
            hosts[number % host_count].somebody_comes(number)
            await asyncio.sleep(0.02)
        for one, two in itertools.permutations(hosts, 2):
            one.fetch(two)
            await asyncio.sleep(0.1)  # all hosts are in this process: signs of life of the others would come too late
        await _settled(hosts)
        filled = await _info(server, "stats")
        keys = [key for key in await server.keys() if key not in keys_before]
        sizes = [int(str(await server.run("MEMORY", "USAGE", key, "SAMPLES", 0))) for key in keys]
        await asyncio.sleep(2)
        busy = await _rates(server, quiet_s)
        return {
            "facts": len(hosts[0].watcher.known),
            "keys": len(keys),
            "bytes": sum(sizes),
            "in_while_coming": filled["total_net_input_bytes"] - start["total_net_input_bytes"],
            "out_while_coming": filled["total_net_output_bytes"] - start["total_net_output_bytes"],
            "commands_idle": idle["total_commands_processed"] / host_count,
            "commands_quiet": busy["total_commands_processed"] / host_count,
            "cpu_quiet": busy["used_cpu"],
            "bytes_quiet": busy["total_net_input_bytes"] + busy["total_net_output_bytes"],
        }
    finally:
        for directory in directories:
            await directory.close()
        await server.close()


async def _settled(hosts: list[Host]) -> None:
    """Waits until everybody knows the same."""
    async with asyncio.timeout(SYNC_S):
        known = -1
        while len({frozenset(host.watcher.known) for host in hosts}) > 1 or known != len(hosts[0].watcher.known):
            known = len(hosts[0].watcher.known)
            await asyncio.sleep(1)


async def _info(server: RedisServer, section: str) -> Mapping[str, float]:
    answer = await server.run("INFO", section)
    assert isinstance(answer, dict)
    return {name: float(value) for name, value in answer.items() if isinstance(value, int | float)}


async def _rates(server: RedisServer, quiet_s: float) -> dict[str, float]:
    """What Redis does each second."""
    before = {**await _info(server, "stats"), **await _info(server, "cpu")}
    await asyncio.sleep(quiet_s)
    after = {**await _info(server, "stats"), **await _info(server, "cpu")}
    rates = {name: (after[name] - before[name]) / quiet_s for name in after if name in before}
    rates["used_cpu"] = rates["used_cpu_user"] + rates["used_cpu_sys"]
    return rates


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__, epilog=EXPLANATION)
    parser.add_argument("--participants", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--hosts", type=int, nargs="+", default=[3])
    options = parser.parse_args()
    print(
        "| hosts | participants | facts | keys | memory | to and from Redis while all come | each second afterwards |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    for hosts, participants in itertools.product(options.hosts, options.participants):
        figures = asyncio.run(measure(participants, hosts))
        print(
            f"| {hosts} | {participants} | {figures['facts']:,.0f} | {figures['keys']:.0f} "
            f"| {figures['bytes'] / 1e3:,.0f} kB "
            f"| {figures['in_while_coming'] / 1e6:.1f} MB, {figures['out_while_coming'] / 1e6:.1f} MB "
            f"| {figures['commands_quiet']:.1f} commands of a host ({figures['commands_idle']:.1f} without a room), "
            f"{figures['bytes_quiet'] / 1e3:.1f} kB, {1e3 * figures['cpu_quiet']:.1f} ms of CPU |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
