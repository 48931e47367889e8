"""What monitoring should do in each scenario, judged by what it did."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from creditrisk.simulation.timeline import Played, Promise, TimelineMonth

MONTHS_TO_TRIGGER = 2


def promises(played: Played, months: Sequence[TimelineMonth]) -> tuple[Promise, ...]:
    """The promises of the scenario; those about months that have not come are not made."""
    if played.scenario == "none":
        return (_quiet(months, "no model is retrained while nothing changes"),)
    before = [month for month in months if not month.is_shifted]
    after = [month for month in months if month.is_shifted]
    found = []
    if before:
        found.append(_quiet(before, "no model is retrained before anything changes"))
    if len(after) >= MONTHS_TO_TRIGGER:
        found.append(_triggered(after))
    if played.scenario == "concept" and len(after) > MONTHS_TO_TRIGGER:
        found.append(_improved(after))
    return tuple(found)


def _quiet(months: Sequence[TimelineMonth], text: str) -> Promise:
    triggers = [month for month in months if month.retraining.is_trigger]
    seen = f"{len(triggers)} triggers in {len(months)} months"
    if triggers:
        seen += f", the first at the end of {triggers[0].month}: {triggers[0].retraining.why}"
    return Promise(text=text, kept=not triggers, seen=seen)


def _triggered(after: Sequence[TimelineMonth]) -> Promise:
    first = next((n for n, one in enumerate(after, start=1) if one.retraining.is_trigger), None)
    seen = f"no trigger in {len(after)} months"
    if first is not None:
        seen = f"after {first} month{'s' if first > 1 else ''}: {after[first - 1].retraining.why}"
    return Promise(
        text=f"a retraining is triggered within {MONTHS_TO_TRIGGER} months of the shift",
        kept=first is not None and first <= MONTHS_TO_TRIGGER,
        seen=seen,
    )


def _improved(after: Sequence[TimelineMonth]) -> Promise:
    """Better is what ranks the applicants of the following months better than the first model."""
    place = next((n for n, month in enumerate(after) if month.has_promoted), None)
    text = "a challenger that ranks better than the first model is promoted"
    if place is None:
        return Promise(text=text, kept=False, seen="no challenger was promoted")
    seen = f"promoted at the end of {after[place].month}"
    gains = [
        month.truth.roc_auc.value - month.truth.first_model_roc_auc.value
        for month in after[place + 1 :]
    ]
    if not gains:
        return Promise(text=text, kept=False, seen=f"{seen}; no month came after it")
    seen += f"; ROC-AUC {fmean(gains):+.3f} on all applicants of the {len(gains)} months after it"
    return Promise(text=text, kept=fmean(gains) > 0, seen=seen)
