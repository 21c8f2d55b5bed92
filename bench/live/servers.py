"""The servers that are measured: ours, Node-Media-Server, and nginx with its RTMP module."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_START_S = 20.0
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_NGINX = """
load_module {module};
daemon off; master_process off; worker_processes 1; error_log stderr warn; pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
rtmp {{ server {{ listen 127.0.0.1:{rtmp}; chunk_size 60000; application live {{ live on; record off; }} }} }}
"""


class UnavailableError(RuntimeError):
    """A server is not installed, or does not start; the text says which and why."""


class Server:
    """A running server.

    Attributes:
        name: As the table has it.
        rtmp_url: Where to publish, and to play by RTMP.
        flv_url: Where to play by HTTP-FLV; None: it cannot.
        rooms_port: Where its rooms are, over plain HTTP; None: it has none.
    """

    def __init__(
        self, name: str, command: Sequence[str], rtmp: int, http: int | None, rooms_port: int | None = None
    ) -> None:
        self.name = name
        self.rtmp_url = f"rtmp://127.0.0.1:{rtmp}/live/bench"
        self.flv_url = None if http is None else f"http://127.0.0.1:{http}/live/bench.flv"
        self.rooms_port = rooms_port
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            for port in (rtmp, http, rooms_port):
                if port is not None:
                    self._wait_for(port)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def cpu_s(self) -> float:
        """CPU that it has used, in seconds; in steps of 10 ms."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mb(self) -> float:
        """The most memory that it has had (VmHWM), in MB."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError(f"{self.name} has ended")

    def close(self) -> None:
        """Ends it. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.communicate()

    def _wait_for(self, port: int) -> None:
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                said = self._process.communicate()[1].decode(errors="replace").strip()
                raise UnavailableError(f"{self.name} ended with exit code {self._process.returncode}: {said[-500:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise UnavailableError(f"{self.name} does not listen on port {port} after {_START_S:.0f} s")


def ours() -> Server:
    """``python -m miso.live``."""
    rtmp, http = _free_port(), _free_port()
    return Server("miso.live", [sys.executable, "-m", "miso.live", *_live(rtmp, http)], rtmp, http)


def ours_with_rooms() -> Server:
    """``controller``: the live side beside rooms, in one process."""
    rtmp, http, rooms = _free_port(), _free_port(), _free_port()
    command = [sys.executable, "-m", "miso.demo", "--workers", "1", "--no-https", "--http-port", str(rooms)]
    return Server("controller", [*command, *_live(rtmp, http)], rtmp, http, rooms)


def _live(rtmp: int, http: int) -> list[str]:
    """The live side's flags. The players say nothing, and on a busy machine they are there for longer than a minute."""
    return [f"--live.rtmp.port={rtmp}", f"--live.web.port={http}", "--live.rtmp.player-timeout=3600"]


def node_media_server(folder: Path, installed: Path) -> Server:
    """Node-Media-Server of npm.

    Args:
        folder: For its settings and data.
        installed: Where ``npm install node-media-server`` was run.

    Raises:
        UnavailableError: It is not there, or does not start.
    """
    program = installed / "node_modules" / "node-media-server" / "bin" / "app.js"
    if not program.exists():
        raise UnavailableError(f"there is no {program}: npm install node-media-server, and tell where with --nms")
    rtmp, http = _free_port(), _free_port()
    settings = {
        "bind": "127.0.0.1",
        "notify": {"url": ""},
        "store": {"path": str(folder / "nms"), "maxHistory": 100},
        "auth": {"play": False, "publish": False, "secret": ""},
        "rtmp": {"port": rtmp},
        "http": {"port": http},
        "record": {"auto": False, "path": str(folder / "nms")},
    }
    file = folder / "nms.json"
    file.write_text(json.dumps(settings))
    return Server("node-media", ["node", str(program), "-c", str(file), "--no-admin"], rtmp, http)


def nginx(folder: Path) -> Server:
    """Nginx with Debian's libnginx-mod-rtmp.

    Raises:
        UnavailableError: It is not installed, or does not start.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not _NGINX_MODULE.exists():
        raise UnavailableError("nginx or libnginx-mod-rtmp is not installed")
    rtmp = _free_port()
    file = folder / "nginx.conf"
    file.write_text(_NGINX.format(module=_NGINX_MODULE, folder=folder, rtmp=rtmp))
    return Server("nginx-rtmp", [program, "-p", str(folder), "-c", str(file)], rtmp, None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
