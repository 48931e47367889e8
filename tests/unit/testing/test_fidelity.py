"""Whether reasons tell what the model does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import sealed, unseen

from creditrisk.core.settings import PolicySettings
from creditrisk.models.explanation import Reason
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.fidelity import FidelityMeasurement, measure_fidelity

TABLE = unseen().slice(0, 4000)
POLICY = PolicySettings()


class LyingScorer(Scorer):
    """Names the idea that speaks most for the applicant."""

    def explain(self, table: pa.Table, limit: int = 4) -> list[list[Reason]]:
        """One reason, of the lowest contribution."""
        del limit
        honest = super().explain(table, limit=99)
        excess = self.contributions(table)[:, :-1] - [
            feature.mean_contribution for feature in self.reference.features
        ]
        codes = [str(self.reference.features[index].reason) for index in excess.argmin(axis=1)]
        return [[replace(row[0], code=code)] for row, code in zip(honest, codes, strict=True)]


class MoodyScorer(Scorer):
    """Gives other reasons to an applicant who comes alone."""

    def explain(self, table: pa.Table, limit: int = 4) -> list[list[Reason]]:
        """The reasons in another order for a single row."""
        found = super().explain(table, limit)
        return found if table.num_rows > 1 else [row[::-1] for row in found]


class LeakyScorer(Scorer):
    """Loses a bit of log-odds on the way."""

    def contributions(self, table: pa.Table) -> np.ndarray:
        """Contributions that add up to a little less."""
        return super().contributions(table) - 1e-8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("bundle")).folder


def measured(scorer: Scorer, table: pa.Table = TABLE, **options: Any) -> FidelityMeasurement:
    """Two reasons at most: the small model has but four features to draw from."""
    return measure_fidelity(scorer, table, POLICY, **{"cases": 100, "limit": 2, **options})


def test_true_reasons_pass(folder: Path) -> None:
    """Contributions add up, named features lower the PD more than others, and nothing wavers."""
    found = measured(Scorer.load(folder))
    assert found.additivity.holds
    assert (found.deletion.cases, found.stability.rows, found.stability.unstable) == (100, 100, 0)
    assert found.deletion.share == found.deletion.wins / 100
    assert found.deletion.share >= 0.95
    assert found.deletion.named_fall > found.deletion.random_fall


def test_false_reasons_fail(folder: Path) -> None:
    """Naming what speaks for the applicant lowers no PD."""
    found = measured(LyingScorer.load(folder))
    assert found.deletion.share < 0.2
    assert found.deletion.high < 0.95


def test_reasons_that_depend_on_company_are_noticed(folder: Path) -> None:
    """An applicant who gets other reasons alone than in a batch is counted."""
    assert measured(MoodyScorer.load(folder)).stability.unstable > 10


def test_contributions_that_do_not_add_up_are_noticed(folder: Path) -> None:
    """A gap of some 1e-8 is beyond the tolerance of a model in double precision."""
    found = measured(LeakyScorer.load(folder)).additivity
    assert not found.holds
    assert 1e-9 < found.largest_gap < 1e-6


def test_all_declined_are_taken_where_they_are_few(folder: Path) -> None:
    """The sample is no larger than the number of declined applicants."""
    scorer = Scorer.load(folder)
    declined = int((scorer.probabilities(TABLE) >= 0.2).sum())
    found = measured(scorer, cases=10_000).deletion
    assert found.declined == found.cases == declined > 100


def test_nobody_declined_is_not_measured(folder: Path) -> None:
    """Without a case there is no share, rather than a perfect one."""
    scorer = Scorer.load(folder)
    approved = TABLE.filter(pa.array(scorer.probabilities(TABLE) < 0.1))
    found = measured(scorer, approved)
    assert (found.deletion.cases, found.deletion.share, found.unnamed_share) == (0, None, None)


def test_the_measurement_does_not_depend_on_the_rows_order(folder: Path) -> None:
    """Sample and random draws hang on the applicants' keys."""
    scorer = Scorer.load(folder)
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    assert measured(scorer, TABLE.take(order)) == measured(scorer)


def test_another_seed_takes_another_sample(folder: Path) -> None:
    """The seed decides who is sampled and what is drawn."""
    scorer = Scorer.load(folder)
    one, two = (measured(scorer, seed=seed).deletion for seed in (0, 1))
    assert one.random_fall != two.random_fall
