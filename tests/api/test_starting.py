"""Whom the API starts for: this machine's programs, or callers that it knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_server import ApiServer, running, started
from credentials_made import key_in
from rude_client import RudeClient

from creditrisk.serve.security.keys import KEY_FILE_VARIABLE


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example.org"}, {"Origin": "https://example.org"}]
)
def test_a_page_from_elsewhere_does_not_use_the_open_api(
    server: ApiServer, headers: dict[str, str]
) -> None:
    """Without keys the API serves this machine's programs, not the web pages open on it."""
    client = RudeClient(server)
    assert client.ask("GET", "/metadata").status == 200
    assert client.ask("GET", "/metadata", **headers).status == 403


def test_the_open_api_says_so_once(server: ApiServer) -> None:
    """Whoever starts it reads that everybody on this machine may do everything."""
    messages = [line["message"] for line in RudeClient(server).lines()]
    assert len([said for said in messages if "may do everything" in said]) == 1


def refused_start(folder: Path, *flags: str, **environment: str) -> str:
    """What a server says that ends by itself, with the exit code of misuse."""
    server = started(folder, *flags, environment=environment)
    assert server.process.wait(timeout=60) == 2
    assert "Traceback" not in server.log_text
    assert "running on" not in server.log_text
    return server.log_text


def test_a_network_needs_to_know_its_callers(bundle: Path, tmp_path: Path) -> None:
    """On an address that others reach the API does not start without keys, and says the remedy."""
    said = refused_start(tmp_path, "--bundle", str(bundle), "--host", "0.0.0.0")  # noqa: S104
    assert "creditrisk api-key create" in said


def test_keys_that_others_may_write_start_nothing(bundle: Path, tmp_path: Path) -> None:
    """A file of keys that anybody may add to is not trusted."""
    key_in(tmp_path / "keys.json")
    (tmp_path / "keys.json").chmod(0o666)
    environment = {KEY_FILE_VARIABLE: str(tmp_path / "keys.json")}
    assert "chmod go-w" in refused_start(tmp_path, "--bundle", str(bundle), **environment)


def test_with_keys_a_network_may_call(bundle: Path, tmp_path: Path) -> None:
    """On every address of the machine, whoever has a key is let in and nobody else."""
    key = key_in(tmp_path / "keys.json")
    environment = {KEY_FILE_VARIABLE: str(tmp_path / "keys.json")}
    flags = ("--bundle", str(bundle), "--host", "0.0.0.0")  # noqa: S104
    with running(tmp_path, *flags, environment=environment) as server:
        client = RudeClient(server)
        assert client.ask("GET", "/metadata", key, Host="api.example.org").status == 200
        assert client.ask("GET", "/metadata").status == 401
        assert client.ask("GET", "/docs").status == client.ask("GET", "/openapi.json").status == 404


def test_tls_is_spoken(bundle: Path, tmp_path: Path) -> None:
    """With a certificate the API answers over TLS alone and asks browsers to stay with it."""
    certificate, key = self_signed(tmp_path)
    flags = ("--bundle", str(bundle), "--certificate", str(certificate), "--key", str(key))
    with running(tmp_path, *flags) as server:
        client = RudeClient(server, certificate)
        answer = client.ask("GET", "/metadata")
        plain = client.say(b"GET /metadata HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.status == 200
    assert "max-age=" in answer.headers["strict-transport-security"]
    assert "HTTP/1.1 200" not in plain


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    return folder / "certificate.pem", folder / "key.pem"
