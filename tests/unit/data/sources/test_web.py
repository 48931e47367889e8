"""Files of a web server arrive whole, whatever the connection does."""

from __future__ import annotations

import ipaddress
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from creditrisk.data.sources.errors import SourceFailed
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RemoteObject, RetryPolicy
from creditrisk.data.sources.web import WebSource

BODY = random.Random(1).randbytes(300_000)  # noqa: S311 - no secret
PATH = "/raw/bureau.csv"


def source(address: str, retries: int = 3) -> WebSource:
    return WebSource(Location(address), RetryPolicy(retries, 0))


def found(address: str, retries: int = 3) -> RemoteObject:
    origin = source(address, retries).find("bureau.csv")
    assert origin is not None
    return origin


def fetched(address: str, folder: Path, retries: int = 3) -> bytes:
    return found(address, retries).materialise(folder, lambda _: None).read_bytes()


def refused(address: str, folder: Path, retries: int = 3) -> str:
    with pytest.raises(SourceFailed) as caught:
        fetched(address, folder, retries)
    return str(caught.value)


@pytest.fixture
def folder(web: Any) -> str:
    """The address of a folder that holds bureau.csv."""
    web.files[PATH] = BODY
    return f"{web.url}/raw"


def test_a_file_of_a_folder_is_found_by_its_name(folder: str, tmp_path: Path) -> None:
    """The address of a folder is completed with the raw file's name."""
    origin = found(folder)
    assert (origin.location.name, origin.size) == ("bureau.csv", len(BODY))
    assert fetched(folder, tmp_path) == BODY


def test_archives_are_looked_for_after_the_plain_file(web: Any) -> None:
    """Where there is no csv, a gz or a zip is taken; where there is neither, nothing."""
    web.files["/raw/bureau.csv.zip"] = b"zip"
    assert found(f"{web.url}/raw").location.name == "bureau.csv.zip"
    assert source(f"{web.url}/raw").find("bureau_balance.csv") is None


def test_a_cut_connection_is_resumed(web: Any, folder: str, tmp_path: Path) -> None:
    """Only the bytes that are missing are asked for again."""
    web.faults[PATH] = [("cut", 100_000), ("cut", 50_000)]
    assert fetched(folder, tmp_path) == BODY
    ranges = ["", " bytes=100000-", " bytes=150000-"]
    assert web.gets() == [f"GET {PATH}{asked}" for asked in ranges]


def test_another_process_goes_on_where_the_first_was_killed(
    web: Any, folder: str, tmp_path: Path
) -> None:
    """What lies in the folder is used when it is of the version that the server has."""
    web.faults[PATH] = [("cut", 100_000)]
    refused(folder, tmp_path, retries=0)
    assert fetched(folder, tmp_path) == BODY
    assert "bytes=" in web.gets()[-1]


def test_a_changed_object_is_fetched_anew(web: Any, folder: str, tmp_path: Path) -> None:
    """Bytes of two versions are never joined."""
    web.faults[PATH] = [("cut", 100_000)]
    refused(folder, tmp_path, retries=0)
    web.files[PATH] = BODY[::-1]
    assert fetched(folder, tmp_path) == BODY[::-1]


def test_without_a_tag_nothing_is_resumed(web: Any, folder: str, tmp_path: Path) -> None:
    """Where the server names no version, an early end means starting again."""
    web.with_etag = False
    web.faults[PATH] = [("cut", 100_000)]
    assert fetched(folder, tmp_path) == BODY
    assert web.gets() == [f"GET {PATH}"] * 2


def test_an_ignored_range_starts_over(web: Any, folder: str, tmp_path: Path) -> None:
    """A server that answers a range with everything does not double the beginning.

    Here what it sends adds up to the right size before the connection ends.
    """
    web.faults[PATH] = [("cut", 100_000), ("whole", len(BODY) - 100_000)]
    assert fetched(folder, tmp_path) == BODY


