"""A classifier that tells two samples apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from applicant_samples import ENCODING, SETTINGS, applicants, reference

from creditrisk.core.settings import MonitorDriftSettings
from creditrisk.monitoring.drift import DomainShift, domain_shift
from creditrisk.monitoring.drift.judgement import Judgement

if TYPE_CHECKING:
    import pyarrow as pa


def told_apart(
    before: pa.Table,
    now: pa.Table,
    settings: MonitorDriftSettings = SETTINGS,
    threads: int = 1,
) -> DomainShift:
    """The verdict at the level of a report on three columns."""
    return domain_shift(before, now, ENCODING, Judgement.of(reference(50), settings), threads)


def broken_pair(rows: int) -> tuple[pa.Table, pa.Table]:
    """Two columns that go together, and later no longer; each column alone is as it was."""
    ratio = np.random.default_rng(4).random(2 * rows)
    children = (ratio * 6).astype(int)
    apart = np.random.default_rng(5).permutation(children[rows:])
    return (
        applicants(rows, 1, RATIO=ratio[:rows], CHILDREN=children[:rows]),
        applicants(rows, 2, RATIO=ratio[rows:], CHILDREN=apart),
    )


def test_samples_of_one_population_are_not_told_apart() -> None:
    """The AUC stays near one half and below what chance reaches."""
    found = told_apart(applicants(6_000, 1), applicants(3_000, 2))
    assert found.status == "stable"
    assert abs((found.roc_auc or 0) - 0.5) < 0.03


def test_columns_that_no_longer_go_together_are_found() -> None:
    """What no single column shows is told, with the columns that give it away."""
    found = told_apart(*broken_pair(3_000))
    assert found.status == "drifted"
    assert {leader.name for leader in found.leaders[:2]} == {"RATIO", "CHILDREN"}


def test_the_same_at_any_number_of_threads() -> None:
    """One thread and four give the same figures to the last bit."""
    pair = broken_pair(1_500)
    assert told_apart(*pair, threads=1) == told_apart(*pair, threads=4)


def test_few_rows_do_not_alarm() -> None:
    """A classifier that guesses well by luck is too few rows, never drift."""
    verdicts = {
        told_apart(applicants(30, 2 * n), applicants(30, 2 * n + 1)).status for n in range(20)
    }
    assert verdicts == {"not measured"}


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_row_is_not_measured(rows: int) -> None:
    """A half without rows of both samples has no pairs, and says so."""
    found = told_apart(applicants(500, 1), applicants(5, 2).slice(0, rows))
    assert found.status == "not measured"
    assert "both in each half" in (found.reason or "")


def test_rows_are_capped_and_drawn_by_key() -> None:
    """At most so many rows of each sample, whichever order they come in."""
    few = SETTINGS.model_copy(update={"domain_rows": 400})
    before, now = applicants(3_000, 1), applicants(3_000, 2)
    found = told_apart(before, now, few)
    assert (found.reference_rows, found.current_rows) == (400, 400)
    assert told_apart(before.take(np.arange(3_000)[::-1]), now, few) == found


def test_a_large_sample_is_cut_to_the_size_of_the_other() -> None:
    """More than four rows to one cost time and hardly sharpen the test."""
    found = told_apart(applicants(3_000, 1), applicants(200, 2))
    assert (found.reference_rows, found.current_rows) == (800, 200)


def test_an_applicant_of_both_samples_stands_in_one_half() -> None:
    """The same rows twice give no model a row that it has seen: the AUC is not below one half."""
    rows = applicants(2_000, 1)
    assert told_apart(rows, rows).roc_auc == pytest.approx(0.5, abs=0.01)


def test_rows_without_keys_are_drawn_by_number() -> None:
    """Frames of anywhere can be compared."""
    before, now = (applicants(800, seed).drop(["SK_ID_CURR"]) for seed in (1, 2))
    assert told_apart(before, now).status == "stable"
