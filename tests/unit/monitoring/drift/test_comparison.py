"""Rows against a reference that holds none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from applicant_samples import SETTINGS, HalfOfRatio, applicants, compared, reference, shift_of

from creditrisk.mlops.monitoring_reference import MonitoringReference
from creditrisk.monitoring.drift import compare


def test_what_is_stored_suffices() -> None:
    """A reference that was written and read back gives the same verdicts."""
    current = applicants(3_000, 2)
    again = MonitoringReference.model_validate_json(reference().model_dump_json())
    assert compared(current, again) == compared(current)


def test_every_column_is_measured_in_two_ways() -> None:
    """Numbers by bin and by how far values moved, categories by bin and by distance."""
    found = compared(applicants(3_000, 2))
    methods = {shift.name: [one.method for one in shift.measures] for shift in found.features}
    assert methods["RATIO"] == methods["CHILDREN"] == ["psi", "wasserstein"]
    assert methods["INCOME_TYPE"] == ["psi", "jensen_shannon"]


def test_a_measure_says_what_it_was_held_against() -> None:
    """Each has its bar and p-value, the index also what chance stays below, the column its rows."""
    shift = shift_of(compared(applicants(3_000, 2)), "RATIO")
    index, distance = shift.measures
    assert (index.bar, distance.bar) == (0.025, 0.15)
    assert 0 < (index.critical_value or 0) < 0.02
    assert min(index.p_value, distance.p_value) > 1e-3
    assert (shift.reference_rows, shift.current_rows) == (8_000, 3_000)


def test_missing_values_are_a_bin() -> None:
    """A source that stops delivering is drift, though no value changed."""
    now = applicants(3_000, 2, INCOME_TYPE=pa.nulls(3_000, pa.string()))
    shift = shift_of(compared(now), "INCOME_TYPE")
    assert shift.status == "drifted"
    assert {b.label: b.current_share for b in shift.bins}["missing"] == 1
    assert shift.missing_share_change == pytest.approx(0.9, abs=0.01)


def test_a_new_category_is_no_missing_value() -> None:
    """A text that the catalogue does not list has a bin of its own and is named."""
    shift = shift_of(compared(applicants(3_000, 2, INCOME_TYPE=["Student"] * 3_000)), "INCOME_TYPE")
    assert {b.label: b.current_share for b in shift.bins}["other"] == 1
    assert [(new.category, new.rows) for new in shift.new_categories] == [("Student", 3_000)]


def test_a_listed_category_without_a_reference_row_is_new() -> None:
    """What training could have had and never had is new, too."""
    never = reference(INCOME_TYPE=["Working"] * 8_000)
    shift = shift_of(compared(applicants(3_000, 2), never), "INCOME_TYPE")
    assert [new.category for new in shift.new_categories] == ["Pensioner"]


def test_new_categories_are_told_up_to_ten() -> None:
    """A column of texts that nobody listed does not fill the report, but its rows are counted."""
    texts = [f"{number % 30:>02} {'x' * 99}" for number in range(3_000)]
    shift = shift_of(compared(applicants(3_000, 2, INCOME_TYPE=texts)), "INCOME_TYPE")
    assert len(shift.new_categories) == 10
    assert shift.new_rows == 3_000
    assert {len(new.category) for new in shift.new_categories} == {60}


def test_further_columns_do_not_matter() -> None:
    """A pull may hold more than the reference knows."""
    current = applicants(3_000, 2)
    assert compared(current.append_column("X", pa.nulls(3_000))) == compared(current)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("RATIO", pa.array(["0.5"] * 500)),
        ("INCOME_TYPE", pa.array([1] * 500)),
        ("CHILDREN", None),
    ],
)
def test_what_cannot_be_read_is_not_measured(name: str, column: Any) -> None:
    """A column of another type, or none, is named; the others are compared."""
    current = applicants(500, 2)
    current = current.drop([name])
    if column is not None:
        current = current.append_column(name, column)
    found = compared(current)
    assert shift_of(found, name).status == "not measured"
    assert name in (shift_of(found, name).reason or "")
    assert [s.status for s in found.features].count("stable") == 2


def test_an_unscored_sample_says_why() -> None:
    """Without PDs the score is not measured and the reason is the caller's."""
    score = compared(applicants(500, 2)).score
    assert (score.status, score.reason) == ("not measured", "nobody scored them")


def test_no_row_is_not_measured() -> None:
    """An empty pull is no evidence of stability."""
    empty = applicants(5, 2).slice(0, 0)
    found = compare(reference(), empty, HalfOfRatio().probabilities(empty), SETTINGS)
    assert {shift.status for shift in (found.score, *found.features)} == {"not measured"}
    assert found.drift_share is None


def test_few_rows_that_surely_moved_are_drift() -> None:
    """Too few rows to tell a little drift from none may be enough to tell a lot."""
    found = compared(applicants(60, 2, RATIO=np.full(60, 0.999)))
    assert shift_of(found, "RATIO").status == "drifted"
    assert shift_of(compared(applicants(60, 2)), "RATIO").status == "not measured"


def test_many_rows_do_not_make_a_trifle_drift() -> None:
    """300,000 rows tell a move of 0.02 deviations from none; the bar says that it is nothing."""
    values = np.random.default_rng(5).normal(size=600_000)
    known = reference(300_000, RATIO=values[:300_000])
    shift = shift_of(
        compared(applicants(300_000, 2, RATIO=values[300_000:] + 0.02), known), "RATIO"
    )
    assert shift.beyond_chance
    assert shift.status == "stable"


def test_a_move_inside_the_outer_bin_is_seen() -> None:
    """The highest tenth ten times as high leaves every decile's share as it was."""
    values = np.random.default_rng(5).exponential(size=8_000)
    raised = np.random.default_rng(6).exponential(size=8_000)
    top = np.quantile(values, 0.9)
    shift = shift_of(
        compared(
            applicants(8_000, 2, RATIO=np.where(raised > top, 10 * raised, raised)),
            reference(RATIO=values),
        ),
        "RATIO",
    )
    index, distance = shift.measures
    assert index.status == "stable"
    assert distance.status == shift.status == "shifted"


def test_a_reference_of_an_older_bundle_is_compared_by_bins() -> None:
    """Without stored quantiles a number still has its index."""
    known = reference()
    older = known.model_copy(
        update={
            "numbers": {
                name: part.model_copy(update={"quantiles": (), "at_or_below": ()})
                for name, part in known.numbers.items()
            }
        }
    )
    shift = shift_of(compared(applicants(3_000, 2), older), "RATIO")
    assert [one.method for one in shift.measures] == ["psi"]
    assert shift.status == "stable"


def test_a_rare_flag_is_measured() -> None:
    """A column in which nearly all rows agree is stable while they do, and drifts when they do not."""
    rare = np.zeros(8_000, int)
    rare[:16] = 1
    known = reference(CHILDREN=rare)
    same, more = (applicants(1_000, 2, CHILDREN=np.arange(1_000) < ones) for ones in (3, 150))
    assert shift_of(compared(same, known), "CHILDREN").status == "stable"
    assert shift_of(compared(more, known), "CHILDREN").status == "drifted"
