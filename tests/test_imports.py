"""The table of rooms in docs/architecture.md, enforced: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("worker", "controller", "protoo", "serving", "commands", "cluster", "demo", "live", "bench", "native", "tests")

CONTROLLER_BASE = tuple(
    f"controller.{name}"
    for name in ("errors", "emitter", "json_form", "rtp_capabilities", "scalability_modes", "types")
)
OBJECT_BASE = (*CONTROLLER_BASE, "controller.entity", "controller.process", "worker.channel")

PROTOCOLS = ("worker.ice", "worker.dtls", "worker.rtp", "worker.rtcp", "worker.bwe", "worker.sctp")

BELOW_RTC = ("worker.errors", "worker.faults", "worker.srtp_suite", "worker.channel", "worker.dataplane", *PROTOCOLS)
RTC_BASE = (
    *BELOW_RTC,
    "worker.rtc.alarm",
    "worker.rtc.closing",
    "worker.rtc.log_rate_limit",
    "worker.rtc.context",
    "worker.rtc.deliver",
    "worker.rtc.extension_uris",
    "worker.rtc.rtp_parameters",
    "worker.rtc.token_bucket",
    "worker.rtc.trace",
)
RTC_MEMBERS = (
    "worker.rtc.router_tables",
    "worker.rtc.streams",
    "worker.rtc.producer",
    "worker.rtc.consumer",
    "worker.rtc.data",
)

# Room (longest prefix wins) → what of ours it may import. Every room may import itself.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "worker.errors": (),
    "worker.srtp_suite": (),
    "worker.faults": (),
    "worker.clocks": (),
    "worker.hmac_sha1": (),
    "worker.ticked": (),
    "worker.channel": ("worker.errors",),
    "worker.ice": ("worker.errors", "worker.hmac_sha1"),
    "worker.dtls": ("worker.errors", "worker.srtp_suite"),
    "worker.rtp": ("worker.errors",),
    "worker.rtcp": ("worker.errors", "worker.rtp"),
    "worker.bwe": ("worker.errors", "worker.rtp", "worker.rtcp"),
    "worker.sctp": ("worker.errors",),
    "worker.srtp": ("worker.errors", "worker.srtp_suite", "worker.rtp"),
    "worker.dataplane": (
        "worker.errors",
        "worker.srtp_suite",
        "worker.clocks",
        "worker.hmac_sha1",
        "worker.ticked",
        "worker.srtp",
        "worker.rtp",
        "worker.rtcp",
        "worker.bwe",
    ),
    "worker.rtc": ("worker.rtc", *BELOW_RTC),
    "worker.rtc.streams": RTC_BASE,
    "worker.rtc.producer": (*RTC_BASE, "worker.rtc.streams"),
    "worker.rtc.consumer": (*RTC_BASE, "worker.rtc.streams", "worker.rtc.producer"),
    "worker.rtc.data": RTC_BASE,
    "worker.rtc.observers": (*RTC_BASE, "worker.rtc.router_tables", "worker.rtc.producer"),
    "worker.rtc.transport": (*RTC_BASE, *RTC_MEMBERS),
    "worker.rtc.web_rtc": (*RTC_BASE, "worker.rtc.router_tables", "worker.rtc.transport"),
    "worker.net": ("worker.errors", "worker.faults", "worker.clocks", "worker.ticked", "worker.channel"),
    "worker": ("worker",),
    "controller": ("worker.errors", "worker.channel"),
    "controller.ortc": (*CONTROLLER_BASE, "worker.channel"),
    "controller.process": (*CONTROLLER_BASE, "worker.errors", "worker.channel"),
    "controller.media": OBJECT_BASE,
    "controller.data": OBJECT_BASE,
    "controller.observers": (*OBJECT_BASE, "controller.router_view", "controller.media"),
    "controller.transports": (
        *OBJECT_BASE,
        "controller.router_view",
        "controller.media",
        "controller.data",
        "controller.ortc",
    ),
    "protoo": (),
    "serving": ("protoo",),
    "commands": (),
    "cluster.errors": (),
    "cluster.shard_id": (),
    "cluster.facts": ("cluster.errors", "cluster.shard_id", "controller.types"),
    "cluster.room_facts": ("cluster.errors", "cluster.facts", "cluster.shard_id"),
    "cluster.pipe_plan": ("cluster.facts", "cluster.room_facts"),
    "cluster.directory": ("cluster.errors", "cluster.facts", "cluster.shard_id", "protoo.log_rate_limit"),
    "cluster.placement": ("cluster.errors", "cluster.facts"),
    "cluster.speakers": ("cluster.facts",),
    "cluster.shard": (
        "cluster.errors",
        "cluster.facts",
        "cluster.room_facts",
        "cluster.pipe_plan",
        "controller",
        "protoo.log_rate_limit",
    ),
    "cluster": ("cluster", "controller"),
    "live.errors": (),
    "live.clock": (),
    "live.media": ("live.errors",),
    "live.streams": ("live.errors", "live.clock", "live.section", "live.media", "protoo.log_rate_limit"),
    "live.section": (),
    "live.sessions": ("live.errors", "live.section", "serving.client_address", "protoo.log_rate_limit"),
    "live.webhooks": ("live.errors",),
    "live.access": (
        "live.errors",
        "live.section",
        "live.sessions.places",
        "live.rtmp.adobe_login",
        "live.streams.registry",
        "live.webhooks",
        "protoo.log_rate_limit",
    ),
    "live.rtmp": ("live.errors", "live.media"),
    "live.rtmp_ingest": ("live.errors", "live.media", "live.rtmp", "live.streams", "protoo.log_rate_limit"),
    "live.rtmp_server": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions",
        "live.access",
        "live.engine",
        "live.broadcast",
        "live.rtmp",
        "live.rtmp_ingest",
        "protoo",
        "serving",
    ),
    "live.relay": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions",
        "live.engine",
        "live.broadcast.opening",
        "live.rtmp",
        "live.rtmp_ingest",
        "live.operators.answers",
        "protoo.log_rate_limit",
    ),
    "live.mp4": ("live.errors", "live.media"),
    "live.hls": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.access",
        "live.sessions",
        "live.engine",
        "live.mp4",
        "protoo.log_rate_limit",
        "live.web.credentials",
        "live.web.waiting",
    ),
    "live.recording": (
        "live.errors",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions",
        "live.engine",
        "live.mp4",
        "live.operators.answers",
    ),
    "live.fanout": ("live.errors", "live.media", "live.streams"),
    "live.broadcast": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions.session",
        "live.fanout",
    ),
    "live.flv_server": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions.session",
        "live.access",
        "live.broadcast",
        "live.engine",
        "serving",
        "live.web.waiting",
        "live.web.credentials",
    ),
    "live.web.settings": ("live.section",),
    "live.web.waiting": ("live.errors",),
    "live.web.credentials": ("live.errors",),
    "live.web.web": ("serving",),
    "live.web": (
        "live.errors",
        "live.section",
        "live.engine",
        "live.sessions",
        "protoo",
        "serving",
    ),
    "live.engine": (
        "live.errors",
        "live.clock",
        "live.section",
        "live.media",
        "live.streams",
        "live.sessions",
        "live.access",
        "serving.certificate",
        "live.broadcast",
        "serving.certificate",
        "live.web.settings",
        "live.web.web",
        "live.operators",
    ),
    "live.operators": ("live.errors", "live.section", "serving.client_address"),
    "live.statistics": (
        "live.operators",
        "live.access.tokens",
        "live.errors",
        "live.section",
        "live.media.codec",
        "live.streams",
        "live.sessions",
        "live.engine",
        "serving",
    ),
    "live.event_webhook": (
        "live.clock",
        "live.section",
        "live.sessions",
        "live.engine",
        "live.webhooks",
        "protoo.log_rate_limit",
        "live.streams",
        "live.sessions",
        "live.access",
        "serving.certificate",
    ),
    "live.bridge": ("live", "controller"),
    "live.bridge.rtp": ("live.errors", "live.media"),
    "live.bridge.transcoding": ("live.errors", "live.media"),
    "live": ("live", "serving", "commands", "protoo.log_rate_limit"),
    "demo.json": (),
    "demo.http.page_pattern": (),
    "demo.http.origins": ("demo.http.page_pattern",),
    "demo.settings": (
        "demo.http.origins",
        "demo.http.page_pattern",
        "cluster.directory.node_id",
        "cluster.directory.redis.url",
        "cluster.placement",
        "commands",
        "live.engine",
    ),
    "demo.hosts": ("demo.settings", "demo.workers", "demo.limits", "cluster"),
    "demo.metrics": ("protoo", "controller.types"),
    "demo.limits": ("demo.settings", "demo.metrics", "protoo"),
    "demo.workers": ("demo.json", "demo.settings", "cluster.facts", "cluster.placement", "controller", "serving"),
    "demo.rooms": (
        "cluster",
        "demo.hosts",
        "demo.json",
        "demo.settings",
        "demo.metrics",
        "demo.limits",
        "demo.workers",
        "live.bridge",
        "live.errors",
        "controller",
        "protoo",
        "serving",
    ),
    "demo.broadcasters": (
        "cluster",
        "demo.json",
        "demo.settings",
        "demo.metrics",
        "demo.limits",
        "demo.rooms",
        "live.bridge",
        "live.errors",
        "controller",
        "protoo",
        "serving",
    ),
    "demo.operators": (
        "demo.hosts.nodes",
        "cluster",
        "demo.json",
        "demo.rooms",
        "demo.workers",
        "live.operators",
        "controller",
    ),
    "demo.doctor": (
        "cluster",
        "commands",
        "demo.hosts",
        "demo.http.page",
        "demo.settings",
        "demo.workers",
        "live",
        "serving",
    ),
    "demo.http": (
        "demo.settings",
        "demo.metrics",
        "demo.rooms",
        "demo.workers",
        "controller",
        "live.web.web",
        "protoo",
        "serving",
    ),
    "demo": ("demo", "cluster", "controller", "protoo", "serving", "commands", "live"),
    "bench": ("worker", "controller", "native", "tests.harness"),
    "bench.directory": ("cluster.directory", "cluster.facts", "tests.cluster.directory.redis.redis_server"),
    "bench.cluster": ("bench", "native", "cluster", "controller"),
    "bench.store": ("cluster", "controller", "tests.cluster.directory.redis.redis_server"),
    "bench.live": ("bench", "native", "live.errors", "live.media", "live.rtmp", "protoo"),
    "native": (),
    "tests": OURS,
}

# Sans-I/O: a protocol is handed bytes and the time.
WORLD = ("asyncio", "socket", "time", "logging", "threading", "selectors", "subprocess")
SANS_IO = (
    *PROTOCOLS,
    "worker.channel",
    "live.rtmp",
    "cluster.facts",
    "cluster.room_facts",
    "cluster.pipe_plan",
    "cluster.placement",
    "cluster.speakers",
)
ASYNCIO_ROOMS = ("worker.net", "worker.__main__", "worker.worker")


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Names below ``miso`` of what a source imports, ``TYPE_CHECKING`` blocks included (a type is a dependency too)."""
    if path.suffix != ".py":
        for line in path.read_text().splitlines():
            if found := re.match(r"\s*(?:from\s+(\S+)\s+)?c?import\s+([\w.(*]+)", line):
                yield (found[1] or found[2]).removeprefix("miso.")
        return
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.removeprefix("miso.") for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (node.module or "").removeprefix("miso.")
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            if base.split(".")[0] not in OURS:
                yield base
                continue
            for name in node.names:  # `from worker import errors` names a file, and not what the room's __init__ offers
                yield f"{base}.{name.name}" if _is_module(f"{base}.{name.name}") else base


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or any(path.with_suffix(suffix).exists() for suffix in (".py", ".pyx"))