def test_an_object_that_changes_between_look_and_range_is_fetched_anew(
    web: Any, folder: str, tmp_path: Path
) -> None:
    """The range is asked for on condition that the object is still the same."""
    web.faults[PATH] = [("cut", 100_000), ("changed", BODY[::-1])]
    assert fetched(folder, tmp_path) == BODY[::-1]


def test_unavailable_is_asked_again(web: Any, folder: str, tmp_path: Path) -> None:
    """503 and 429 say later."""
    web.faults[PATH] = [("status", 503), ("status", 429)]
    assert fetched(folder, tmp_path) == BODY


def test_forbidden_is_not_asked_again(web: Any, folder: str, tmp_path: Path) -> None:
    """403 stays 403, so it is refused at once."""
    web.faults[PATH] = [("status", 403)]
    assert "HTTP 403" in refused(folder, tmp_path)
    assert len(web.gets()) == 1


def test_retries_end(web: Any, folder: str, tmp_path: Path) -> None:
    """A server that stays away is given up after the retries that are allowed."""
    web.faults[PATH] = [("status", 503)] * 9
    assert "HTTP 503, 4 times in a row" in refused(folder, tmp_path)
    assert len(web.gets()) == 4


def test_progress_buys_patience(web: Any, folder: str, tmp_path: Path) -> None:
    """Retries are counted from the last byte that came, not from the first."""
    web.faults[PATH] = [("cut", 20_000)] * 8
    assert fetched(folder, tmp_path, retries=2) == BODY


def test_a_body_that_ends_early_is_refused(web: Any, folder: str, tmp_path: Path) -> None:
    """Fewer bytes than announced are never a file, however politely they end."""
    web.faults[PATH] = [("short", 10), ("status", 503), ("status", 503)]
    assert "HTTP 503" in refused(folder, tmp_path, retries=1)


def test_an_address_that_only_takes_get_is_found(web: Any, folder: str, tmp_path: Path) -> None:
    """A signed address allows the one method that was signed."""
    web.head_status = 403
    assert fetched(folder, tmp_path) == BODY


def test_a_server_that_is_down_for_a_moment_is_looked_at_again(
    web: Any, folder: str, tmp_path: Path
) -> None:
    """503 while looking is not the same as not found."""
    web.head_status = 503
    web.faults[PATH] = [("status", 503), ("status", 503)]
    assert fetched(folder, tmp_path) == BODY


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    path = folder / "loopback.pem"
    path.write_bytes(
        key.private_bytes(pem, form, serialization.NoEncryption()) + built.public_bytes(pem)
    )
    return path


FETCH = """
import sys
from pathlib import Path
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RetryPolicy
from creditrisk.data.sources.web import WebSource
found = WebSource(Location(sys.argv[1]), RetryPolicy(1, 0)).find("bureau.csv")
found.materialise(Path(sys.argv[2]), lambda _: None)
"""


def test_https_trusts_who_the_machine_trusts(
    web: Any, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that nobody vouches for is refused, and accepted once somebody does."""
    pem = certificate(tmp_path)
    web.encrypt(pem)
    address = folder.replace("http://", "https://")
    assert "Certificate" in refused(address, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    command = [sys.executable, "-c", FETCH, address, str(tmp_path)]
    subprocess.run(command, check=True)
    assert (tmp_path / "bureau.csv").read_bytes() == BODY


def test_a_query_goes_with_every_file_and_is_never_shown(
    web: Any, folder: str, tmp_path: Path
) -> None:
    """A signature opens every file of the folder, and user, password and signature stay secret."""
    web.faults[PATH] = [("status", 403)]
    address = folder.replace("http://", "http://reader:pass-word@") + "?signature=abc-123"
    sentence = refused(address, tmp_path)
    assert f"{folder}/bureau.csv" in sentence
    assert not any(secret in sentence for secret in ("reader", "pass-word", "abc-123"))
