from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.core.settings import ResourceSettings
from creditrisk.data.applicant_rows import UncountableRows, applicant_rows

RESOURCES = ResourceSettings(threads=1, memory_limit="500MB")


def counted(folder: Path, applicant: int = 100_001) -> dict[str, int]:
    """The rows of an applicant."""
    return applicant_rows(folder, applicant, RESOURCES)


def test_each_file_is_counted_by_the_applicant(tmp_path: Path) -> None:
    """Rows of others, and of an id that only begins the same, do not count."""
    (tmp_path / "bureau.csv").write_text(
        "SK_ID_CURR,SK_ID_BUREAU\n100001,1\n1000010,2\n100001,3\n100002,4\n"
    )
    (tmp_path / "application_test.csv").write_text("SK_ID_CURR,AMT\n100002,1\n")
    assert counted(tmp_path) == {"application_test.csv": 0, "bureau.csv": 2}


def test_months_are_found_by_their_credit(tmp_path: Path) -> None:
    """bureau_balance names no applicant."""
    (tmp_path / "bureau.csv").write_text("SK_ID_CURR,SK_ID_BUREAU\n100001,1\n100002,2\n")
    (tmp_path / "bureau_balance.csv").write_text("SK_ID_BUREAU,M\n1,0\n1,-1\n2,0\n")
    assert counted(tmp_path)["bureau_balance.csv"] == 2


def test_a_folder_without_raw_files_has_no_counts(tmp_path: Path) -> None:
    """Nothing is there, which is not the same as no rows."""
    assert counted(tmp_path) == {}


@pytest.mark.parametrize("content", ["A,B\n1,2\n", "", "\xff\xfe\n"])
def test_a_file_without_the_key_is_refused(tmp_path: Path, content: str) -> None:
    """A count of zero would be a claim."""
    (tmp_path / "bureau.csv").write_text(content, encoding="latin-1")
    with pytest.raises(UncountableRows, match=r"bureau\.csv not counted"):
        counted(tmp_path)


def test_months_without_credits_are_refused(tmp_path: Path) -> None:
    """Whose they are is not known then."""
    (tmp_path / "bureau_balance.csv").write_text("SK_ID_BUREAU,M\n1,0\n")
    with pytest.raises(UncountableRows, match=r"bureau_balance\.csv not counted"):
        counted(tmp_path)
