"""The certificate of a first start: whom it names, and when it is made anew."""

from __future__ import annotations

import datetime
import re
import resource
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from miso.demo.http.page_certificate import certificate_for
from miso.demo.settings import Settings
from miso.serving import certificate_files
from miso.serving.certificate import CertificateError
from miso.serving.certificate_files import given, self_made


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
    monkeypatch.setattr(certificate_files, "LIFETIME", datetime.timedelta(days=3))
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
    settings = Settings(data_dir=tmp_path / "data", tls_certificate=made.chain, tls_key=made.key)
    assert certificate_for(settings) == made
    assert names_of(made.chain) == {"room.example"}
    assert not (tmp_path / "data").exists()


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"none\.pem"):
        certificate_for(Settings(tls_certificate=tmp_path / "none.pem", tls_key=tmp_path / "key.pem"))


def test_what_is_wrong_with_given_files_is_said_with_their_names(tmp_path: Path) -> None:
    made, other = self_made(tmp_path / "a", ["a"]), self_made(tmp_path / "b", ["b"])
    nonsense, encrypted = tmp_path / "nonsense.pem", tmp_path / "encrypted.key"
    nonsense.write_text("nonsense")
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for chain, private, text in [
        (nonsense, made.key, f"--tls-certificate {nonsense}: the file holds no PEM certificate"),
        (made.key, made.key, f"--tls-certificate {made.key}: the file holds no PEM certificate"),
        (made.chain, nonsense, f"--tls-key {nonsense}: the file holds no PEM private key"),
        (made.chain, encrypted, f"--tls-key {encrypted}: the key is encrypted"),
        (made.chain, other.key, f"--tls-key {other.key}: the key does not belong to the certificate of {made.chain}"),
        (tmp_path, made.key, f"--tls-certificate {tmp_path}: Is a directory"),
        (made.chain, tmp_path / "none", f"--tls-key {tmp_path / 'none'}: No such file"),
    ]:
        with pytest.raises(CertificateError, match=re.escape(text)):
            given("tls", chain, private)


def rsa_pair(folder: Path, bits: int, lasts: datetime.timedelta = datetime.timedelta(days=1)) -> tuple[Path, Path]:
    key = rsa.generate_private_key(65537, bits)
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=9))
        .not_valid_after(now + lasts)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "rsa.pem", folder / "rsa.key"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


@pytest.mark.parametrize("use", ["tls", "dtls"])
def test_a_key_that_is_too_small_is_named(tmp_path: Path, use: str) -> None:
    chain, key = rsa_pair(tmp_path, 1024)
    with pytest.raises(CertificateError, match=re.escape(f"--{use}-key {key}: the RSA key has 1024 bits")):
        given(use, chain, key)
    given(use, *rsa_pair(tmp_path, 2048))


def test_an_expired_certificate_is_named_and_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chain, key = rsa_pair(tmp_path, 2048, -datetime.timedelta(days=2))
    given("tls", chain, key)
    assert f"--tls-certificate {chain}: expired on" in caplog.text


def test_a_disk_that_takes_nothing_is_named(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # writing fails with an error that names no file
    try:
        with pytest.raises(
            CertificateError, match=re.escape(f"cannot write {tmp_path / 'tls' / 'key.pem'}: ")
        ) as caught:
            certificate_for(Settings(data_dir=tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "--data-dir" in str(caught.value)
    assert not list((tmp_path / "tls").iterdir())
    assert certificate_for(Settings(data_dir=tmp_path)).key.exists()


def test_a_data_dir_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match=re.escape(f"cannot write {tmp_path / 'file'}")):
        certificate_for(Settings(data_dir=tmp_path / "file"))
    (tmp_path / "tls" / "key.pem").mkdir(parents=True)
    with pytest.raises(
        CertificateError, match=re.escape(f"cannot write {tmp_path / 'tls' / 'key.pem'}: Is a directory")
    ):
        certificate_for(Settings(data_dir=tmp_path))
