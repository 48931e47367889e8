"""What is measured of a candidate beside the champion, each with its bar.

Both score the same rows. `values` of every check say which model a number is of; a default rate of
nobody is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.core.settings import CanarySettings, PolicySettings
from creditrisk.models.metrics import wilson_interval
from creditrisk.models.metrics.comparison import (
    AucComparison,
    compare_roc_auc,
    difference_of_shares,
    rank_correlation,
)
from creditrisk.models.metrics.stability import NumberBins, stability_index
from creditrisk.scoring.decisions import decision_of
from creditrisk.testing.checks import Finding, Rule
from creditrisk.testing.reference_set import ReferenceSet
from creditrisk.testing.scored_split import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAMILY = "canary"
PSI_BINS = 10
# Shown to a person, who decides what they mean; they refuse nothing.
INFORMATIONAL = frozenset({"mean_pd_change"})


@dataclass(frozen=True)
class Trial:
    """Two models, the rows they are compared on, and the bars; everything is measured once."""

    reference: ReferenceSet
    candidate: Model
    champion: Model
    settings: CanarySettings
    policy: PolicySettings

    @cached_property
    def candidate_pd(self) -> NDArray[np.float64]:
        """The candidate's PD of each row."""
        return self.candidate.probabilities(self.reference.table)

    @cached_property
    def champion_pd(self) -> NDArray[np.float64]:
        """The champion's PD of each row."""
        return self.champion.probabilities(self.reference.table)

    @cached_property
    def candidate_decisions(self) -> NDArray[np.str_]:
        """The candidate's decision on each row, by the lender's policy."""
        return decision_of(self.candidate_pd, self.policy)

    @cached_property
    def champion_decisions(self) -> NDArray[np.str_]:
        """The champion's decision on each row, by the same policy."""
        return decision_of(self.champion_pd, self.policy)

    @cached_property
    def auc(self) -> AucComparison:
        """How much better the candidate ranks."""
        return compare_roc_auc(
            self.reference.target, self.candidate_pd, self.champion_pd, self.settings.confidence
        )


def rules(trial: Trial, evidence: tuple[Path, ...]) -> tuple[Rule, ...]:
    """The checks in the order in which a person reads them."""
    return (
        _rows_rule(trial, evidence),
        *_auc_rules(trial, evidence),
        *_decision_rules(trial, evidence),
        *_score_rules(trial, evidence),
    )


def _rows_rule(trial: Trial, evidence: tuple[Path, ...]) -> Rule:
    required = trial.settings.min_outcomes
    return Rule(
        id="reference_rows",
        family=FAMILY,
        holds="Enough applicants whom neither model was trained on are there to compare.",
        bar=f"at least {required} defaults and as many others (canary.min_outcomes)",
        basis="policy",
        source="normal approximation of a difference of areas",
        evidence=evidence,
        measure=lambda: _rows(trial.reference, required),
    )


def _auc_rules(trial: Trial, evidence: tuple[Path, ...]) -> tuple[Rule, Rule]:
    settings = trial.settings
    source = "DeLong, DeLong, Clarke-Pearson (1988), paired"
    return (
        Rule(
            id="auc_not_worse",
            family=FAMILY,
            holds="The candidate does not surely rank worse than the champion.",
            bar=f"interval ends at or above {-settings.max_auc_loss:g} (canary.max_auc_loss)",
            basis="statistics",
            source=source,
            evidence=evidence,
            measure=lambda: _auc(trial.auc, trial.auc.difference.high >= -settings.max_auc_loss),
        ),
        Rule(
            id="auc_not_inferior",
            family=FAMILY,
            holds="The candidate is shown to rank about as well as the champion, or better.",
            bar=f"interval begins at or above {-settings.auc_margin:g} (canary.auc_margin)",
            basis="statistics",
            source=source,
            evidence=evidence,
            measure=lambda: _auc(trial.auc, trial.auc.difference.low >= -settings.auc_margin),
        ),
    )


def _decision_rules(trial: Trial, evidence: tuple[Path, ...]) -> tuple[Rule, ...]:
    settings, policy = trial.settings, "the lender's policy (policy.approve_below, .decline_from)"
    return (
        Rule(
            id="approval_change",
            family=FAMILY,
            holds="The share of approved applicants stays about the same.",
            bar=f"at most {settings.max_approval_change:g} (canary.max_approval_change)",
            basis="policy",
            source=policy,
            evidence=evidence,
            measure=lambda: _share_change(trial, "approve", settings.max_approval_change),
        ),
        Rule(
            id="decline_change",
            family=FAMILY,
            holds="The share of declined applicants stays about the same.",
            bar=f"at most {settings.max_decline_change:g} (canary.max_decline_change)",
            basis="policy",
            source=policy,
            evidence=evidence,
            measure=lambda: _share_change(trial, "decline", settings.max_decline_change),
        ),
        Rule(
            id="swap_sets",
            family=FAMILY,
            holds="Newly approved applicants do not surely default more than those they replace.",
            bar="interval of the difference in default rates begins at or below 0",
            basis="statistics",
            source="swap-set analysis; Newcombe (1998), method 10",
            evidence=evidence,
            measure=lambda: _swap_sets(trial),
            note="Outcomes of applicants who were declined in the past are not in the data.",
        ),
    )


