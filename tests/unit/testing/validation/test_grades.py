from __future__ import annotations

import numpy as np
import pytest

from creditrisk.core.settings import CalibrationSettings, PolicySettings
from creditrisk.models.metrics.grades import jeffreys_test
from creditrisk.testing.details import CalibrationTable, GradeTable
from creditrisk.testing.scored_split import ScoredSplit
from creditrisk.testing.validation.grades import calibration_within, grade_finding
from creditrisk.testing.validation.groups import Grouping

BARS = CalibrationSettings()


def scored(seed: int = 0, *, factor: float = 1.0, rows: int = 6_000) -> ScoredSplit:
    """Applicants whose PDs are `factor` times the risk that their outcomes are drawn from."""
    generator = np.random.default_rng(seed)
    risk = generator.beta(1.2, 13, rows)
    target = (generator.random(rows) < risk).astype(np.int8)
    return ScoredSplit(np.arange(rows), target, np.minimum(1.0, factor * risk), "5" * 64)


def table_of(sample: ScoredSplit) -> GradeTable:
    """The grades of a sample."""
    details = grade_finding(sample, PolicySettings(), BARS).details
    assert isinstance(details, GradeTable)
    return details


def test_every_grade_is_tested_on_its_own_applicants() -> None:
    """Rows and defaults add up, and each test is that of the grade's mean PD."""
    sample = scored()
    rows = table_of(sample).rows
    assert [row.grade for row in rows] == list("ABCDEFG")
    assert sum(row.rows for row in rows) == 6_000
    assert sum(row.defaults for row in rows) == sample.target.sum()
    best = sample.pd < 0.02
    assert rows[0].mean_pd == pytest.approx(sample.pd[best].mean())
    p_value = jeffreys_test(rows[0].defaults, rows[0].rows, float(sample.pd[best].mean()))
    assert rows[0].jeffreys_p == pytest.approx(p_value)


def test_true_pds_pass_whatever_the_seed() -> None:
    """Of 100 samples with true PDs none is refused: the gate does not fail by chance."""
    assert all(grade_finding(scored(s), PolicySettings(), BARS).passed for s in range(100))


def test_pds_of_half_the_risk_fail() -> None:
    """A model that promises half of the defaults is refused, its grades named and red."""
    finding = grade_finding(scored(factor=0.5), PolicySettings(), BARS)
    assert not finding.passed
    assert "PD too low in" in finding.observed
    assert finding.values["red"] >= 4


def test_cautious_pds_do_not_fail_the_grades() -> None:
    """The grade test asks for PDs that are high enough; too high is for the overall check."""
    finding = grade_finding(scored(factor=1.6), PolicySettings(), BARS)
    assert finding.passed
    assert finding.values["green"] == 7


def test_an_empty_grade_is_shown_without_a_test() -> None:
    """A grade that nobody has is neither green nor red."""
    sample = scored()
    flat = ScoredSplit(sample.applicants, sample.target, np.full(6_000, 0.09), sample.sha256)
    rows = {row.grade: row for row in table_of(flat).rows}
    assert (rows["A"].rows, rows["A"].light, rows["A"].jeffreys_p) == (0, None, None)
    assert rows["E"].rows == 6_000


def split_in_two(rows: int) -> Grouping:
    """Two groups, the second a twentieth of the applicants, and one that nobody is in."""
    return Grouping(
        "product", ("cash", "cards", "none"), (np.arange(rows) % 20 == 0).astype(np.int64)
    )


def test_a_group_whose_pds_are_untrue_is_named() -> None:
    """Overall agreement does not hide a group with three times the defaults."""
    sample = scored(rows=12_000)
    grouping = split_in_two(12_000)
    pd = np.where(grouping.members(1), sample.pd / 3, sample.pd)
    finding = calibration_within(
        ScoredSplit(sample.applicants, sample.target, pd, ""), [grouping], BARS
    )
    assert not finding.passed
    assert "outside: product cards" in finding.observed


def test_groups_of_true_pds_pass() -> None:
    """A small group is judged by its wide interval; a group of nobody is left out."""
    finding = calibration_within(scored(), [split_in_two(6_000)], BARS)
    assert finding.passed
    assert isinstance(finding.details, CalibrationTable)
    assert [row.group for row in finding.details.rows] == ["cash", "cards"]
    assert finding.details.confidence == pytest.approx(0.995)


def test_a_handful_of_applicants_is_not_the_furthest_group() -> None:
    """Two applicants without a default are 0 times their PD, which tells less than a real shift."""
    sample = scored(rows=12_000)
    places = (np.arange(12_000) % 3 == 0).astype(np.int64)
    places[sample.target.argmin()] = 2
    pd = np.where(places == 1, sample.pd / 2, sample.pd)
    grouping = Grouping("product", ("cash", "cards", "other"), places)
    changed = ScoredSplit(sample.applicants, sample.target, pd, "")
    assert "product cards)" in calibration_within(changed, [grouping], BARS).observed
