"""The law of default: an applicant's true probability of default.

In words. The log-odds of default are a sum of smooth curves, a few thresholds and interactions:

- external scores: their mean, more steeply where it is low; the lowest of them; their weight is
  greater for large loans relative to income and smaller for applicants with a long bad history;
- the loan: instalments heavy relative to income, a payment rate in the middle of its range (very
  short and very long loans are safer), credit well above the goods' price;
- the person: the young, those new in their job, without pension, men, weaker education, region
  and document, recent change of identity papers or phone;
- credits elsewhere: share of credit still owed (more so with many active credits), anything
  overdue, delinquent months, a new credit in the last year;
- dealings here: refusals, more so in the last year, few approvals;
- payment behaviour: share of late instalments saturating at a third, severe lateness, months past
  due, and the last twelve months' lateness, which counts beside the whole history's;
- cards: use of the limit beyond a threshold, cash withdrawals, missed payments, rising use;
- what signed-off features do not hold: occupation, type of employer, size of the dwelling,
  car's age, short payments after merging parts, and the two recent windows above.

The constants are frozen: no model was tuned before they were.
"""

from __future__ import annotations

import numpy as np

from creditrisk.data.synthetic.randomness import FloatArray, logistic
from creditrisk.data.synthetic.scenarios import Shift
from creditrisk.data.synthetic.signals import Signals

# Solved once on a fixed sample of 100,000 people, so that the mean probability is 8.07 %.
INTERCEPT = -4.0
SCALE = 0.85

OCCUPATION_WEIGHTS = {
    "Low-skill Laborers": 0.62,
    "Drivers": 0.38,
    "Waiters/barmen staff": 0.36,
    "Security staff": 0.34,
    "Laborers": 0.3,
    "Cooking staff": 0.26,
    "Sales staff": 0.22,
    "Cleaning staff": 0.2,
    "Realty agents": 0.0,
    "Managers": -0.22,
    "Medicine staff": -0.24,
    "High skill tech staff": -0.28,
    "Core staff": -0.3,
    "Accountants": -0.5,
}
ORGANIZATION_WEIGHTS = {
    "Self-employed": 0.24,
    "Business Entity Type 3": 0.16,
    "Construction": 0.3,
    "Restaurant": 0.32,
    "Transport: type 3": 0.5,
    "Security": 0.22,
    "Agriculture": 0.24,
    "Trade: type 7": 0.18,
    "Trade: type 3": 0.26,
    "Industry: type 1": 0.3,
    "School": -0.26,
    "Medicine": -0.2,
    "Government": -0.22,
    "Bank": -0.42,
    "Police": -0.46,
    "Military": -0.5,
    "University": -0.4,
    "Security Ministries": -0.44,
    "Kindergarten": -0.14,
}
EDUCATION_WEIGHTS = {
    "Lower secondary": 0.3,
    "Secondary / secondary special": 0.12,
    "Incomplete higher": 0.05,
    "Higher education": -0.32,
    "Academic degree": -0.8,
}
CATEGORY_WEIGHTS = {
    "OCCUPATION_TYPE": OCCUPATION_WEIGHTS,
    "ORGANIZATION_TYPE": ORGANIZATION_WEIGHTS,
    "NAME_EDUCATION_TYPE": EDUCATION_WEIGHTS,
    "CODE_GENDER": {"M": 0.26, "F": -0.08},
    "NAME_CONTRACT_TYPE": {"Revolving loans": -0.45, "Cash loans": 0.05},
    "NAME_FAMILY_STATUS": {"Married": -0.05, "Single / not married": 0.1, "Civil marriage": 0.1},
    "NAME_HOUSING_TYPE": {"Rented apartment": 0.25, "With parents": 0.2},
}


def default_probability(signals: Signals, shift: Shift) -> FloatArray:
    """The true probability of default, before any thinning of the population."""
    return logistic(log_odds(signals, shift))


def log_odds(signals: Signals, shift: Shift) -> FloatArray:
    """The log-odds of default."""
    terms = law_terms(signals)
    total: FloatArray = INTERCEPT + SCALE * np.sum([*terms.values()], axis=0)
    if shift.concept == 0:
        return total
    changed: FloatArray = total + shift.concept * _concept_change(terms)
    return changed


def law_terms(signals: Signals) -> dict[str, FloatArray]:
    """Each named part of the log-odds."""
    return {
        "external": _external(signals),
        "loan": _loan(signals),
        "person": _person(signals),
        "elsewhere": _elsewhere(signals),
        "here": _here(signals),
        "payments": _payments(signals),
        "card": _card(signals),
        "outside": _outside(signals),
    }


def _concept_change(terms: dict[str, FloatArray]) -> FloatArray:
    """At full strength scores say half as much as before, debt and payments twice as much."""
    change: FloatArray = np.sum(
        [-0.5 * terms["external"], terms["elsewhere"], 0.8 * terms["payments"]],
        axis=0,
        initial=-0.2,
    )
    return change


def _filled(values: FloatArray, default: float) -> FloatArray:
    return np.where(np.isnan(values), default, values)


