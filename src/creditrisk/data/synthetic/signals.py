"""What the law of default looks at: quantities that can be computed from the raw tables.

Every signal is one array element a person, null where the person has no rows to compute it from.
Histories are aggregated per contract first, then per person, over contracts that have a row in
previous_application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from creditrisk.data.synthetic.bureau import ACTIVE, Bureau
from creditrisk.data.synthetic.bureau_balance import Balance
from creditrisk.data.synthetic.cards import CardMonths
from creditrisk.data.synthetic.columns import NOT_APPLICABLE_DAYS, Categories, ColumnSet
from creditrisk.data.synthetic.loans import Loans, MonthlyState, Payments
from creditrisk.data.synthetic.people import People
from creditrisk.data.synthetic.previous import Previous
from creditrisk.data.synthetic.previous_shares import APPROVED, REFUSED
from creditrisk.data.synthetic.ragged import Rows, divide
from creditrisk.data.synthetic.randomness import BoolArray, FloatArray, IntArray

YEAR_DAYS = 365.25
RECENT_DAYS = 365
SEVERELY_LATE_DAYS = 30

Signals = dict[str, FloatArray]


def application_signals(application: ColumnSet) -> Signals:
    """Signals of the application itself; categories as they are read by `category_signals`."""
    number = {
        name: np.asarray(values, dtype=np.float64)
        for name, values in application.items()
        if not isinstance(values, Categories)
    }
    scores = np.stack([number[f"EXT_SOURCE_{index}"] for index in (1, 2, 3)])
    known = ~np.isnan(scores)
    employed = number["DAYS_EMPLOYED"]
    retired = employed == NOT_APPLICABLE_DAYS
    income, credit = number["AMT_INCOME_TOTAL"], number["AMT_CREDIT"]
    return {
        "external_mean": divide(
            np.nan_to_num(scores).sum(axis=0), known.sum(axis=0).astype(np.float64)
        ),
        "external_lowest": np.where(known, scores, np.inf).min(axis=0),
        "external_known": known.sum(axis=0).astype(np.float64),
        "external_3": scores[2],
        "age_years": -number["DAYS_BIRTH"] / YEAR_DAYS,
        "employed_years": np.where(retired, np.nan, -employed / YEAR_DAYS),
        "log_credit": np.log(credit),
        "credit_to_income": credit / income,
        "annuity_to_income": number["AMT_ANNUITY"] / income,
        "payment_rate": number["AMT_ANNUITY"] / credit,
        "goods_to_credit": number["AMT_GOODS_PRICE"] / credit,
        "id_age_years": -number["DAYS_ID_PUBLISH"] / YEAR_DAYS,
        "phone_age_years": -number["DAYS_LAST_PHONE_CHANGE"] / YEAR_DAYS,
        "region_rating": number["REGION_RATING_CLIENT_W_CITY"],
        "children": number["CNT_CHILDREN"],
        "works_elsewhere": number["REG_CITY_NOT_WORK_CITY"],
        "defaults_around": number["DEF_30_CNT_SOCIAL_CIRCLE"],
        "enquiries": number["AMT_REQ_CREDIT_BUREAU_YEAR"] + number["AMT_REQ_CREDIT_BUREAU_QRT"],
        "main_document": number["FLAG_DOCUMENT_3"],
        "car_age_years": number["OWN_CAR_AGE"],
        "living_area": number["LIVINGAREA_AVG"],
    }


def category_signals(application: ColumnSet, weights: Mapping[str, Mapping[str, float]]) -> Signals:
    """For each category column named in `weights`, the weight of each person's value."""
    return {
        name: cast("Categories", application[name]).lookup(table) for name, table in weights.items()
    }