def sources() -> list[Path]:
    return [
        path
        for top in OURS
        for path in sorted((ROOT / top).rglob("*"))
        if path.suffix in (".py", ".pyx", ".pxd", ".pyi") and "node_modules" not in path.parts
    ]


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if inside(module, room)), key=len)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_its_room_may(path: Path) -> None:
    module = module_name(path)
    room = room_of(module)
    for imported in imports_of(path):
        if imported.split(".")[0] in OURS and imported != "worker":
            allowed = (room, *MAY_IMPORT[room])
            assert any(inside(imported, name) for name in allowed), f"{module} may not import {imported}"
        if any(inside(module, name) for name in SANS_IO):
            assert imported.split(".")[0] not in WORLD, f"{module} is sans-I/O and imports {imported}"
        if room.startswith("worker") and not any(inside(module, name) for name in ASYNCIO_ROOMS):
            assert imported.split(".")[0] != "asyncio", f"{module} imports asyncio"
        assert not (room.startswith("worker") and imported.split(".")[0] in ("aiortc", "av")), f"{module}: {imported}"


def circles() -> set[frozenset[str]]:
    """The files of ours that import each other, directly or through others."""
    modules = {module_name(path) for path in sources()}
    imports: dict[str, set[str]] = {module: set() for module in modules}
    for path in sources():
        imports[module_name(path)] |= set(imports_of(path)) & modules - {module_name(path)}
    reached = {module: _reached(module, imports) for module in modules}
    return {
        frozenset({module, *(other for other in reached[module] if module in reached[other])})
        for module in modules
        if module in reached[module]
    }


