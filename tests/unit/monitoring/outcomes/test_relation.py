"""An input whose relation to default changed is found; other faults of PDs and chance are not it."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest
from decided_applicants import AS_OF, BUNDLE, MODEL, DecidedPlace, decision_id
from portfolios import BARS, approved_pds
from scipy.stats import hypergeom, norm

from creditrisk.core.settings import Settings
from creditrisk.models.metrics import Floats
from creditrisk.models.metrics import Outcomes as Targets
from creditrisk.monitoring.outcomes.alarms import judge
from creditrisk.monitoring.outcomes.known_inputs import KnownInputs
from creditrisk.monitoring.outcomes.performance import PerformanceReport, measure_performance
from creditrisk.monitoring.outcomes.relation import ScopeRelation, relation
from creditrisk.monitoring.outcomes.samples import Column, Outcomes

APPLICANTS = 4_000
INPUTS = 20


def logistic(log_odds: Floats) -> Floats:
    """PDs of log-odds."""
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def known_of(
    pd: Floats, target: Targets, numbers: dict[str, Floats], kinds: dict[str, Column] | None = None
) -> KnownInputs:
    """Inputs of one month's decisions by one model."""
    month, bundle = (Column((name,), np.zeros(pd.size, np.int64)) for name in ("2025-01", "b" * 64))
    return KnownInputs(pd, target, month, bundle, numbers, kinds or {}, Counter())


def drawn(
    *, effect: float = 0.0, level: float = 0.0, slope: float = 1.0, seed: int = 3
) -> KnownInputs:
    """Outcomes where the first of some inputs matters more than the PDs say.

    Each input follows the PDs a little, as inputs do; `MARK` is 1 for one applicant in fifty.
    """
    chance = np.random.default_rng(seed)
    pd = approved_pds(APPLICANTS, chance)
    log_odds = np.log(pd / (1 - pd))
    numbers = {f"X{n}": chance.normal(size=pd.size) + 0.4 * log_odds for n in range(INPUTS)}
    own = numbers["X0"] - numbers["X0"].mean()
    true = logistic(log_odds.mean() + level + slope * (log_odds - log_odds.mean()) + effect * own)
    numbers["MARK"] = (chance.random(pd.size) < 0.02).astype(float)
    kinds = Column(("A", "B"), (numbers["X0"] > 0.5).astype(np.int64))
    target = chance.random(pd.size) < true
    return known_of(pd, target, numbers, {"KIND": kinds})


def marked(rows: int, defaults: int) -> KnownInputs:
    """So many marked applicants with so many defaults; all have the same PD, and 200 default."""
    number, target = np.arange(APPLICANTS), np.zeros(APPLICANTS, bool)
    target[:defaults] = target[rows : rows + 200 - defaults] = True
    return known_of(np.full(APPLICANTS, 0.05), target, {"MARK": (number < rows).astype(float)})


def found(known: KnownInputs, **changes: float) -> ScopeRelation:
    """What the test finds."""
    return relation("all", known, BARS.model_copy(update=changes))


def status(known: KnownInputs, **changes: float) -> str:
    """The answer of the check, which is the only one asked."""
    bars = BARS.model_copy(update=changes)
    nobody = Outcomes.of_stored(())
    return judge(nobody, bars, [relation("all", known, bars)])[-1].status


def test_a_changed_input_raises_an_alarm_and_is_named() -> None:
    """Its effect is that of the changed law, in log-odds per standard deviation."""
    known = drawn(effect=0.5)
    first = found(known).strongest[0]
    assert status(known) == "alarm"
    assert (first.input, first.rows) == ("X0", APPLICANTS)
    assert first.effect == pytest.approx(0.5 * known.numbers["X0"].std(), abs=0.17)