def bureau_signals(bureau: Bureau, balance: Balance) -> Signals:
    """Signals of credits elsewhere."""
    rows = bureau.rows
    column = {
        name: np.asarray(values, dtype=np.float64)
        for name, values in bureau.columns.items()
        if not isinstance(values, Categories)
    }
    active = bureau.status == ACTIVE
    has = rows.counts > 0
    debt = rows.total(np.where(active, column["AMT_CREDIT_SUM_DEBT"], 0.0))
    granted = rows.total(column["AMT_CREDIT_SUM"])
    recent = column["DAYS_CREDIT"] > -RECENT_DAYS
    return {
        "credits_active": np.where(has, rows.count(active), np.nan),
        "credits_recent": np.where(has, rows.count(active & recent), np.nan),
        "debt_share": divide(debt, granted),
        "debt": np.where(has, debt, np.nan),
        "newest_credit_years": -rows.highest(column["DAYS_CREDIT"]) / YEAR_DAYS,
        "overdue_now": np.where(has, rows.total(column["AMT_CREDIT_SUM_OVERDUE"]), np.nan),
        "overdue_ever": rows.highest(column["AMT_CREDIT_MAX_OVERDUE"]),
        "delinquent_share": balance.delinquent_share,
        "worst_status": balance.worst,
    }


def previous_signals(previous: Previous) -> Signals:
    """Signals of applications made here before."""
    rows = previous.rows
    refused = previous.status == REFUSED
    total = rows.counts.astype(np.float64)
    last_year = previous.decision > -RECENT_DAYS
    has = rows.counts > 0
    return {
        "refused_share": divide(rows.count(refused), total),
        "refused_last_year": np.where(has, rows.count(refused & last_year), np.nan),
        "approved": np.where(has, rows.count(previous.status == APPROVED), np.nan),
        "last_decision_years": -rows.highest(previous.decision) / YEAR_DAYS,
    }


def payment_signals(people: People, loans: Loans, payments: Payments) -> Signals:
    """Signals of instalments: mean over loans of shares within each loan, and the last year."""
    rows = payments.rows
    days = payments.paid_on - payments.due
    late = days > 0
    count = rows.counts.astype(np.float64)
    own = loans.previous >= 0
    recent = (payments.due > -RECENT_DAYS) & own[rows.parent]
    person = loans.person[rows.parent]
    size = len(people)
    recent_count = np.bincount(person[recent], minlength=size).astype(np.float64)
    recent_late = np.bincount(person[recent & late], minlength=size).astype(np.float64)
    short = payments.amount_paid < 0.995 * payments.amount_due
    return {
        "late_share": _over_contracts(divide(rows.count(late), count), loans.person, own, size),
        "severely_late_share": _over_contracts(
            divide(rows.count(days > SEVERELY_LATE_DAYS), count), loans.person, own, size
        ),
        "short_share": _over_contracts(divide(rows.count(short), count), loans.person, own, size),
        "late_share_last_year": divide(recent_late, recent_count),
    }


def monthly_signals(people: People, loans: Loans, state: MonthlyState) -> Signals:
    """Signals of the contracts' monthly states."""
    rows = state.rows
    share = divide(rows.count(state.days_past_due > 0), rows.counts.astype(np.float64))
    own = loans.previous >= 0
    return {"past_due_share": _over_contracts(share, loans.person, own, len(people))}


def card_signals(people: People, months: CardMonths) -> Signals:
    """Signals of cards: use of the limit, its trend, cash withdrawals, missed payments."""
    rows, cards = months.rows, months.cards
    limit = months.cut(months.limit)
    balance = months.cut(months.balance)
    used = divide(balance, limit)
    recent = rows.position >= rows.counts[rows.parent] - 4
    earlier = ~recent
    atm = divide(months.cut(months.drawn_atm), limit)
    size = len(people)
    trend = _mean_where(rows, used, recent) - _mean_where(rows, used, earlier)
    missed = divide(rows.count(months.cut(months.days_past_due) > 0), rows.counts.astype(float))
    return {
        "card_used": _over_contracts(rows.mean(used), cards.person, cards.linked, size),
        "card_trend": _over_contracts(trend, cards.person, cards.linked, size),
        "card_cash": _over_contracts(rows.mean(atm), cards.person, cards.linked, size),
        "card_missed": _over_contracts(missed, cards.person, cards.linked, size),
    }


def _mean_where(rows: Rows, values: FloatArray, mask: BoolArray) -> FloatArray:
    return rows.mean(np.where(mask, values, np.nan))


def _over_contracts(values: FloatArray, person: IntArray, own: BoolArray, size: int) -> FloatArray:
    """Mean over each person's own contracts that have a value."""
    known = own & ~np.isnan(values)
    total = np.bincount(person[known], values[known], minlength=size)
    contracts = np.bincount(person[known], minlength=size).astype(np.float64)
    return divide(total.astype(np.float64), contracts)
