"""The wheel, installed without a compiler beside an application that has modules with the names of our folders."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from miso.protoo import ClientPeer
from native.extensions import Extensions
from tests.demo.client import RoomClient

ROOT = Path(__file__).resolve().parent.parent
ROOMS = [link.name for link in (ROOT / "miso").iterdir() if link.is_symlink()]
LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "node_modules", "*.egg-info", "__pycache__", "tests", "docs")
PIP = (sys.executable, "-m", "pip", "-q")
WITHOUT_NETWORK = ("--no-deps", "--no-index")
NO_COMPILER = {"CC": "false", "CXX": "false", "LDSHARED": "false"}
OF_THIS_RUN = ("PYTHONPATH", "LD_PRELOAD", "MISO_SANITIZE")

APPLICATION = '''
"""A server with a room on a router, made of what the wheel has installed; it prints its port."""

import asyncio
import sys

import controller, demo, live, protoo, worker
import miso
from miso.protoo import WebSocketServer, Room

for module in (controller, demo, live, protoo, worker):
    assert module.MINE, module
assert miso.__file__.startswith(sys.prefix), miso.__file__


async def main():
    async with await miso.create_worker() as media:
        router = await media.create_router(media_codecs=[{"mimeType": "audio/opus", "clockRate": 48000, "channels": 2}])
        room = Room()

        async def on_client(request):
            peer = room.create_peer(request.query["peerId"], await request.accept(), None)
            peer.on("request", on_request)

        async def on_request(request):
            transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
            request.accept({"id": transport.id, "iceParameters": miso.to_json(transport.ice_parameters)})

        server = WebSocketServer(on_client)
        print(await server.listen("127.0.0.1", 0), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await server.close()


asyncio.run(main())
'''


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in OF_THIS_RUN} | NO_COMPILER


def run(*command: str | Path, cwd: Path) -> str:
    ended = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy of this tree, whose compiled modules are what its sources say."""
    place = tmp_path_factory.mktemp("wheel")
    copy = shutil.copytree(ROOT, place / "tree", symlinks=True, ignore=LEFT_BEHIND)
    run(
        sys.executable,
        *["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", ".."],
        ".",
        cwd=copy,
    )
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of an environment with the wheel in it; what it needs is this environment's."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    run(*PIP, "--python", python, "install", *WITHOUT_NETWORK, wheel, cwd=place)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder whose modules have our folders' names."""
    for name in ("worker", "controller"):
        (tmp_path / f"{name}.py").write_text("MINE = True\n")
    for name in ("demo", "live", "protoo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "application.py").write_text(textwrap.dedent(APPLICATION))
    return tmp_path


@asynccontextmanager
async def started(*command: str | Path, cwd: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process whose standard input ends, and which is ended, with the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment(), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(b""), 60)


async def line_with(process: asyncio.subprocess.Process, pattern: str) -> str:
    """What a line of its output has that looks so."""
    assert process.stdout is not None
    said = ""
    while not (found := re.search(pattern, said)):
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        assert line, said
        said += line
    return found[0]


def test_the_wheel_has_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"miso", "miso_sfu"}
    assert {name.split("/")[1] for name in names if name.startswith("miso/") and name.count("/") > 1} == set(ROOMS)
    compiled = [str(Extensions().built(name).relative_to(ROOT)) for name in Extensions().settings]
    assert {"miso/py.typed", *compiled} <= set(names)
    assert not [name for name in names if "node_modules" in name or name.endswith((".stamp", ".c"))]


def test_the_wheel_has_the_page_when_it_was_built(wheel: Path) -> None:
    page = ROOT / "demo/web/dist"
    built = {f"miso/demo/web/dist/{path.relative_to(page)}" for path in page.rglob("*") if path.is_file()}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("miso/demo/web/")} == built


async def test_an_application_with_modules_of_our_names_runs_a_room(installed: Path, application: Path) -> None:
    async with started(installed / "python", "application.py", cwd=application) as process:
        port = await line_with(process, r"\d+\n")
        peer = ClientPeer(f"ws://127.0.0.1:{int(port)}/?peerId=me")
        await peer.open()
        answer = await peer.request("connect")
        assert isinstance(answer, dict)
        assert answer["iceParameters"]["usernameFragment"]
        await peer.close()
        said, _ = await asyncio.wait_for(process.communicate(b""), 60)
    assert (process.returncode, said.decode()) == (0, "")


@pytest.fixture
async def room_server(installed: Path, application: Path) -> AsyncIterator[str]:
    ports = ("--http-port", "0", "--webrtc-server-port", "0", "--no-https", "--workers", "1")
    data = ("--media-ip", "127.0.0.1", "--data-dir", str(application / "data"))
    async with started(installed / "controller", *ports, *data, cwd=application) as process:
        yield (await line_with(process, r"http://\S+")).replace("localhost", "127.0.0.1")


async def test_the_room_server_runs_where_modules_of_our_names_are(room_server: str) -> None:
    client = await RoomClient.connect(room_server.replace("http", "ws"), "r", "a")
    await client.join()
    await client.close()
    async with httpx.AsyncClient(timeout=60) as http:
        assert (await http.get(room_server)).status_code == (200 if (ROOT / "demo/web/dist").is_dir() else 503)
