from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.testing.checks import Check, Finding, Rule, attempt


def checked(measure: Callable[[], Finding], *evidence: Path, required: bool = True) -> Check:
    """The check that a measurement makes."""
    rule = Rule("id", "family", "It holds.", "at least 1", "policy", "a book", evidence, measure)
    return attempt(rule, sha256_of, required=required)


def raising(error: Exception) -> Callable[[], Finding]:
    """A measurement that fails."""

    def measure() -> Finding:
        raise error

    return measure


def test_a_measurement_that_holds_passes(tmp_path: Path) -> None:
    """The check shows what was seen and the checksum of what was read."""
    path = tmp_path / "report.json"
    path.write_text("{}")
    check = checked(lambda: Finding(passed=True, observed="2", values={"two": 2.0}), path)
    assert (check.status, check.observed, check.reason) == ("passed", "2", None)
    assert check.evidence == {path.as_posix(): sha256_of(path)}
    assert not check.refuses


def test_a_measurement_below_the_bar_fails_with_both() -> None:
    """The reason names what was seen and what is required."""
    check = checked(lambda: Finding(passed=False, observed="0"))
    assert (check.status, check.reason) == ("failed", "0; required: at least 1")
    assert check.line() == "failed       id: 0; required: at least 1"


def test_missing_evidence_is_not_measured(tmp_path: Path) -> None:
    """A file that is not there is never good news, even if the measurement would not miss it."""
    check = checked(lambda: Finding(passed=True, observed="2"), tmp_path / "report.json")
    assert check.status == "not measured"
    assert check.reason == f"{(tmp_path / 'report.json').as_posix()} does not exist"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CreditRiskError("No rows."), "No rows."),
        (ValueError("a number"), "ValueError: a number"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_an_error_is_not_measured(error: Exception, reason: str) -> None:
    """Any exception closes the gate, with its sentence."""
    check = checked(raising(error))
    assert (check.status, check.observed, check.reason) == ("not measured", None, reason)


@pytest.mark.parametrize(
    ("measure", "required", "refuses"),
    [
        (raising(ValueError()), True, True),
        (raising(ValueError()), False, False),
        (lambda: Finding(passed=False, observed=""), True, True),
        (lambda: Finding(passed=False, observed=""), False, False),
        (lambda: Finding(passed=True, observed=""), True, False),
    ],
)
def test_only_what_is_required_refuses(
    measure: Callable[[], Finding], *, required: bool, refuses: bool
) -> None:
    """A required check refuses unless it passed; an informational one never does."""
    assert checked(measure, required=required).refuses is refuses
