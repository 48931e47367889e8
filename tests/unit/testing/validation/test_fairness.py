from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from creditrisk.core.settings import FairnessSettings, PolicySettings, ProtectedAttribute
from creditrisk.models.encoding import ModelFeature
from creditrisk.models.metrics import NotMeasurable
from creditrisk.testing.checks import Finding
from creditrisk.testing.details import ApprovalTable
from creditrisk.testing.scored_split import ScoredSplit
from creditrisk.testing.validation.fairness import approvals
from creditrisk.testing.validation.groups import Grouping, by_value
from creditrisk.testing.validation.proxies import measure_proxies

POLICY = PolicySettings(protected_attributes={"gender": ProtectedAttribute(column="CODE_GENDER")})


def found(
    approved: dict[str, tuple[int, int]],
    measure: Literal["ratio", "gap"] = "ratio",
    defaults: float = 0.0,
    **bars: Any,
) -> Finding:
    """The approvals of groups given as (approved, applicants); those declined have a PD of 0.5.

    The first `defaults` share of each group's declined applicants default.
    """
    groups, pds, targets = [], [], []
    for group, (yes, applicants) in approved.items():
        no = applicants - yes
        groups += [group] * applicants
        pds += [0.05] * yes + [0.5] * no
        targets += [0] * yes + [1] * int(no * defaults) + [0] * (no - int(no * defaults))
    sample = ScoredSplit(np.arange(len(pds)), np.array(targets, np.int8), np.array(pds), "")
    grouping = by_value("gender", pa.chunked_array([groups]))
    return approvals(sample, [grouping], POLICY, FairnessSettings(**bars), measure)


def rows(finding: Finding) -> dict[str, Any]:
    """The rows by group."""
    assert isinstance(finding.details, ApprovalTable)
    return {row.group: row for row in finding.details.rows}


def test_groups_are_compared_with_the_one_approved_most() -> None:
    """60 of 100 against 80 of 100 is a ratio of three quarters."""
    finding = found({"F": (800, 1_000), "M": (600, 1_000)})
    assert rows(finding)["F"].is_reference
    assert rows(finding)["M"].value == pytest.approx(0.75)
    assert not finding.passed
    assert "below the bar: gender M" in finding.observed


def test_a_difference_that_chance_explains_passes() -> None:
    """The same rates among few applicants: the interval reaches the bar."""
    assert found({"F": (16, 20), "M": (12, 20)}).passed


def test_small_groups_are_shown_and_not_judged() -> None:
    """A handful of applicants neither fails nor becomes the group that others are measured by."""
    finding = found({"F": (800, 1_000), "M": (790, 1_000), "XNA": (1, 1)})
    assert finding.passed
    assert rows(finding)["F"].is_reference
    assert (rows(finding)["XNA"].value, rows(finding)["XNA"].approval_rate) == (None, 1)


def test_the_gap_counts_only_those_who_repaid() -> None:
    """Where all who were declined would have defaulted, nobody was wronged."""
    groups = {"F": (800, 1_000), "M": (600, 1_000)}
    assert not found(groups, "gap", defaults=0.0).passed
    wronged = found(groups, "gap", defaults=1.0)
    assert wronged.passed
    assert rows(wronged)["M"].value == 0


def test_one_group_cannot_be_compared() -> None:
    """Without a second group of size there is nothing to measure, and nothing passes."""
    with pytest.raises(NotMeasurable, match="two are required"):
        found({"F": (800, 1_000), "M": (1, 2)})


FEATURES = (ModelFeature(name="CHILDREN", type="real"), ModelFeature(name="NOISE", type="real"))


def proxies(strength: float, **bars: Any) -> Any:
    """How well two inputs, one of which leans on the group, tell it."""
    generator = np.random.default_rng(0)
    member = generator.random(4_000) < 0.4
    table = pa.table(
        {
            "CHILDREN": strength * member + generator.normal(size=4_000),
            "NOISE": generator.normal(size=4_000),
        }
    )
    grouping = Grouping("gender", ("F", "M"), member.astype(np.int64))
    return measure_proxies(table, FEATURES, [grouping], FairnessSettings(**bars))


def test_inputs_that_know_nothing_tell_nothing() -> None:
    """The measurement is cross-fitted: noise is told apart no better than by chance."""
    assert all(row.low < 0.53 and row.roc_auc == pytest.approx(0.5, abs=0.05) for row in proxies(0))


def test_an_input_that_gives_a_group_away_is_found() -> None:
    """Three standard deviations between groups give an AUC near 0.98, above the bar."""
    strong = proxies(3.0)
    assert all(row.roc_auc == pytest.approx(0.98, abs=0.02) and not row.holds for row in strong)
    assert [row.group for row in strong] == ["F"]


def test_many_applicants_are_thinned_by_rule() -> None:
    """Every k-th applicant counts, the same ones each time."""
    thinned = proxies(1.0, proxy_rows=1_500)
    assert thinned[0].rows == pytest.approx(0.6 * 4_000 / 3, rel=0.1)
    assert thinned == proxies(1.0, proxy_rows=1_500)
