"""The side file of rejects."""

from __future__ import annotations

from pathlib import Path

from pyarrow import csv

from creditrisk.scoring.batch.rejects import Reject, RejectFile, shown_value

REJECT = Reject(3, 100_003, "features.X.range", "X", "7", "X is within 0 and 1")


def test_the_file_has_its_header_without_rejects(tmp_path: Path) -> None:
    """A program that reads the file finds its columns on a good day too."""
    with RejectFile(tmp_path / "rejects.csv"):
        pass
    assert csv.read_csv(tmp_path / "rejects.csv").column_names == [
        *("row", "sk_id_curr", "rule", "column", "seen", "required")
    ]


def test_rows_are_counted_once(tmp_path: Path) -> None:
    """A row that breaks two rules is one rejected row and two broken rules."""
    other = Reject(3, 100_003, "features.Y.range", "Y", "8", "Y is within 0 and 1")
    with RejectFile(tmp_path / "rejects.csv") as file:
        file.write([REJECT, other])
        file.write([])
    assert (file.rows, sum(file.by_rule.values())) == (1, 2)


def test_a_value_is_shown_on_one_line_and_never_at_length() -> None:
    """Line ends cannot break the file, and a huge cell cannot fill it."""
    assert shown_value("two\nlines") == "'two\\nlines'"
    assert len(shown_value("x" * 10_000)) < 150
    assert shown_value(None) == "nothing"


def test_a_reject_says_row_applicant_rule_value_and_requirement() -> None:
    """One sentence tells a person where to look and what is wrong."""
    assert REJECT.sentence() == (
        "row 3 (applicant 100003), column X: features.X.range, seen 7, required X is within 0 and 1"
    )
