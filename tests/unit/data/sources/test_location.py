"""A location is what a person wrote, and is shown without its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.data.sources.errors import UnsetVariable
from creditrisk.data.sources.location import Location

SIGNED = "https://reader:pass-word@host:8443/raw?sig=abc-123%3D&se=2030-01-01#part"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("synthetic", "synthetic"),
        ("data/kaggle", "local"),
        ("/data/kaggle", "local"),
        ("file:///data/kaggle", "local"),
        ("S3://bucket/raw", "s3"),
        ("https://host/raw", "https"),
        ("kaggle://home-credit-default-risk", "kaggle"),
        ("dvc://data/raw", "dvc"),
    ],
)
def test_the_kind_is_the_scheme(written: str, kind: str) -> None:
    """A path without a scheme is a folder of this machine."""
    assert Location(written).kind == kind


@pytest.mark.parametrize(
    ("folder", "child"),
    [
        ("data/kaggle/", "data/kaggle/bureau.csv"),
        ("s3://bucket", "s3://bucket/bureau.csv"),
        ("https://host/raw/?sig=abc", "https://host/raw/bureau.csv?sig=abc"),
        ("dvc://data/raw?rev=v1", "dvc://data/raw/bureau.csv?rev=v1"),
    ],
)
def test_a_file_of_a_folder_keeps_the_query(folder: str, child: str) -> None:
    """A signature or a revision holds for every file of the folder."""
    assert Location(folder).child("bureau.csv").written == child
    assert Location(child).name == "bureau.csv"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (SIGNED, "https://host:8443/raw"),
        ("data/kaggle", "data/kaggle"),
        ("abfs://raw@account.dfs.core.windows.net/x", "abfs://raw@account.dfs.core.windows.net/x"),
        ("abfs://raw:key@account/x", "abfs://raw@account/x"),
        (
            "dvc://raw?repo=https://me:token@host/r.git&rev=v1",
            "dvc://raw?repo=https://host/r.git&rev=v1",
        ),
        ("https://${HOST}/raw?sig=${SIGNATURE}", "https://${HOST}/raw"),
    ],
)
def test_secrets_are_not_shown(written: str, shown: str) -> None:
    """User, password, query and fragment are left out, variables are not filled in."""
    assert Location(written).shown == shown


def test_secrets_are_scrubbed_from_other_people_s_words() -> None:
    """An error message of a library that quotes the address loses them in every spelling."""
    text = f"cannot open {SIGNED} (sig=abc-123=, auth reader:pass-word)"
    scrubbed = Location(SIGNED).scrub(text)
    assert "host:8443/raw" in scrubbed
    assert not any(secret in scrubbed for secret in ("reader", "pass-word", "abc-123"))


def test_a_variable_is_filled_in_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature need not be written into params.yaml, and does not enter messages."""
    monkeypatch.setenv("SIGNATURE", "abc-123")
    location = Location("https://host/raw?sig=${SIGNATURE}")
    assert location.child("bureau.csv").uri == "https://host/raw/bureau.csv?sig=abc-123"
    assert location.scrub("refused abc-123") == "refused ***"


def test_an_unset_variable_is_misuse() -> None:
    """The message names the variable."""
    with pytest.raises(UnsetVariable, match="SIGNATURE_THAT_IS_NOT_SET"):
        Location("https://host/raw?sig=${SIGNATURE_THAT_IS_NOT_SET}").uri  # noqa: B018


def test_a_file_url_is_a_path() -> None:
    """Escapes of a URL are undone."""
    assert Location("file:///my%20data/raw").path == Path("/my data/raw")


@pytest.mark.parametrize("name", ["raw.zip", "bureau.csv", "bureau.csv.gz", "RAW.ZIP"])
def test_archives_and_csv_files_are_no_folders(name: str) -> None:
    """The ending decides, for URLs as for paths."""
    assert Location(f"https://host/{name}?sig=a").names_one_object
    assert not Location("https://host/raw").names_one_object
