"""Each alarm fires on what it is about, stays quiet otherwise, and is rarely false."""

from __future__ import annotations

import numpy as np
import pytest
from portfolios import BARS, approved_pds, calibrated, outcomes

from creditrisk.core.settings import Band
from creditrisk.models.metrics import Floats
from creditrisk.monitoring.outcomes.alarms import OutcomeCheck, alarms_of, judge
from creditrisk.monitoring.outcomes.samples import Outcomes

PORTFOLIOS = 300
MODELS = ("0" * 64, "1" * 64)


def statuses(sample: Outcomes, **changes: float) -> dict[str, str]:
    """The status of each check by name and scope."""
    checks = judge(sample, BARS.model_copy(update=changes))
    return {f"{check.name} {check.scope}": check.status for check in checks}


def drawn(law: Floats, pd: Floats, seed: int = 2, **options: int) -> Outcomes:
    """Outcomes by a law that is not what was promised."""
    return outcomes(pd, law, np.random.default_rng(seed), **options)


def test_a_calibrated_portfolio_raises_no_alarm() -> None:
    """Outcomes that come as promised leave every check quiet; each grade is one."""
    seen = statuses(calibrated(60_000))
    assert set(seen.values()) == {"quiet"}
    assert [name.partition(" ")[2] for name in seen] == [
        *["all"] * 2,
        *[f"grade {grade}" for grade in "ABCDE"],
        *["month 2025-03"] * 2,
        *[f"grade {grade}, month 2025-03" for grade in "ABCDE"],
    ]


def test_an_error_of_the_model_before_is_not_that_of_the_next() -> None:
    """An alarm about several says so; the next model is judged by what it decided itself."""
    pd = approved_pds(12_000, np.random.default_rng(1))
    sample = drawn(np.where(np.arange(pd.size) % 2, pd, 2.5 * pd), pd, bundles=2)
    checks = judge(sample, BARS)
    alarms = {(one.scope, one.models) for one in alarms_of(checks)}
    wrong, sound = MODELS
    assert ("all", MODELS) in alarms
    assert (f"model {wrong[:12]}", (wrong,)) in alarms
    assert not [models for _, models in alarms if models == (sound,)]
    assert "quiet" in {one.status for one in checks if one.models == (sound,)}
    assert "all (2 models): " in alarms_of(checks)[0].reason


def test_lost_ranking_raises_an_alarm() -> None:
    """As many defaults as promised, of applicants whom the PDs do not tell: concept shift."""
    pd = approved_pds(4_000, np.random.default_rng(1))
    seen = statuses(drawn(np.full(pd.size, pd.mean()), pd))
    assert seen["outcome_discrimination all"] == "alarm"
    assert seen["outcome_calibration all"] == "quiet"


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_too_many_or_too_few_defaults_raise_an_alarm(factor: float) -> None:
    """Defaults far from the promise alarm on either side, the ranking being as promised."""
    pd = approved_pds(4_000, np.random.default_rng(1))
    seen = statuses(drawn(factor * pd, pd))
    assert seen["outcome_calibration all"] == "alarm"
    assert seen["outcome_discrimination all"] == "quiet"


def test_a_grade_that_defaults_too_often_raises_an_alarm() -> None:
    """One grade at twice its PD alarms where the portfolio as a whole is still inside the band."""
    pd = approved_pds(12_000, np.random.default_rng(1))
    law = np.where((pd >= 0.02) & (pd < 0.035), 1.8 * pd, pd)
    seen = statuses(drawn(law, pd), max_auc_shortfall=0.1)
    fired = [name for name, status in seen.items() if status == "alarm"]
    assert fired == ["outcome_grade grade B"]


def test_the_latest_month_is_judged_alone_too() -> None:
    """Too many defaults in it alarm where the months before thin them in the whole."""
    pd = approved_pds(6_000, np.random.default_rng(1))
    sample = drawn(np.where(np.arange(pd.size) % 3 == 2, 1.7 * pd, 0.97 * pd), pd)
    seen = statuses(sample)
    assert seen["outcome_calibration month 2025-03"] == "alarm"
    assert seen["outcome_calibration all"] == "quiet"


def test_what_matters_need_not_be_past_its_bar_beyond_chance() -> None:
    """A shortfall past the bar alarms where chance does not explain it: no second margin is asked."""
    pd = approved_pds(8_000, np.random.default_rng(1))
    checks = judge(drawn(1.4 * pd, pd), BARS)
    (whole,) = (c for c in checks if (c.name, c.scope) == ("outcome_calibration", "all"))
    assert whole.status == "alarm"
    assert float(whole.observed.split("(")[1].split()[0]) < BARS.observed_expected.high


def test_what_is_beyond_chance_must_matter() -> None:
    """A difference that is certain and within the bar is tolerated."""
    pd = approved_pds(8_000, np.random.default_rng(1))
    wide = BARS.model_copy(
        update={"max_auc_shortfall": 0.4, "observed_expected": Band(low=0.4, high=2.5)}
    )
    law = np.full(pd.size, 1.4 * pd.mean())
    assert alarms_of(judge(drawn(law, pd), BARS))
    assert [c.status for c in judge(drawn(law, pd), wide)[:2]] == ["quiet"] * 2


def test_an_alarm_says_why() -> None:
    """Its reason holds the value, its bound, what was promised and the bar."""
    pd = approved_pds(4_000, np.random.default_rng(1))
    (alarm, *_) = alarms_of(judge(drawn(2 * pd, pd), BARS))
    assert alarm.name == "outcome_calibration"
    assert "defaults" in alarm.reason
    assert "0.8 to 1.25" in alarm.reason


def test_too_few_outcomes_are_not_judged() -> None:
    """With a handful of defaults no check is quiet: it is not measured, and says what is needed."""
    checks: tuple[OutcomeCheck, ...] = judge(calibrated(100), BARS)
    assert {check.status for check in checks} == {"not measured"}
    assert "50 of each are needed" in checks[0].observed
    assert alarms_of(checks) == ()


def test_no_outcome_is_not_measured() -> None:
    """Before the first outcome nothing is judged."""
    assert {check.status for check in judge(calibrated(0), BARS)} == {"not measured"}


@pytest.mark.slow
@pytest.mark.parametrize("applicants", [1_500, 6_000])
def test_false_alarms_are_rare(applicants: int) -> None:
    """Of calibrated portfolios at most one in a hundred alarms, also without a margin to chance."""
    strict = BARS.model_copy(update={"max_auc_shortfall": 0.0})
    false = {
        name: sum(
            bool(alarms_of(judge(calibrated(applicants, seed, bundles=2), bars)))
            for seed in range(PORTFOLIOS // 2)
        )
        for name, bars in (("as set", BARS), ("no shortfall allowed", strict))
    }
    assert max(false.values()) <= 4, false
