from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from creditrisk.core.settings import CanarySettings, PolicySettings
from creditrisk.models.errors import MissingFeatures
from creditrisk.models.metrics.comparison import compare_roc_auc
from creditrisk.testing.canary_checks import INFORMATIONAL, Trial, rules
from creditrisk.testing.checks import Check, attempt
from creditrisk.testing.reference_set import ReferenceSet, ReferenceSummary

ROWS = 8_000
POLICY = PolicySettings(approve_below=0.10, decline_from=0.20)


class Column:
    """A model whose PD stands in a column."""

    def __init__(self, name: str) -> None:
        self.name = name

    def probabilities(self, table: pa.Table) -> Any:
        """The PD of each row."""
        if self.name not in table.column_names:
            raise MissingFeatures([self.name])
        return table.column(self.name).to_numpy()


def log_odds(generator: np.random.Generator) -> np.ndarray:
    """Risks of a portfolio with about 8 % defaults."""
    return -2.8 + generator.standard_normal(ROWS)


def probability(values: np.ndarray) -> np.ndarray:
    """The PD of these log-odds."""
    return 1 / (1 + np.exp(-values))


def trial(candidate: np.ndarray | None = None, seed: int = 1, **bars: Any) -> Trial:
    """A candidate's PDs beside those of a champion that knows the risks up to some noise."""
    generator = np.random.default_rng(seed)
    risk = log_odds(generator)
    target = (generator.random(ROWS) < probability(risk)).astype(np.int8)
    champion = probability(risk + 0.3 * generator.standard_normal(ROWS))
    pds = champion if candidate is None else candidate
    return Trial(
        reference=reference({"candidate": pds, "champion": champion}, target),
        candidate=Column("candidate"),
        champion=Column("champion"),
        settings=CanarySettings(**bars),
        policy=POLICY,
    )


def reference(columns: Mapping[str, np.ndarray], target: np.ndarray) -> ReferenceSet:
    """A reference set of these columns."""
    summary = ReferenceSummary(
        path="test.parquet",
        sha256="0" * 64,
        rule="all",
        hold_outs={},
        rows_in_split=target.size,
        left_out={},
        rows=target.size,
        defaults=int(target.sum()),
    )
    return ReferenceSet(pa.table(dict(columns)), target, summary)


def candidate(noise: float = 0.3, shift: float = 0.0, seed: int = 1) -> np.ndarray:
    """PDs of a candidate that knows the champion's risks up to other noise, all shifted."""
    risk = log_odds(np.random.default_rng(seed))
    own = np.random.default_rng(seed + 1_000).standard_normal(ROWS)
    return probability(risk + noise * own + shift)


def check(name: str, of: Trial) -> Check:
    """That check, attempted."""
    rule = next(rule for rule in rules(of, ()) if rule.id == name)
    return attempt(rule, lambda _: "", required=name not in INFORMATIONAL)


def refusing(of: Trial) -> set[str]:
    """The checks that refuse."""
    return {rule.id for rule in rules(of, ()) if check(rule.id, of).refuses}


def test_a_model_beside_itself_passes() -> None:
    """No difference, nobody swapped, the same order and distribution."""
    same = trial()
    assert not refusing(same)
    assert check("auc_not_worse", same).values["difference"] == 0
    assert check("swap_sets", same).values == {
        "swap_in_rows": 0,
        "swap_in_defaults": 0,
        "swap_out_rows": 0,
        "swap_out_defaults": 0,
    }
    assert check("rank_correlation", same).values == {"spearman": 1, "kendall": 1}
    assert check("score_psi", same).values["psi"] == 0


def test_an_equal_candidate_passes() -> None:
    """Two models that know as much as each other replace each other in 19 of 20 portfolios."""
    refused = [seed for seed in range(20) if refusing(trial(candidate(seed=seed), seed=seed))]
    assert len(refused) <= 1


def test_a_surely_worse_candidate_is_refused() -> None:
    """The whole interval of the difference lies below the tolerated loss."""
    worse = trial(candidate(noise=0.8))
    found = check("auc_not_worse", worse)
    assert found.status == "failed"
    assert found.values["high"] < -worse.settings.max_auc_loss
    assert found.reason
    assert "interval ends at or above -0.002" in found.reason


def test_the_difference_is_delong_s() -> None:
    """Values are those of the paired comparison of the same rows."""
    compared = trial(candidate())
    found = check("auc_not_worse", compared)
    expected = compare_roc_auc(
        compared.reference.target, compared.candidate_pd, compared.champion_pd, 0.95
    )
    assert found.values["difference"] == pytest.approx(expected.difference.value)
    assert found.values["p_value"] == pytest.approx(expected.p_value)


