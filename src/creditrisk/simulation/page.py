"""`timeline.html`: the months of a simulation on one page for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from creditrisk.monitoring.outcomes.measures import Measure
from creditrisk.reporting.charts import percent
from creditrisk.reporting.document import (
    Block,
    Cell,
    Chart,
    Document,
    Facts,
    Grid,
    Notice,
    Paragraph,
    Section,
    Tone,
)
from creditrisk.simulation.drawing import (
    Bar,
    Interval,
    Lane,
    Mark,
    Months,
    Series,
    Strip,
    lanes_svg,
)
from creditrisk.simulation.timeline import OutcomesSeen, PromotionSeen, Timeline, TimelineMonth

_BLUE, _ORANGE, _GREEN, _QUIET = "var(--s0)", "var(--s1)", "var(--good)", "var(--quiet)"
_CHANGES = {
    "none": "Nothing changes: the same kinds of people apply, and repay as before",
    "covariate": "Other people apply: younger, weaker, asking for larger loans",
    "prior": "More of the applicants default; each kind of person is as before",
    "concept": "The same people apply, but what makes them default changes",
}
_SHADE = {
    "covariate": "other people apply",
    "prior": "more applicants default",
    "concept": "what makes people default has changed",
}
_TRIGGER, _PROMOTED, _NOT_PROMOTED = "▲", "★", "✕"


def write_page(timeline: Timeline, path: Path) -> None:
    """Write the page; it needs no network and no other file."""
    page(timeline).write(path)


def page(timeline: Timeline) -> Document:
    """The page of a timeline."""
    played = timeline.played
    return Document(
        title=f"{len(timeline.months)} simulated months of a lender's model",
        subtitle=(
            f"{_CHANGES[played.scenario]}"
            + (f", from month {played.from_month} on." if played.scenario != "none" else ".")
            + " Generated applicants: the figures say nothing about a real portfolio."
        ),
        verdict=_verdict(timeline),
        headline=_headline(timeline),
        sections=[
            Section("timeline", "What happened", _timeline_blocks(timeline)),
            Section("promises", "What monitoring should do, and did", _promise_blocks(timeline)),
            Section("months", "Month by month", [_month_grid(timeline), _cause_grid(timeline)]),
            Section("played", "How it was played", _played_blocks(timeline)),
        ],
    )


def _verdict(timeline: Timeline) -> Notice:
    if len(timeline.months) < timeline.played.months:
        return Notice(f"{len(timeline.months)} of {timeline.played.months} months played.", "open")
    broken = [promise for promise in timeline.promises if not promise.kept]
    if broken:
        texts = "; ".join(f"{promise.text} ({promise.seen})" for promise in broken)
        return Notice(f"Monitoring did not do all it should. Missed: {texts}.", "bad")
    texts = "; ".join(f"{promise.text} ({promise.seen})" for promise in timeline.promises)
    return Notice(f"Monitoring did what it should: {texts}.", "good")


def _headline(timeline: Timeline) -> dict[str, str]:
    decided = sum(month.applicants for month in timeline.months)
    known = [month.outcomes for month in timeline.months if month.outcomes]
    return {
        "applicants decided on": f"{decided:,}",
        "outcomes known": f"{sum(one.outcomes for one in known):,}",
        "retrainings triggered": str(len(timeline.triggers)),
        "new champions": str(len(timeline.promotions)),
    }


def _timeline_blocks(timeline: Timeline) -> list[Block]:
    if not timeline.months:
        return [Paragraph("The first model is trained; no month has been played yet.")]
    caption = (
        f"{_TRIGGER} a rule asked for a retraining; {_PROMOTED} the retrained model became champion "
        f"for the next month; {_NOT_PROMOTED} it was trained but not promoted. Red dashes are the "
        "bars of params.yaml. Whiskers and bands are 95 % intervals. The last lane is what no lender "
        "sees: outcomes of declined applicants too."
    )
    return [Chart(_svg(timeline), caption)]


def _svg(timeline: Timeline) -> str:
    played = timeline.played
    shifted = [place for place, month in enumerate(timeline.months) if month.is_shifted]
    months = Months(
        labels=[month.month for month in timeline.months],
        shaded_from=shifted[0] if shifted else None,
        shade=_SHADE.get(played.scenario, ""),
    )
    return lanes_svg("Timeline of the simulation", months, _strip(timeline), _lanes(timeline))


def _strip(timeline: Timeline) -> Strip:
    marks = []
    for place, month in enumerate(timeline.months):
        if month.has_promoted:
            marks.append(Mark(place, f"{_TRIGGER}{_PROMOTED}", _GREEN, _happened(month)))
        elif month.retraining.is_trigger:
            sign = _TRIGGER + (_NOT_PROMOTED if month.retraining.result != "unchanged" else "")
            marks.append(Mark(place, sign, "var(--bad)", _happened(month)))
    names = [f"version {month.champion}" for month in timeline.months]
    return Strip("Champion, and what happened at the end of a month", names, marks)


def _lanes(timeline: Timeline) -> list[Lane]:
    months, rules = timeline.months, timeline.retraining
    band = timeline.outcomes.observed_expected
    above = [month.drift.is_above for month in months]
    return [
        Lane(
            "ROC-AUC of accepted applicants",
            [
                Series(
                    "estimated before outcomes", _QUIET, _estimated(months), band=True, guide=True
                ),
                Series("realised", _BLUE, _realised(months)),
            ],
            _decimals(2),
        ),
        Lane(
            "Defaults observed / expected",
            [Series("", _BLUE, _observed_expected(months))],
            _decimals(2),
            [Bar(band.high, f"{band.high:g}"), Bar(band.low, f"{band.low:g}")],
        ),
        Lane(
            "Drift of scores (PSI)",
            [Series("", _BLUE, _points(month.drift.score_psi for month in months), flagged=above)],
            _decimals(2),
            [Bar(rules.min_score_psi, "counts for a retraining")],
            least=(0.0, 0.12),
        ),
        Lane(
            "Share of inputs that moved",
            [
                Series(
                    "", _BLUE, _points(month.drift.drift_share for month in months), flagged=above
                )
            ],
            percent,
            [Bar(rules.min_drift_share, "counts for a retraining")],
            least=(0.0, 0.12),
        ),
        Lane(
            "Can a classifier tell the month from training? (ROC-AUC, 0.5 = no)",
            [Series("", _BLUE, _points(month.drift.domain_auc for month in months))],
            _decimals(2),
            [Bar(timeline.domain_bars.shifted_from, "shifted from here")],
            least=(0.45, 0.6),
        ),
        Lane(
            "What no lender sees: true ROC-AUC of all applicants",
            [
                Series(
                    "first model",
                    _ORANGE,
                    [_value(m.truth.first_model_roc_auc) for m in months],
                    guide=True,
                ),
                Series("champion", _GREEN, [_value(m.truth.roc_auc) for m in months]),
            ],
            _decimals(2),
            least=(0.65, 0.8),
        ),
    ]


def _estimated(months: Sequence[TimelineMonth]) -> list[Interval | None]:
    return [_interval(one.outcomes.estimated_roc_auc if one.outcomes else None) for one in months]


def _realised(months: Sequence[TimelineMonth]) -> list[Interval | None]:
    return [_interval(one.outcomes.roc_auc if one.outcomes else None) for one in months]


def _observed_expected(months: Sequence[TimelineMonth]) -> list[Interval | None]:
    return [_interval(one.outcomes.observed_expected if one.outcomes else None) for one in months]


def _points(values: Iterable[float | None]) -> list[Interval | None]:
    return [None if value is None else Interval(value, value, value) for value in values]


def _interval(measure: Measure | None) -> Interval | None:
    return None if measure is None else Interval(measure.value, measure.low, measure.high)


def _value(measure: Measure) -> Interval:
    return Interval(measure.value, measure.value, measure.value)


def _decimals(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}"


def _promise_blocks(timeline: Timeline) -> list[Block]:
    rows = [
        (
            Cell("kept" if promise.kept else "missed", "good" if promise.kept else "bad"),
            Cell(promise.text, note=promise.seen),
        )
        for promise in timeline.promises
    ]
    return [Grid("Judged by what happened; nothing is scripted.", ("verdict", "promise"), rows)]


def _month_grid(timeline: Timeline) -> Grid:
    columns = (
        *("month", "approved", "score PSI", "inputs moved", "AUC realised", "obs. / exp."),
        "at its end",
    )
    rows = [_month_row(month) for month in timeline.months]
    caption = "ROC-AUC, and defaults observed over expected, are of accepted applicants; both come a month later."
    return Grid(caption, columns, rows)


def _month_row(month: TimelineMonth) -> list[Cell]:
    drift, known = month.drift, month.outcomes
    tone: Tone = "open" if drift.is_above else "plain"
    return [
        Cell(_unbroken(month.month), note="changed" if month.is_shifted else ""),
        Cell(_shown(drift.approval_rate, percent), number=True),
        Cell(_shown(drift.score_psi, _decimals(3)), tone, number=True),
        Cell(_shown(drift.drift_share, percent), tone, number=True),
        _auc_cell(known),
        _ratio_cell(known),
        _end_cell(month),
    ]


def _end_cell(month: TimelineMonth) -> Cell:
    if month.has_promoted:
        return Cell("retrained, promoted", "good")
    if month.retraining.is_trigger:
        return Cell("retrained, not promoted", "bad")
    tone: Tone = "bad" if month.retraining.decision == "refused" else "plain"
    return Cell(month.retraining.decision, tone)


def _cause_grid(timeline: Timeline) -> Grid:
    rows = [
        [Cell(_unbroken(month.month)), Cell(month.retraining.decision), Cell(_happened(month))]
        for month in timeline.months
    ]
    return Grid("Why, in the words of the rules.", ("month", "decision", "why"), rows)


def _happened(month: TimelineMonth) -> str:
    """Why the month ended as it did, and what a retraining led to."""
    retraining, promotion = month.retraining, month.promotion
    words = [retraining.why]
    if retraining.new_applicants:
        words.append(f"{retraining.new_applicants:,} new labelled applicants")
    if retraining.result == "failed":
        words.append(f"training failed in {retraining.failed_stage or 'an unnamed stage'}")
    if promotion is not None:
        words.append(_compared(promotion))
        words += [] if promotion.promoted else ["not promoted", *promotion.reasons]
    return "; ".join(words)


def _compared(promotion: PromotionSeen) -> str:
    if promotion.candidate_roc_auc is None or promotion.champion_roc_auc is None:
        return "champion and candidate were not compared"
    verdict = f"version {promotion.version} promoted: " if promotion.promoted else ""
    return (
        f"{verdict}ROC-AUC {promotion.candidate_roc_auc:.4f} against the champion's "
        f"{promotion.champion_roc_auc:.4f} on applicants new to both"
    )


def _played_blocks(timeline: Timeline) -> list[Block]:
    played, rules, bars = timeline.played, timeline.retraining, timeline.outcomes
    values = {
        "first model": f"trained on {played.applicants:,} applicants, seed {played.seed}",
        "each month": f"{played.month_applicants:,} raw applications through the API's own code",
        "outcomes": f"of accepted applicants, final {bars.window_days} days after the decision",
        "drift persists": (
            f"{rules.drifting_windows} of {rules.windows} months with a score PSI of "
            f"{rules.min_score_psi:g} or {percent(rules.min_drift_share)} of inputs moved"
        ),
        "outcomes alarm": (
            f"the latest {bars.judged_months} months together, or the latest alone, beyond chance: "
            f"ROC-AUC {bars.max_auc_shortfall:g} or more below what the PDs promise, observed / "
            f"expected outside {bars.observed_expected.low:g} to {bars.observed_expected.high:g}, or "
            f"an input that says {bars.max_effect_change:g} log-odds a standard deviation more or "
            "less of default than the PDs do; of the champion's own decisions"
        ),
        "first champion": timeline.first_champion,
    }
    text = (
        "Training, validation, registration, canary and promotion are the stages of the pipeline; "
        "drift, outcomes and retraining are the code that watches production. Only the clock and "
        "the applicants are made up."
    )
    return [Paragraph(text), Facts(values)]


def _auc_cell(known: OutcomesSeen | None) -> Cell:
    if known is None or known.roc_auc is None or known.estimated_roc_auc is None:
        return Cell("-", number=True)
    note = f"estimated {known.estimated_roc_auc.value:.3f}"
    return Cell(f"{known.roc_auc.value:.3f}", number=True, note=note)


def _ratio_cell(known: OutcomesSeen | None) -> Cell:
    if known is None or known.observed_expected is None:
        return Cell("-", number=True)
    ratio = known.observed_expected
    return Cell(f"{ratio.value:.2f}", number=True, note=f"{ratio.low:.2f} to {ratio.high:.2f}")


def _unbroken(text: str) -> str:
    return text.replace("-", "\N{NON-BREAKING HYPHEN}")


def _shown(value: float | None, shown: Callable[[float], str]) -> str:
    return "-" if value is None else shown(value)
