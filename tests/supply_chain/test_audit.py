"""The audit reads silence as 'not measured', and lets nothing pass that is not argued and dated."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import audit
import licences
import permits
from permits import InvalidExceptions, Permit

TODAY = date(2026, 6, 1)
FOUND = "B608 src/a.py"


def permit(of: str, expires: date = TODAY) -> Permit:
    return Permit("bandit", of, "a reason that says enough", expires)


def test_sources_are_clean_but_for_argued_exceptions() -> None:
    """What bandit finds has an exception, and each exception of its is used."""
    _, found, reason = audit.insecure_code()
    assert not reason
    assert not permits.refused("bandit", found, permits.read(), date.min)


def test_licences_are_allowed_or_argued() -> None:
    """The list is that of the locks; what the allow-list does not meet has an exception."""
    assert licences.FILE.read_text() == licences.as_text()
    assert not permits.refused("licence", licences.not_allowed(), permits.read(), date.min)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT AND (GPL-3.0-only OR ISC)", True),
        ("GPL-2.0-only WITH GCC-exception-2.0", False),
        ("UNKNOWN", False),
        ("MIT License in our own words", False),
        ("", False),
    ],
)
def test_an_expression_is_met_or_not(expression: str, allowed: bool) -> None:  # noqa: FBT001
    """All of AND, one of OR; what cannot be read is not allowed."""
    assert licences.is_allowed(expression) == allowed


def test_an_exception_lasts_to_its_day() -> None:
    """Afterwards the finding is open again, and the exception itself is one."""
    assert not permits.refused("bandit", [FOUND], [permit(FOUND)], TODAY)
    after = permits.refused("bandit", [FOUND], [permit(FOUND)], date(2026, 6, 2))
    assert after == [FOUND, f"exception of {FOUND} expired on 2026-06-01"]


def test_an_exception_without_a_finding_is_refused() -> None:
    """It would wait for a finding that nobody has argued."""
    told = permits.refused("bandit", [], [permit(FOUND)], TODAY)
    assert told == [f"exception of {FOUND} excepts nothing: delete it"]


def test_an_exception_covers_what_it_names() -> None:
    """One path, or all below a folder; another rule is another finding."""
    assert permit("B608 src/*").covers(FOUND)
    assert not permit("B404 src/*").covers(FOUND)
    assert not permit("B608 src/a").covers(FOUND)


@pytest.mark.parametrize(
    "entry",
    [
        'of = "a"\nexpires = 2027-01-01',
        'of = "a"\nreason = "short"\nexpires = 2027-01-01',
        'of = "a"\nreason = "long enough to say something"',
        'of = "a"\nreason = "long enough to say something"\nexpires = "never"',
    ],
)
def test_an_exception_has_reason_and_day(entry: str, tmp_path: Path) -> None:
    """The file is refused whole."""
    path = tmp_path / "exceptions.toml"
    path.write_text(f"[[licence]]\n{entry}\n")
    with pytest.raises(InvalidExceptions, match="must have of, reason"):
        permits.read(path)


def answers(monkeypatch: pytest.MonkeyPatch, *told: dict[str, Any] | str) -> None:
    """Let pip-audit answer with these reports, the last one for all that follow."""
    left = list(told)

    def run(_: list[str]) -> subprocess.CompletedProcess[str]:
        one = left.pop(0) if len(left) > 1 else left[0]
        text = one if isinstance(one, str) else json.dumps(one)
        return subprocess.CompletedProcess([], 0, stdout=text, stderr="")

    monkeypatch.setattr(audit, "_run", run)


def about(name: str, *advisories: str, **more: str) -> dict[str, Any]:
    if more:
        return {"dependencies": [{"name": name, **more}]}
    return {"dependencies": [{"name": name, "vulns": [{"id": one} for one in advisories]}]}


PROBED = about("requests", "CVE-2018-18074")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (["", PROBED], "no service of advisories answered"),
        ([about("requests"), about("numpy")], "knows nothing against requests"),
        ([about("requests", skip_reason="not found"), PROBED], "unknown there"),
        ([PROBED, about("numpy", skip_reason="not found")], "unknown there"),
        ([PROBED, ""], "no service of advisories answered"),
    ],
)
def test_silence_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, told: list[Any], why: str
) -> None:
    """No answer, one that knows nothing, and one that knows not all are no all-clear."""
    answers(monkeypatch, *told)
    name, found, reason = audit.advisories()
    assert why in reason
    assert audit.exit_code([audit.Check(name, found, reason)]) == 3


def test_an_advisory_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id and its package; without one the locks are clean."""
    answers(monkeypatch, PROBED, about("numpy", "CVE-1"))
    assert audit.advisories() == ("advisory", ["CVE-1 numpy"], "")
    answers(monkeypatch, PROBED, about("numpy"))
    assert audit.advisories() == ("advisory", [], "")


def test_what_is_open_outweighs_what_is_unknown() -> None:
    """Exit 1 before 3 before 0."""
    refused, unknown, clean = (
        audit.Check("a", ["finding"]),
        audit.Check("b", [], "no answer"),
        audit.Check("c", []),
    )
    assert [audit.exit_code(list(those)) for those in ([refused, unknown], [unknown, clean])] == [
        1,
        3,
    ]
    assert audit.exit_code([clean]) == 0
