"""The certificate of a first start: whom it names, and when it is made anew."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509

from demo import certificate
from demo.certificate import certificate_for, self_made
from demo.settings import Settings


def names_of(file: Path) -> set[str]:
    names = x509.load_pem_x509_certificate(file.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
    return addresses | set(names.value.get_values_for_type(x509.DNSName))


def test_covers_localhost_and_what_is_announced(tmp_path: Path) -> None:
    made = certificate_for(Settings(data_dir=tmp_path, announced_address="203.0.113.7"))
    assert {"localhost", "127.0.0.1", "::1", "203.0.113.7"} <= names_of(made.chain)


def test_is_kept_until_a_name_is_missing(tmp_path: Path) -> None:
    first = self_made(tmp_path, ["localhost", "10.0.0.1"])
    content = first.chain.read_bytes()
    assert self_made(tmp_path, ["10.0.0.1"]).chain.read_bytes() == content
    second = self_made(tmp_path, ["10.0.0.2"])
    assert second.chain.read_bytes() != content
    assert names_of(second.chain) == {"localhost", "10.0.0.1", "10.0.0.2"}


def test_is_made_anew_before_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "LIFETIME", datetime.timedelta(days=3))
    old = self_made(tmp_path, ["localhost"]).chain.read_bytes()
    monkeypatch.undo()
    assert self_made(tmp_path, ["localhost"]).chain.read_bytes() != old


@pytest.mark.parametrize("broken", ["cert.pem", "key.pem"])
def test_is_made_anew_when_a_file_is_broken(tmp_path: Path, broken: str) -> None:
    self_made(tmp_path, ["localhost"])
    (tmp_path / broken).write_bytes(b"nonsense")
    made = self_made(tmp_path, ["localhost"])
    assert names_of(made.chain) == {"localhost"}


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    made = self_made(tmp_path / "new", ["localhost"])
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600


def test_a_given_certificate_is_taken_as_it_is(tmp_path: Path) -> None:
    made = self_made(tmp_path / "given", ["room.example"])
    given = Settings(data_dir=tmp_path / "data", tls_certificate=made.chain, tls_key=made.key)
    assert certificate_for(given) == made
    assert names_of(made.chain) == {"room.example"}
    assert not (tmp_path / "data").exists()


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pem"):
        certificate_for(Settings(tls_certificate=tmp_path / "none.pem", tls_key=tmp_path / "key.pem"))
