"""The environment's two variables name a remote, or are refused without repeating a secret."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from dvc.config import Config

from creditrisk.core.errors import CreditRiskError
from creditrisk.remotes.address import RemoteAddress
from creditrisk.remotes.errors import NoRemote, UnusableCredentials, UnusableRemote

SECRET = "wJalrXUtnFEMI"  # noqa: S105 - opens nothing
KEYS = {"access_key_id": "AKIAREADER", "secret_access_key": SECRET}


def address(url: str, credentials: object = None) -> RemoteAddress:
    text = credentials if isinstance(credentials, str) else json.dumps(credentials)
    given = {} if credentials is None else {"DVC_REMOTE_CREDENTIALS": text}
    return RemoteAddress.of_environment({"DVC_REMOTE_URL": url, **given})


def refusal(url: str, credentials: object = None) -> str:
    with pytest.raises(CreditRiskError) as caught:
        address(url, credentials)
    assert caught.value.exit_code == 2
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_no_address_is_no_remote(value: str | None) -> None:
    """An unset variable and an empty one, as an absent secret of a workflow is, say the same."""
    with pytest.raises(NoRemote, match="DVC_REMOTE_URL is not set"):
        RemoteAddress.of_environment({} if value is None else {"DVC_REMOTE_URL": value})


@pytest.mark.parametrize(
    ("written", "kind", "url"),
    [
        ("s3://bucket/dvc/", "s3", "s3://bucket/dvc"),
        ("gs://bucket", "gs", "gs://bucket"),
        ("az://container/dvc", "azure", "azure://container/dvc"),
        ("/mnt/share", "folder", "/mnt/share"),
        ("file:///mnt/a%20share", "folder", "/mnt/a share"),
    ],
)
def test_addresses_are_put_in_dvc_s_words(written: str, kind: str, url: str) -> None:
    """Folders and three kinds of store, under the schemes that DVC knows."""
    remote = address(written)
    assert (remote.kind, remote.url) == (kind, url)


def test_a_relative_folder_is_of_the_caller_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC would take it as relative to `.dvc`."""
    monkeypatch.chdir(tmp_path)
    assert address("share").url == str(tmp_path / "share")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ssh://host/path", "mount it as a folder"),
        ("https://host/path", "does not tell what it holds"),
        ("hdfs://host/path", "hdfs:// is not supported"),
        ("s3:///path", "names no bucket"),
        (f"s3://reader:{SECRET}@bucket/path", "more than bucket and path"),
        (f"az://container/path?sig={SECRET}", "more than bucket and path"),
    ],
)
def test_other_addresses_are_refused_with_the_reason(url: str, reason: str) -> None:
    """What cannot be verified, or would show a secret in each message."""
    with pytest.raises(UnusableRemote) as caught:
        address(url)
    assert reason in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        (SECRET, "neither JSON nor the path of a file"),
        (f'{{"secret_access_key": "{SECRET}"', "no valid JSON"),
        ({**KEYS, "password": SECRET}, "password"),
        ({**KEYS, f"{SECRET} {SECRET}": ""}, "an unreadable name"),
        ({"secret_access_key": SECRET}, "access_key_id is missing"),
        ({**KEYS, "session_token": 12}, "session_token is empty or no text"),
        ({**KEYS, "session_token": ""}, "session_token is empty or no text"),
    ],
)
def test_unusable_credentials_are_refused_unseen(credentials: object, reason: str) -> None:
    """The message names the fault and the option, never a value."""
    assert reason in refusal("s3://bucket/dvc", credentials)


def test_a_folder_takes_no_credentials() -> None:
    """Who sets some believes in a protection that is not there."""
    assert "its owner and mode guard a folder" in refusal("/mnt/share", KEYS)


def test_credentials_come_from_a_file_too(tmp_path: Path) -> None:
    """As an orchestrator mounts a secret."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(KEYS))
    assert address("s3://bucket/dvc", str(path)).options == KEYS


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("s3://bucket", {**KEYS, "region": "eu-central-1", "endpointurl": "http://127.0.0.1:1"}),
        ("gs://bucket", {"projectname": "lending", "credentialpath": "/run/secrets/key.json"}),
        ("az://container", {"account_name": "lending", "account_key": SECRET}),
        ("az://container", {"client_id": "a", "client_secret": SECRET, "tenant_id": "b"}),
    ],
)
def test_dvc_takes_the_options_and_verifies_downloads(url: str, credentials: object) -> None:
    """DVC's own schema accepts what it is handed; without `verify` it trusts what arrives."""
    with address(url, credentials).dvc_config() as options:
        checked = Config.validate({"remote": {"any": options}})["remote"]["any"]
    assert checked["verify"] is True
    assert credentials.items() <= checked.items()  # type: ignore[attr-defined]


def test_a_google_key_lies_in_a_private_file_for_the_command_alone() -> None:
    """DVC takes Google's key only as a path; the file is its owner's, and gone afterwards."""
    key = {"type": "service_account", "private_key": f"-----BEGIN\n{SECRET}\n-----END"}
    remote = address("gs://bucket/dvc", key)
    with remote.dvc_config() as options:
        path = Path(options["credentialpath"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text()) == key
    assert not path.exists()
    assert SECRET not in remote.scrub(f"invalid key {key['private_key']}")


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("s3://bucket", KEYS),
        ("az://container", {"connection_string": f"AccountName=lending;AccountKey={SECRET}"}),
        ("az://container", {"account_name": "lending", "sas_token": SECRET}),
    ],
)
def test_messages_and_representations_show_no_secret(url: str, credentials: object) -> None:
    """Neither `repr` nor a library's message that passed through `scrub`."""
    remote = address(url, credentials)
    assert SECRET not in repr(remote)
    assert remote.scrub(f"signature of {SECRET} is wrong") == "signature of *** is wrong"


def test_refusals_are_misuse() -> None:
    """A command exits 2: nothing was tried."""
    assert NoRemote.exit_code == UnusableRemote.exit_code == UnusableCredentials.exit_code == 2
