"""The files in docs/examples/cluster are what the programs that read them take, and name settings that there are."""

from __future__ import annotations

import configparser
import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from miso.demo.settings import Settings, command_line
from tests.docs.plain_yaml import NotPlainError, documents

CLUSTER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "cluster"
END_S = 20
"""So long a server may take for its end itself, when its people have gone."""
SECRET = "redis://redis.example.org"


def read(name: str) -> str:
    return (CLUSTER / name).read_text()


def settings(arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the controller makes of them; every name in the environment must be one that it knows."""
    for name, value in environment.items():
        assert name.removeprefix("MISO_").lower() in Settings.model_fields, f"{name} is no setting"
        monkeypatch.setenv(name, value)
    return command_line().load(arguments)


def compose() -> dict[str, Any]:
    [document] = documents(read("compose.yaml"))
    assert isinstance(document, dict)
    return document


def controllers() -> dict[str, Any]:
    return {name: one for name, one in compose()["services"].items() if one["image"] == "miso"}


def common_environment() -> dict[str, str]:
    lines = [line for line in read("controller.env").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def ports(entries: list[str], protocol: str) -> set[int]:
    """The published ones; they must have the same number inside and outside."""
    published: set[int] = set()
    for entry in entries:
        outside, inside = re.sub(r"/(udp|tcp)$", "", entry).split(":")
        assert outside == inside
        first, _, last = outside.partition("-")
        if entry.endswith(protocol):
            published.update(range(int(first), int(last or first) + 1))
    return published


@pytest.mark.parametrize("name", ["miso-a", "miso-b", "miso-c"])
def test_each_controller_of_the_compose_file_publishes_its_media_ports(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = controllers()[name]
    assert service["env_file"] == "controller.env"
    loaded = settings([], {**common_environment(), **service["environment"]}, monkeypatch)
    wanted = {loaded.webrtc_server_port + number for number in range(loaded.workers)}
    assert ports(service["ports"], "udp") == ports(service["ports"], "tcp") == wanted
    assert seconds(service["stop_grace_period"]) >= loaded.drain_timeout + END_S
    [network] = compose()["networks"]["inside"]["ipam"]["config"]
    assert loaded.trusted_proxies == [str(ipaddress.ip_network(network["subnet"]))]
    assert loaded.redis is not None
    assert loaded.redis.get_secret_value() == "redis://redis:6379"


def test_the_controllers_of_the_compose_file_are_told_apart() -> None:
    found = controllers().values()
    assert len(found) == 3
    assert len({one["environment"]["MISO_NODE_NAME"] for one in found}) == 3
    assert len({port for one in found for port in ports(one["ports"], "udp")}) == 6
    assert compose()["services"]["redis"]["command"][-2:] == ["--maxmemory-policy", "noeviction"]


def test_the_proxy_knows_all_controllers_and_keeps_web_sockets() -> None:
    text = read("nginx.conf")
    assert re.findall(r"server (\S+):4443 ", text) == list(controllers())
    for line in ("proxy_set_header Upgrade $http_upgrade;", "proxy_http_version 1.1;", "proxy_read_timeout 1h;"):
        assert line in text
    name = re.search(r"server_name (\S+);", text)
    assert name is not None
    assert common_environment()["MISO_ALLOWED_ORIGINS"] == f"https://{name[1]}"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_the_proxys_settings(tmp_path: Path) -> None:
    key, chain = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subject = ["-subj", "/CN=room.example.org", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, timeout=60)
    own = read("nginx.conf").replace("/etc/nginx/tls", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n" + re.sub(r"miso-[abc]:", "127.0.0.1:", own))
    ran = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_systemd_unit_gives_a_server_time_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(re.sub(r"^(LoadCredential)=(\w+):", r"\1.\2=", read("miso.service"), flags=re.MULTILINE))
    service = unit["Service"]
    _, *arguments = service["ExecStart"].replace("%d", "/run/credentials").split()
    assert arguments[:2] == ["--config", "/etc/miso.toml"]
    found = settings(["--config", str(CLUSTER / "miso.toml"), *arguments[2:]], {"MISO_REDIS": SECRET}, monkeypatch)
    assert seconds(service["TimeoutStopSec"]) >= found.drain_timeout + END_S
    assert service["KillMode"] == "mixed"
    assert found.public_url in found.allowed_origins
    assert found.cluster_address is not None
    assert ipaddress.ip_address(found.cluster_address).is_private


def test_the_daemon_set_opens_its_media_ports_and_has_time_to_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    workload, service = documents(read("kubernetes.yaml"))
    assert isinstance(workload, dict)
    pod: Any = workload["spec"]["template"]["spec"]  # type: ignore[index,call-overload]
    [container] = pod["containers"]
    given = {"NODE_NAME": "node-1.example", "NODE_IP": "10.0.0.11"}
    assert {one["name"] for one in container["env"]} == {"MISO_REDIS", *given}
    arguments = [re.sub(r"\$\((\w+)\)", lambda match: given[match[1]], one) for one in container["args"]]
    found = settings(arguments, {"MISO_REDIS": SECRET}, monkeypatch)
    assert (found.node_name, found.cluster_address) == ("node-1.example", "10.0.0.11")
    assert seconds(pod["terminationGracePeriodSeconds"]) >= found.drain_timeout + END_S
    assert all(one["containerPort"] == one["hostPort"] for one in container["ports"])
    media = {int(one["hostPort"]) for one in container["ports"] if one.get("protocol") == "UDP"}
    assert media == {found.webrtc_server_port + number for number in range(found.workers)}
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert isinstance(service, dict)
    assert service["spec"]["selector"] == workload["spec"]["selector"]["matchLabels"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    "text", ["a: [1]", "a: 'b'", "a:\n  - b\n c: d", "a: b\na: c", "just words", "a: b # why", "a: &x b", 'a: "b']
)
def test_yaml_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(NotPlainError):
        documents(text)
