"""A file is compared with what is known of it."""

from __future__ import annotations

import pytest

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.settings import IngestSettings, SourceSettings
from creditrisk.data.sources.archives import Digests
from creditrisk.data.sources.errors import WrongContent
from creditrisk.data.sources.expectation import Expectation, expectations, profile

DIGESTS = Digests(10, "a" * 32, "b" * 64)


def test_the_kaggle_profile_knows_the_seven_files() -> None:
    """Rows, bytes and MD5 of the files that Kaggle publishes, 58 million rows in all."""
    known = profile("kaggle")
    assert list(known) == list(RAW_FILES)
    assert sum(expectation.rows or 0 for expectation in known.values()) == 58_441_149
    assert known["bureau.csv"].md5 == "ec0f59a16e7071de66b83217b23bb390"


def test_own_checksums_replace_the_profile_s() -> None:
    """Who states a checksum means another file than Kaggle's, with other rows and bytes."""
    stated = SourceSettings(uri="x", md5="c" * 32)
    known = expectations(IngestSettings(profile="kaggle", files={"bureau.csv": stated}))
    assert known["bureau.csv"] == Expectation(md5="c" * 32)
    assert known["bureau_balance.csv"].rows == 27_299_925


def test_nothing_known_refuses_nothing() -> None:
    """Without a checksum any content passes."""
    Expectation().check_content("bureau.csv", "s3://x", DIGESTS)
    Expectation().check_rows("bureau.csv", "s3://x", 5)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expectation(bytes=11), "size in bytes is 10, must be 11"),
        (Expectation(md5="c" * 32), f"MD5 is {'a' * 32}, must be {'c' * 32}"),
        (Expectation(sha256="c" * 64), f"SHA-256 is {'b' * 64}, must be {'c' * 64}"),
    ],
)
def test_other_content_is_refused(expected: Expectation, words: str) -> None:
    """The message names file, source, what was seen and what is required."""
    with pytest.raises(WrongContent, match=f"bureau.csv from s3://x refused: {words}"):
        expected.check_content("bureau.csv", "s3://x", DIGESTS)


def test_another_number_of_rows_is_refused() -> None:
    """Rows are known only after the types were checked."""
    with pytest.raises(WrongContent, match="number of rows is 5, must be 6"):
        Expectation(rows=6).check_rows("bureau.csv", "s3://x", 5)