def _score_rules(trial: Trial, evidence: tuple[Path, ...]) -> tuple[Rule, ...]:
    settings = trial.settings
    return (
        Rule(
            id="mean_pd_change",
            family=FAMILY,
            holds="The mean PD stays about the same.",
            bar=f"at most {settings.max_mean_pd_change:g} of the champion's",
            basis="policy",
            source="canary.max_mean_pd_change",
            evidence=evidence,
            measure=lambda: _mean_pd_change(trial),
        ),
        Rule(
            id="rank_correlation",
            family=FAMILY,
            holds="Both models put applicants in about the same order.",
            bar=f"Spearman at least {settings.min_rank_correlation:g}",
            basis="policy",
            source="Spearman (1904); Kendall (1938), tau-b; canary.min_rank_correlation",
            evidence=evidence,
            measure=lambda: _rank_correlation(trial),
        ),
        Rule(
            id="score_psi",
            family=FAMILY,
            holds="Scores are distributed about the same.",
            bar=f"at most {settings.max_score_psi:g} (canary.max_score_psi)",
            basis="policy",
            source="Siddiqi, Credit Risk Scorecards (2006), ch. 8",
            evidence=evidence,
            measure=lambda: _score_psi(trial),
        ),
    )


def _rows(reference: ReferenceSet, required: int) -> Finding:
    rows, defaults = reference.summary.rows, reference.summary.defaults
    return Finding(
        passed=min(defaults, rows - defaults) >= required,
        observed=f"{rows} rows of {reference.summary.rows_in_split}, {defaults} defaults",
        values={"rows": rows, "defaults": defaults},
    )


def _auc(comparison: AucComparison, passed: bool) -> Finding:  # noqa: FBT001 - the verdict
    difference = comparison.difference
    return Finding(
        passed=passed,
        observed=(
            f"{comparison.first:.4f} against {comparison.second:.4f}: {difference.value:+.4f} "
            f"({difference.low:+.4f} to {difference.high:+.4f}), p {comparison.p_value:.3g}"
        ),
        values={
            "candidate": comparison.first,
            "champion": comparison.second,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "p_value": comparison.p_value,
        },
    )


def _share_change(trial: Trial, decision: str, most: float) -> Finding:
    candidate = float(np.mean(trial.candidate_decisions == decision))
    champion = float(np.mean(trial.champion_decisions == decision))
    return Finding(
        passed=abs(candidate - champion) <= most,
        observed=f"{candidate:.4f} against {champion:.4f}: {candidate - champion:+.4f}",
        values={"candidate": candidate, "champion": champion, "change": candidate - champion},
    )


def _swap_sets(trial: Trial) -> Finding:
    """Compare those whom only the candidate approves with those whom only the champion approves."""
    approved = trial.candidate_decisions == "approve"
    approved_before = trial.champion_decisions == "approve"
    confidence = trial.settings.confidence
    swapped_in = _outcomes(trial, approved & ~approved_before)
    swapped_out = _outcomes(trial, approved_before & ~approved)
    values = {
        **_rates("swap_in", swapped_in, confidence),
        **_rates("swap_out", swapped_out, confidence),
    }
    observed = f"in {_shown(swapped_in)}, out {_shown(swapped_out)}"
    if not swapped_in[1] or not swapped_out[1]:
        return Finding(passed=True, observed=f"{observed}: nobody is replaced", values=values)
    difference = difference_of_shares(swapped_in, swapped_out, confidence)
    return Finding(
        passed=difference.low <= 0,
        observed=f"{observed}: {difference.value:+.4f} "
        f"({difference.low:+.4f} to {difference.high:+.4f})",
        values={
            **values,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
        },
    )


def _outcomes(trial: Trial, chosen: NDArray[np.bool_]) -> tuple[int, int]:
    """Defaults and applicants of a set."""
    return int(trial.reference.target[chosen].sum()), int(chosen.sum())


def _rates(name: str, outcomes: tuple[int, int], confidence: float) -> dict[str, float]:
    defaults, rows = outcomes
    counts: dict[str, float] = {f"{name}_rows": rows, f"{name}_defaults": defaults}
    if not rows:
        return counts
    low, high = wilson_interval(defaults, rows, confidence)
    rates = {"default_rate": defaults / rows, "low": low, "high": high}
    return counts | {f"{name}_{end}": value for end, value in rates.items()}


def _shown(outcomes: tuple[int, int]) -> str:
    defaults, rows = outcomes
    return f"{rows} applicants ({defaults / rows:.4f} defaulted)" if rows else "nobody"


def _mean_pd_change(trial: Trial) -> Finding:
    candidate, champion = float(trial.candidate_pd.mean()), float(trial.champion_pd.mean())
    change = candidate / champion - 1
    return Finding(
        passed=abs(change) <= trial.settings.max_mean_pd_change,
        observed=f"{candidate:.4f} against {champion:.4f}: {change:+.1%}",
        values={
            "candidate": candidate,
            "champion": champion,
            "change": change,
            "default_rate": float(trial.reference.target.mean()),
        },
    )


def _rank_correlation(trial: Trial) -> Finding:
    found = rank_correlation(trial.candidate_pd, trial.champion_pd)
    return Finding(
        passed=found.spearman >= trial.settings.min_rank_correlation,
        observed=f"Spearman {found.spearman:.4f}, Kendall {found.kendall:.4f}",
        values=found._asdict(),
    )


def _score_psi(trial: Trial) -> Finding:
    bins = NumberBins.of(trial.champion_pd, PSI_BINS)
    found = stability_index(bins.counts(trial.champion_pd), bins.counts(trial.candidate_pd))
    return Finding(
        passed=found.value <= trial.settings.max_score_psi,
        observed=f"{found.value:.4f} in {found.bins} bins of the champion's PD",
        values={"psi": found.value, "bins": found.bins},
    )
