"""The law of default."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from creditrisk.data.synthetic.block import draw_history
from creditrisk.data.synthetic.law import default_probability
from creditrisk.data.synthetic.people import Block, blocks_of, draw_people
from creditrisk.data.synthetic.randomness import BlockRandom, FloatArray
from creditrisk.data.synthetic.scenarios import NO_SHIFT, Shift
from creditrisk.data.synthetic.signals import Signals


def drawn_signals(block: Block, seed: int = 20) -> Signals:
    """The signals of a block's people."""
    random = BlockRandom(seed, block.month, block.number)
    people = draw_people(block, random, NO_SHIFT)
    return draw_history(block, people, random, NO_SHIFT).signals(people)


@pytest.fixture(scope="module")
def signals() -> Signals:
    """The signals of 1,500 people."""
    return drawn_signals(blocks_of(0, 1_500)[0])


def mean_probability(signals: Signals, **changed: FloatArray) -> float:
    """Mean probability when some signals are others."""
    return float(default_probability({**signals, **changed}, NO_SHIFT).mean())


@pytest.mark.parametrize(
    ("signal", "change"),
    [
        ("external_mean", -0.1),
        ("external_lowest", -0.1),
        ("annuity_to_income", 0.1),
        ("debt_share", 0.3),
        ("overdue_now", 1_000.0),
        ("delinquent_share", 0.05),
        ("refused_share", 0.3),
        ("late_share", 0.1),
        ("severely_late_share", 0.05),
        ("past_due_share", 0.05),
        ("card_used", 0.4),
        ("card_missed", 0.1),
        ("late_share_last_year", 0.2),
        ("short_share", 0.05),
    ],
)
def test_worse_signals_mean_more_defaults(signal: str, change: float, signals: Signals) -> None:
    """Whatever speaks against people raises their probability on average."""
    worse = mean_probability(signals, **{signal: signals[signal] + change})
    assert worse > mean_probability(signals) + 1e-4


def test_every_signal_may_be_unknown(signals: Signals) -> None:
    """People without any history have a probability too."""
    known = {"age_years", "id_age_years", "phone_age_years", "region_rating", "works_elsewhere"}
    known |= {"main_document", "credit_to_income", "external_lowest"}
    known |= {name for name in signals if name.isupper()}
    unknown = {name: np.full(1_500, np.nan) for name in signals if name not in known}
    probability = default_probability({**signals, **unknown}, NO_SHIFT)
    assert np.isfinite(probability).all()


def test_scores_interact_with_the_burden(signals: Signals) -> None:
    """A better score helps more where the instalment is heavy relative to income."""

    def gain(burden: float) -> float:
        heavy = {"annuity_to_income": np.full(1_500, burden)}
        better = {"external_mean": signals["external_mean"] + 0.05}
        odds = [np.log(p / (1 - p)) for p in (
            default_probability({**signals, **heavy}, NO_SHIFT),
            default_probability({**signals, **heavy, **better}, NO_SHIFT),
        )]  # fmt: skip
        return float((odds[0] - odds[1]).mean())

    assert gain(0.3) > gain(0.1) + 0.02


def test_concept_shift_takes_the_scores_weight_away(signals: Signals) -> None:
    """At full strength external scores say nothing any more."""
    other = {**signals, "external_mean": signals["external_mean"] - 0.1}
    shift = Shift(concept=1.0)
    assert default_probability(other, shift) == pytest.approx(default_probability(signals, shift))


@pytest.mark.slow
def test_base_rate_and_ranking_of_the_true_probability() -> None:
    """On 60,000 people the mean is 8.07 %, the expected ROC-AUC 0.80, each within 0.01 or less."""
    with ThreadPoolExecutor(2) as pool:
        blocks = pool.map(drawn_signals, blocks_of(0, 60_000))
        probability = np.concatenate([default_probability(each, NO_SHIFT) for each in blocks])
    assert probability.mean() == pytest.approx(0.0807, abs=0.0015)
    assert expected_auc(probability) == pytest.approx(0.80, abs=0.01)


def expected_auc(probability: FloatArray) -> float:
    """ROC-AUC of the true probability over all outcomes it may have."""
    bad = np.sort(probability)
    good_below = np.cumsum(1 - bad) - (1 - bad) / 2
    return float((bad * good_below).sum() / (bad.sum() * (1 - bad).sum()))