@pytest.mark.parametrize(
    "fault", [{}, {"level": 0.6}, {"slope": 0.4}], ids=["none", "more defaults", "too far apart"]
)
def test_level_and_spread_of_pds_are_no_change_of_an_input(fault: dict[str, float]) -> None:
    """Prior drift and overconfident PDs have alarms of their own; every input follows the PDs."""
    known = drawn(**fault)
    assert status(known, max_effect_change=0.0) == "quiet"
    assert found(known).tested > INPUTS


def test_an_input_is_judged_by_what_the_pds_do_not_know_of_it() -> None:
    """One that nearly is the PD has its effect beyond it: what both share speaks of neither."""
    known = drawn(effect=0.5)
    log_odds = np.log(known.pd / (1 - known.pd))
    known.numbers["NEAR"] = known.numbers["X0"] - known.numbers["X0"].mean() + 4 * log_odds
    first, near = (one for one in found(known).strongest if one.input in ("X0", "NEAR"))
    assert first.z == pytest.approx(near.z, rel=0.05)
    assert near.effect == pytest.approx(0.5 * known.numbers["NEAR"].std(), rel=0.3)


def test_a_significant_change_below_the_bar_is_tolerated() -> None:
    """A model of a few thousand defaults is always a little wrong: the bar is for that."""
    known = drawn(effect=0.5)
    assert status(known, max_effect_change=0.9) == "quiet"
    assert found(known, max_effect_change=0.9).strongest[0].p_value < 1e-6


def test_a_large_effect_by_chance_is_tolerated() -> None:
    """The smallest of many p-values is held against its share, not against the whole."""
    known = drawn()
    tests = found(known, max_effect_change=0.0)
    first = tests.strongest[0]
    shared = first.p_value * tests.tested
    assert first.p_value < 0.2
    assert status(known, max_effect_change=0.0, confidence=1 - 2 * first.p_value) == "quiet"
    assert status(known, max_effect_change=0.0, confidence=1 - 0.9 * shared) == "quiet"
    assert status(known, max_effect_change=0.0, confidence=1 - 1.1 * shared) == "alarm"


def test_a_category_is_tested_for_itself() -> None:
    """Where default depends on one, it is named with its column."""
    known = drawn(effect=0.8)
    names = {one.input for one in found(known).strongest}
    assert {"KIND=A", "KIND=B"} <= names


def test_p_values_of_rare_marks_are_not_those_of_a_bell() -> None:
    """Of PDs that are true, a mark of one in fifty is past its level as often as it says."""
    level, draws = 0.002, 1_500
    known = drawn()
    only = {"MARK": known.numbers["MARK"]}
    chance = np.random.default_rng(5)
    past = 0
    for _ in range(draws):
        target = chance.random(APPLICANTS) < known.pd
        again = known_of(known.pd, target, only)
        past += found(again, min_expected_defaults=1.0).strongest[0].p_value < level
    assert past <= 8  # 3 expected; one portfolio in 300 exceeds 8


@pytest.mark.parametrize(("rows", "defaults"), [(100, 14), (100, 20), (400, 6), (400, 4)])
def test_p_values_far_out_are_exact_on_both_sides(rows: int, defaults: int) -> None:
    """Where all PDs are alike, defaults among the marked are hypergeometric; a bell is far off."""
    (one,) = found(marked(rows, defaults), min_expected_defaults=1.0).strongest
    law = hypergeom(APPLICANTS, 200, rows)
    farther = law.sf(defaults) if one.z > 0 else law.cdf(defaults - 1)
    exact = 2 * farther + law.pmf(defaults)  # half of what was seen: the mid-p-value
    assert one.p_value == pytest.approx(exact, rel=0.3)
    assert not exact / 4 < 2 * norm.sf(abs(one.z)) < 4 * exact


