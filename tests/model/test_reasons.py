"""The reasons of trained models: additive, true, stable, and never of a protected attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from simulated_lending import SNAPSHOT, fitted, sealed, tables, unseen

from creditrisk.core.settings import PolicySettings, ProtectedAttribute
from creditrisk.mlops.bundle import seal
from creditrisk.models.serving import MODEL_FILES
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.fidelity import measure_fidelity

if TYPE_CHECKING:
    from pathlib import Path

TOLERANCES = {"xgboost": 1e-5}


@pytest.fixture(scope="module", params=MODEL_FILES)
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """The scorer of a sealed bundle of each model type."""
    return Scorer.load(sealed(tmp_path_factory.mktemp("bundle"), request.param).folder)


def test_contributions_add_up_to_the_pd_s_log_odds(scorer: Scorer) -> None:
    """Base and features sum to the calibrated log-odds: to 1e-9, XGBoost's floats to 1e-5."""
    pds = scorer.probabilities(unseen())
    gaps = scorer.contributions(unseen()).sum(axis=1) - np.log(pds / (1 - pds))
    assert np.abs(gaps).max() <= TOLERANCES.get(scorer.manifest.model_type, 1e-9)


def test_the_base_is_everybody_s(scorer: Scorer) -> None:
    """The last column is one number, so that no part of a score is left unexplained."""
    assert np.ptp(scorer.contributions(unseen())[:, -1]) == 0


def test_contributions_do_not_depend_on_batch_or_threads(scorer: Scorer) -> None:
    """A row's contributions have the same bits alone, in a batch and on any number of threads."""
    batch = unseen().slice(0, 300)
    expected = scorer.contributions(batch)
    alone = [scorer.contributions(batch.slice(row, 1))[0] for row in range(0, 300, 30)]
    assert np.array_equal(alone, expected[::30])
    for threads in (2, 3):
        assert np.array_equal(scorer.on_threads(threads).contributions(batch), expected)


def test_reasons_hold_by_deletion(scorer: Scorer) -> None:
    """Named features lower the PDs of the declined more than random others, nearly always."""
    found = measure_fidelity(scorer, unseen(), PolicySettings(), limit=2)
    assert found.deletion.cases == 500
    assert found.deletion.share >= 0.95
    assert found.additivity.holds
    assert found.stability.unstable == 0


def test_reasons_follow_the_law(scorer: Scorer) -> None:
    """Applicants of whom an agency thinks little are told that first."""
    score = np.asarray(unseen().column("EXT_SOURCE_2").fill_null(1.0))
    low = unseen().filter(score < 0.1)
    leading = [row[0].code for row in scorer.explain(low) if row]
    assert leading.count("EXTERNAL_SCORE") / len(leading) > 0.95


def test_a_protected_attribute_is_never_a_reason(tmp_path: Path) -> None:
    """What the policy protects stays in the PD, is not named, and its part is known."""
    attribute = ProtectedAttribute(column="EXT_SOURCE_2")
    policy = PolicySettings(protected_attributes={"score": attribute})
    bundle = seal(fitted(), tables(), SNAPSHOT, tmp_path / "bundle", policy)
    scorer = Scorer.load(bundle.folder)
    codes = {reason.code for row in scorer.explain(unseen()) for reason in row}
    assert codes == {"LOAN_TO_INCOME", "FAMILY_SIZE", "INCOME_KIND"}
    assert scorer.unnamed_shares(unseen()).max() > 0.5