def _step(values: FloatArray, at: float, width: float) -> FloatArray:
    """A smooth threshold: 0 well below `at`, 1 well above; null counts as below."""
    return _filled(logistic((values - at) / width), 0.0)


def _external(signals: Signals) -> FloatArray:
    mean = _filled(signals["external_mean"], 0.42)
    lowest = np.where(np.isinf(signals["external_lowest"]), 0.4, signals["external_lowest"])
    burden = np.clip(_filled(signals["annuity_to_income"], 0.17) - 0.17, -0.1, 0.2)
    low = np.maximum(0.45 - mean, 0.0)
    return (
        -3.4 * (mean - 0.5)
        + 6.0 * np.square(low)
        - 1.2 * (lowest - 0.4)
        - 9.0 * burden * (mean - 0.5)
    )


def _loan(signals: Signals) -> FloatArray:
    burden = _filled(signals["annuity_to_income"], 0.17)
    rate = _filled(signals["payment_rate"], 0.05)
    excess = np.clip(1.0 / _filled(signals["goods_to_credit"], 1.0) - 1.0, 0.0, 0.5)
    middle = np.exp(-np.square((rate - 0.058) / 0.018))
    return 0.5 * _step(burden, 0.24, 0.03) + 0.55 * middle - 0.25 + 1.6 * excess


def _person(signals: Signals) -> FloatArray:
    age = signals["age_years"]
    employed = _filled(signals["employed_years"], 12.0)
    return (
        0.55 * np.exp(-(age - 21.0) / 14.0)
        + 0.75 * np.exp(-employed / 2.5)
        - 0.15
        + 0.3 * (signals["region_rating"] - 2.0)
        + 0.2 * np.exp(-signals["id_age_years"] / 4.0)
        + 0.2 * np.exp(-signals["phone_age_years"] / 1.5)
        + 0.12 * signals["works_elsewhere"]
        + 0.14 * np.minimum(_filled(signals["defaults_around"], 0.0), 3.0)
        + 0.18 * signals["main_document"]
        + signals["NAME_EDUCATION_TYPE"]
        + signals["CODE_GENDER"]
        + signals["NAME_CONTRACT_TYPE"]
        + signals["NAME_FAMILY_STATUS"]
        + signals["NAME_HOUSING_TYPE"]
    )


def _elsewhere(signals: Signals) -> FloatArray:
    owed = np.clip(_filled(signals["debt_share"], 0.25), 0.0, 1.0)
    active = np.minimum(_filled(signals["credits_active"], 1.5), 8.0)
    overdue = _filled(signals["overdue_now"], 0.0) > 0
    ever = np.log1p(np.maximum(_filled(signals["overdue_ever"], 0.0), 0.0) / 5_000.0)
    delinquent = np.minimum(_filled(signals["delinquent_share"], 0.012), 0.15)
    return (
        0.9 * (owed - 0.3)
        + 0.22 * (owed - 0.2) * (active - 2.0)
        + 0.6 * overdue
        + 0.16 * ever
        + 5.0 * (delinquent - 0.012)
        + 0.25 * np.exp(-_filled(signals["newest_credit_years"], 1.5) / 0.8)
    )


def _here(signals: Signals) -> FloatArray:
    refused = _filled(signals["refused_share"], 0.15)
    approved = _filled(signals["approved"], 1.0)
    last = _filled(signals["last_decision_years"], 2.0)
    return 1.1 * (refused - 0.15) + 0.3 * np.exp(-approved / 2.0) + 0.25 * np.exp(-last) - 0.2


def _payments(signals: Signals) -> FloatArray:
    late = np.minimum(_filled(signals["late_share"], 0.08), 0.4)
    severe = np.minimum(_filled(signals["severely_late_share"], 0.004), 0.2)
    past_due = np.minimum(_filled(signals["past_due_share"], 0.02), 0.2)
    return 2.4 * (late - 0.08) - 1.6 * np.square(late) + 4.0 * severe + 2.2 * (past_due - 0.02)


def _card(signals: Signals) -> FloatArray:
    used = np.clip(_filled(signals["card_used"], 0.15), 0.0, 1.5)
    cash = np.minimum(_filled(signals["card_cash"], 0.02), 0.4)
    missed = np.minimum(_filled(signals["card_missed"], 0.0), 0.3)
    return 0.8 * _step(used, 0.6, 0.12) + 0.5 * (used - 0.15) + 2.0 * (cash - 0.02) + 2.5 * missed


def _outside(signals: Signals) -> FloatArray:
    recent = np.minimum(_filled(signals["late_share_last_year"], 0.08), 0.6)
    return (
        signals["OCCUPATION_TYPE"]
        + signals["ORGANIZATION_TYPE"]
        + 0.3 * np.exp(-_filled(signals["living_area"], 0.11) / 0.06)
        + 0.02 * (np.minimum(_filled(signals["car_age_years"], 11.0), 25.0) - 11.0)
        + 0.9 * (recent - 0.08)
        + 0.18 * np.minimum(_filled(signals["refused_last_year"], 0.0), 4.0)
        + 0.7 * np.clip(_filled(signals["card_trend"], 0.0), -1.0, 1.0)
        + 6.0 * np.minimum(_filled(signals["short_share"], 0.01), 0.1)
    )