def test_missing_values_are_left_out() -> None:
    """A value that is not there counts as the mean, and not as a row of the input."""
    known = drawn(effect=0.8)
    known.numbers["X0"][: APPLICANTS // 2] = np.nan
    assert {one.input: one.rows for one in found(known).strongest}["X0"] == APPLICANTS // 2


def test_too_few_defaults_are_not_judged() -> None:
    """Without enough of them the answer is not quiet."""
    assert status(drawn(), min_defaults=1_000) == "not measured"


def known_place(
    place: DecidedPlace, *, form: str = "applications", replaced: bool = False, **changes: object
) -> None:
    """Decisions of two months whose input DEBT decides alone who defaults, and their outcomes.

    Where the model was replaced, another one decided in the second month, and rightly.
    """
    chance = np.random.default_rng(4)
    decided, rows = {}, []
    for number in range(1, 1_201):
        inputs = {"SK_ID_CURR": number, "DEBT": float(chance.normal()), "KIND": "AB"[number % 2]}
        month = 1 + number % 2
        origin = {"received_at": f"2025-{month:02d}-10T08:00:00+00:00", "form": form}
        rightly = replaced and month == 2
        model = {**MODEL, "bundle_sha256": "c" * 64} if rightly else MODEL
        answer = {"origin": origin, "inputs": inputs, "probability": 0.2, "model": model}
        decided[number] = answer | changes
        defaults = chance.random() < 0.2 if rightly else inputs["DEBT"] > 0.85
        rows.append((decision_id(number), int(defaults), "2026-02-20"))
    place.decide_all(decided)
    place.load_rows(*rows)


def measured(place: DecidedPlace, as_of: date = AS_OF) -> PerformanceReport:
    """The report of a place."""
    with place.open() as ledger:
        return measure_performance(ledger, Settings(), as_of)


def test_the_report_names_inputs_of_stored_decisions(place: DecidedPlace) -> None:
    """Of all judged months and of the latest alone; the applicant's number is no input."""
    known_place(place, form="features")
    report = measured(place)
    assert [one.scope for one in report.relations] == ["all", "month 2025-02"]
    assert [one.rows for one in report.relations] == [1_200, 600]
    assert {one.strongest[0].input for one in report.relations} == {"DEBT"}
    assert {a.scope for a in report.alarms if a.name == "outcome_relation"} == {
        "all",
        "month 2025-02",
    }


def test_a_model_is_tested_on_what_it_decided_itself(sqlite_place: DecidedPlace) -> None:
    """That default depends otherwise on an input than the model before had said is about that one."""
    known_place(sqlite_place, form="features", replaced=True)
    report = measured(sqlite_place)
    asked = {c.models: c.status for c in report.checks if c.name == "outcome_relation"}
    assert asked == {(BUNDLE, "c" * 64): "alarm", (BUNDLE,): "alarm", ("c" * 64,): "quiet"}


def test_what_the_model_read_is_tested_not_what_was_sent(sqlite_place: DecidedPlace) -> None:
    """A request of raw tables has features beside its inputs."""
    known_place(sqlite_place, features={"RATIO": 1.0})
    assert [one.tested for one in measured(sqlite_place).relations] == [0, 0]


def test_inputs_that_are_not_stored_are_counted(sqlite_place: DecidedPlace) -> None:
    """Where nothing tells what the model read, the check is not measured."""
    known_place(sqlite_place, inputs=None)
    report = measured(sqlite_place)
    assert report.inputs_unread == {"inputs not stored": 1_200}
    asked = {c.scope: c.status for c in report.checks if c.name == "outcome_relation"}
    assert asked == {"all": "not measured", "month 2025-02": "not measured"}


def test_a_changed_decision_raises_the_alarm_of_integrity(sqlite_place: DecidedPlace) -> None:
    """Inputs that are not those of the decision are told, and none of them is tested."""
    known_place(sqlite_place)
    sqlite_place.tamper("update decisions set content_sha256 = 'x' where sequence = 7")
    report = measured(sqlite_place)
    assert {a.name for a in report.alarms} == {"outcome_integrity"}
    assert [one.rows for one in report.relations] == [0, 0]