def _reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = imports[ahead.pop()] - found
        found |= new
        ahead.extend(new)
    return found


def test_no_files_import_each_other_in_a_circle() -> None:
    """The lower file gets what it needs, or a Protocol of it, instead of the upper one (``TYPE_CHECKING`` counts)."""
    assert circles() == set()


def loaded_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.removeprefix("miso.") for name in result.stdout.split()}


def test_the_controller_loads_nothing_of_the_data_plane() -> None:
    loaded = {name for name in loaded_by("import miso.controller") if inside(name, "worker")}
    allowed = ("worker.channel", "worker.errors")
    assert {name for name in loaded if name != "worker" and not any(inside(name, room) for room in allowed)} == set()


@pytest.mark.parametrize("command", ["miso.live.command", "miso.demo.command"])
def test_the_commands_load_nothing_large_before_settings_ask_for_it(command: str) -> None:
    """Certificates, webhooks and sound that is transcoded cost 7, 8 and 40 MB."""
    assert loaded_by(f"import {command}") & {"cryptography", "aiohttp", "av", "aiortc"} == set()


def test_the_worker_loads_neither_aiortc_nor_the_controller() -> None:
    loaded = loaded_by("import miso.worker.__main__, miso.worker.worker")
    assert not {name for name in loaded if name.split(".")[0] in ("aiortc", "av", "controller", "protoo", "demo")}


def test_the_architectures_tables_have_no_row_twice() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    beginnings = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert [row for row in beginnings if beginnings.count(row) > 1] == []


def test_the_files_that_the_architecture_names_are_there() -> None:
    """The map that leads a newcomer from a symptom to a file."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    tops = "|".join(
        (
            "worker",
            "controller",
            "protoo",
            "serving",
            "commands",
            "cluster",
            "demo",
            "live",
            "bench",
            "native",
            "tests",
            "docs",
        )
    )
    named = set(re.findall(rf"`((?:{tops})/[\w./]*)`", text))
    assert len(named) > 40
    built = {"worker/cython_shared"}
    assert {name for name in named - built if not (ROOT / name).exists()} == set()