def test_too_little_knowledge_is_no_proof() -> None:
    """An interval that reaches below the margin refuses, even with a difference of about 0."""
    tight = trial(candidate(seed=4), seed=4, auc_margin=0.003)
    assert check("auc_not_worse", tight).status == "passed"
    assert check("auc_not_inferior", tight).status == "failed"


def test_too_few_defaults_are_refused() -> None:
    """Defaults count, and so do the others."""
    defaults = int(trial().reference.target.sum())
    assert check("reference_rows", trial(min_outcomes=defaults)).status == "passed"
    assert check("reference_rows", trial(min_outcomes=defaults + 1)).status == "failed"


@pytest.mark.parametrize("shift", [-0.7, 0.7])
def test_another_approval_rate_is_refused(shift: float) -> None:
    """Up or down: a lender decides how many it approves, not a retrained model."""
    shifted = trial(candidate(shift=shift))
    found = check("approval_change", shifted)
    assert found.status == "failed"
    approved = {
        role: float(np.mean(pd < POLICY.approve_below))
        for role, pd in (("candidate", shifted.candidate_pd), ("champion", shifted.champion_pd))
    }
    assert found.values["change"] == pytest.approx(approved["candidate"] - approved["champion"])


def test_another_decline_rate_is_refused() -> None:
    """Declined are those from `decline_from` on."""
    found = check("decline_change", trial(candidate(shift=0.8)))
    assert found.status == "failed"
    assert found.values["candidate"] > found.values["champion"] + 0.05


def test_bad_swaps_are_refused() -> None:
    """Approving people who default in place of people who repay is seen without any area."""
    good = trial()
    pds, target = good.champion_pd.copy(), good.reference.target
    approved = pds < POLICY.approve_below
    worst = np.flatnonzero(~approved & (target == 1))[:100]
    best = np.flatnonzero(approved & (target == 0))[:100]
    pds[worst], pds[best] = 0.05, 0.15
    found = check("swap_sets", trial(pds))
    assert found.status == "failed"
    assert (found.values["swap_in_default_rate"], found.values["swap_out_default_rate"]) == (1, 0)
    assert found.values["swap_in_low"] > 0.9


def test_good_swaps_pass() -> None:
    """The other way round there is nothing to object to."""
    before = trial()
    pds, target = before.champion_pd.copy(), before.reference.target
    approved = pds < POLICY.approve_below
    repaid = np.flatnonzero(~approved & (target == 0))[:50]
    defaulted = np.flatnonzero(approved & (target == 1))[:50]
    pds[repaid], pds[defaulted] = 0.05, 0.15
    found = check("swap_sets", trial(pds))
    assert found.status == "passed"
    assert found.values["difference"] == -1


def test_another_mean_pd_is_shown_but_refuses_nothing() -> None:
    """A portfolio that has changed needs another mean PD; a person sees it."""
    found = check("mean_pd_change", trial(candidate(shift=0.4)))
    assert (found.status, found.refuses) == ("failed", False)
    assert found.values["change"] > 0.15


def test_another_order_is_refused() -> None:
    """A candidate that ranks people quite differently is another model than the approved one."""
    scrambled = np.random.default_rng(0).permutation(trial().champion_pd)
    assert check("rank_correlation", trial(scrambled)).status == "failed"


def test_another_distribution_is_refused() -> None:
    """PDs that move to other bins of the champion's are seen, whatever their order."""
    found = check("score_psi", trial(candidate(shift=0.8)))
    assert found.status == "failed"
    assert found.values["psi"] > 0.25


def test_a_model_that_cannot_score_leaves_nothing_measured() -> None:
    """A feature that the data no longer have refuses by every check that needs it."""
    blind = trial()
    unable = Trial(blind.reference, Column("gone"), blind.champion, blind.settings, blind.policy)
    found = check("auc_not_worse", unable)
    assert found.status == "not measured"
    assert found.refuses
    assert refusing(unable) == {rule.id for rule in rules(unable, ())} - {
        "reference_rows",
        *INFORMATIONAL,
    }


def test_each_check_names_the_files_it_rests_on(tmp_path: Path) -> None:
    """Without them it is not measured."""
    missing = rules(trial(), (tmp_path / "test.parquet",))[0]
    assert attempt(missing, lambda _: "", required=True).status == "not measured"
