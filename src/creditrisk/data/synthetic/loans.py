"""Loans paid in instalments: schedule, payments, and the monthly state of each contract.

installments_payments holds one row for each part of each due instalment, POS_CASH_balance one row
a month from the decision to the end of the contract.
"""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic.columns import (
    NOT_APPLICABLE_DAYS,
    Categories,
    ColumnSet,
    cents,
    null_where,
)
from creditrisk.data.synthetic.people import Block, People
from creditrisk.data.synthetic.previous import Previous, orphan_loan_ids
from creditrisk.data.synthetic.ragged import Rows
from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray, IntArray

MONTH_DAYS = 30.4375
WINDOW_DAYS = 2_922
# Loans older than the window of previous applications, for each loan inside it.
ORPHANS_PER_LOAN = 0.036
EARLIEST_MONTH = -96
NEVER = 1_000
POS_STATUSES = (
    "Active", "Completed", "Signed", "Demand", "Returned to the store", "Approved",
    "Amortized debt", "Canceled",
)  # fmt: skip
MOST_DAYS_PAST_DUE = 3_770
TOLERATED_DAYS = 16


@dataclass(frozen=True, slots=True)
class Loans:
    """Approved loans, person by person; `previous` is -1 where there is no row in previous_application.

    Days are relative to the application. `due_count` instalments are due before it, of which the
    last settles the whole remaining debt where `settled_early`.
    """

    sk_id: IntArray
    person: IntArray
    previous: IntArray
    decision: FloatArray
    first_due: FloatArray
    term: IntArray
    annuity: FloatArray
    principal: FloatArray
    due_count: IntArray
    settled_early: BoolArray
    completed: BoolArray
    stopped_at: IntArray

    def __len__(self) -> int:
        return len(self.sk_id)

    @property
    def in_default(self) -> BoolArray:
        """Loans of which payment stopped."""
        stopped: BoolArray = self.stopped_at < self.due_count
        return stopped


@dataclass(frozen=True, slots=True)
class Payments:
    """One element for each due instalment of each loan.

    `paid_on` is null where nothing was paid yet; `on_record` false where the instalment has no
    row: nothing is recorded of most instalments after payment stopped.
    """

    rows: Rows
    due: FloatArray
    paid_on: FloatArray
    amount_due: FloatArray
    amount_paid: FloatArray
    on_record: BoolArray


def draw_loans(block: Block, people: People, previous: Previous, random: BlockRandom) -> Loans:
    """The approved loans of a block's people and their schedules, person by person."""
    source, orphan = _sources(previous, random)
    size = len(source)
    old = -WINDOW_DAYS - np.rint(random.between("orphan age", 1, 260, size))
    decision = np.where(orphan, old, previous.decision[source])
    term = np.where(orphan, np.maximum(previous.term[source], 12), previous.term[source])
    term = term.astype(np.int64)
    person = previous.rows.parent[source]
    first_due = decision + 30 + np.rint(random.between("first due", 0, 10, size))
    stop, early = _early_end(people, person, term, random)
    last_due = first_due + np.rint(MONTH_DAYS * (stop - 1))
    due = np.clip(np.floor((-1 - first_due) / MONTH_DAYS + 1), 0, stop).astype(np.int64)
    stopped_at = _stopped_at(people, person, due, random)
    completed = (last_due < 0) & (stopped_at >= due)
    orphan_ids = orphan_loan_ids(block, np.cumsum(orphan) - 1)
    return Loans(
        sk_id=np.where(orphan, orphan_ids, previous.sk_id[source]),
        person=person,
        previous=np.where(orphan, -1, source),
        decision=decision,
        first_due=first_due,
        term=term,
        annuity=np.maximum(cents(previous.annuity[source]), 250.0),
        principal=previous.amount[source],
        due_count=due,
        settled_early=early & completed,
        completed=completed,
        stopped_at=stopped_at,
    )


def _sources(previous: Previous, random: BlockRandom) -> tuple[IntArray, BoolArray]:
    """The application that each loan comes from, or, where it is an orphan, looks like."""
    index = np.flatnonzero(previous.is_loan)
    twins = random.chance("orphan loan", ORPHANS_PER_LOAN, len(index))
    source = np.repeat(index, 1 + twins)
    orphan = np.concatenate([[False], source[1:] == source[:-1]]) if len(source) else twins
    return source, orphan


def _stopped_at(
    people: People, person: IntArray, due_count: IntArray, random: BlockRandom
) -> IntArray:
    """The first instalment that a loan in default leaves unpaid; beyond the last for the others."""
    size = len(person)
    careless = np.exp(-0.9 * people.discipline[person])
    defaults = random.chance("default", np.clip(0.0017 * careless, 0, 0.2), size)
    share = random.uniform("stopped at", size)
    stopped = np.floor(share * due_count).astype(np.int64)
    return np.where(defaults, stopped, NEVER)


def _early_end(
    people: People, person: IntArray, term: IntArray, random: BlockRandom
) -> tuple[IntArray, BoolArray]:
    """The number of the last instalment, and whether it settles the loan ahead of time."""
    size = len(term)
    thrifty = np.clip(0.5 - 0.06 * people.strain[person], 0.1, 0.9)
    early = random.chance("settled early", thrifty, size) & (term > 3)
    share = random.between("settled after", 0.24, 0.95, size)
    stop = np.clip(np.floor(term * share), 2, term - 1).astype(np.int64)
    return np.where(early, stop, term), early


def draw_payments(people: People, loans: Loans, random: BlockRandom) -> Payments:
    """When and how much was paid of each due instalment."""
    rows = Rows.of(loans.due_count)
    parent = rows.parent
    due = loans.first_due[parent] + np.rint(MONTH_DAYS * rows.position)
    delay = _delay(people, loans, rows, random)
    due_amount = loans.annuity[parent]
    last = rows.position == loans.due_count[parent] - 1
    left = 1 - (rows.position + 1) / loans.term[parent]
    settlement = due_amount + cents(0.97 * loans.principal[parent] * left)
    due_amount = np.where(last & loans.settled_early[parent], settlement, due_amount)
    last_on_time = last & loans.completed[parent] & ~loans.settled_early[parent]
    due_amount = np.where(last_on_time, cents(0.97 * due_amount), due_amount)
    paid = _paid_share(people, loans, rows, random) * due_amount
    paid_on = due + delay
    unpaid = (paid_on > -1) | random.chance("not yet paid", 0.0001, len(rows))
    return Payments(
        rows=rows,
        due=due,
        paid_on=null_where(paid_on, unpaid),
        amount_due=due_amount,
        amount_paid=null_where(cents(paid), unpaid),
        on_record=(rows.position < loans.stopped_at[parent])
        | random.chance("recovered", 0.15, len(rows)),
    )


def _delay(people: People, loans: Loans, rows: Rows, random: BlockRandom) -> FloatArray:
    """Days from due date to payment, negative when ahead of it."""
    size = len(rows)
    careless = np.exp(-0.75 * people.discipline[loans.person])
    habit = random.stream("late habit").gamma(0.8, 1.0, len(loans)) / 0.8
    late_share = np.clip(0.077 * careless * habit, 0, 0.85)[rows.parent]
    draw = random.uniform("late", size)
    late = draw < late_share
    ahead = random.stream("ahead habit").gamma(1.6, 6.5, len(loans))[rows.parent]
    early_days = np.floor(ahead * random.uniform("ahead", size) * 1.6)
    spread = random.stream("late days").exponential(size=size)
    late_days = 1 + np.floor(3.4 * spread * (1 + 0.5 * careless[rows.parent]))
    late_days = np.where(draw < 0.08 * late_share, late_days * 9, late_days)
    stopped = rows.position >= loans.stopped_at[rows.parent]
    late_days = np.where(stopped, 60 + late_days * 25, late_days)
    return np.where(late | stopped, np.minimum(late_days, 2_800), -early_days)


def _paid_share(people: People, loans: Loans, rows: Rows, random: BlockRandom) -> FloatArray:
    """Share of the instalment that was paid in all."""
    draw = random.uniform("paid share", len(rows))
    strain = people.strain[loans.person][rows.parent]
    short = draw < np.clip(0.008 * np.exp(0.6 * strain), 0, 0.3)
    over = draw > 0.987
    size = random.uniform("short by", len(rows))
    return np.where(short, 0.25 + 0.74 * size, np.where(over, 1 + 0.8 * size, 1.0))


def installment_columns(
    people: People, loans: Loans, payments: Payments, random: BlockRandom
) -> ColumnSet:
    """One row for each part in which an instalment was paid."""
    rows = payments.rows
    unlisted = (loans.previous < 0) & random.chance("old loan unlisted", 0.5, len(loans))
    listed = payments.on_record & ~unlisted[rows.parent] & (payments.due >= -WINDOW_DAYS)
    parts = np.where(listed, _part_count(people, loans, rows, random), 0)
    split = Rows.of(parts)
    base = split.parent
    first_share = random.between("first part", 0.15, 0.85, len(rows))[base]
    several = parts[base] > 1
    others = (1 - first_share) / np.maximum(parts[base] - 1, 1)
    share = np.where(several, np.where(split.position == 0, first_share, others), 1.0)
    gap = np.floor(random.uniform("part gap", len(split)) * 9) * split.position
    paid_on = np.minimum(payments.paid_on[base] + np.where(several, gap, 0), -1.0)
    loan = rows.parent[base]
    return {
        "SK_ID_PREV": loans.sk_id[loan],
        "SK_ID_CURR": people.sk_id[loans.person[loan]],
        "NUM_INSTALMENT_VERSION": _version(loans, rows, random)[base],
        "NUM_INSTALMENT_NUMBER": (rows.position[base] + 1),
        "DAYS_INSTALMENT": payments.due[base],
        "DAYS_ENTRY_PAYMENT": paid_on,
        "AMT_INSTALMENT": payments.amount_due[base],
        "AMT_PAYMENT": cents(payments.amount_paid[base] * share),
    }


def _part_count(people: People, loans: Loans, rows: Rows, random: BlockRandom) -> IntArray:
    strain = people.strain[loans.person][rows.parent]
    split = random.uniform("paid in parts", len(rows)) < np.clip(
        0.055 * np.exp(0.35 * strain), 0, 0.5
    )
    return np.where(split, 2 + random.chance("third part", 0.12, len(rows)), 1)


def _version(loans: Loans, rows: Rows, random: BlockRandom) -> FloatArray:
    """The schedule's version: it changes when a loan is settled early, and in a few others."""
    settles = (rows.position == loans.due_count[rows.parent] - 1) & loans.settled_early[rows.parent]
    changed = random.chance("rescheduled", 0.07, len(loans))
    after = np.floor(random.uniform("rescheduled at", len(loans)) * loans.due_count)
    rescheduled = changed[rows.parent] & (rows.position >= after[rows.parent])
    version: FloatArray = 1.0 + settles + rescheduled
    return version


def loan_dates(
    previous: Previous, loans: Loans, payments: Payments
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """First due, actual last due and termination day of each previous application's loan."""
    size = len(previous.rows)
    first = np.full(size, float(NOT_APPLICABLE_DAYS))
    last, termination = first.copy(), first.copy()
    own = np.flatnonzero(loans.previous >= 0)
    index = loans.previous[own]
    first[index] = np.where(loans.first_due[own] < 0, loans.first_due[own], NOT_APPLICABLE_DAYS)
    ended = loans.first_due + np.rint(MONTH_DAYS * (loans.due_count - 1))
    last[index] = np.where(loans.completed[own], ended[own], NOT_APPLICABLE_DAYS)
    paid = payments.rows.highest(payments.paid_on)
    closed = np.minimum(np.where(np.isnan(paid), ended, np.maximum(paid, ended)) + 7, -1)
    termination[index] = np.where(loans.completed[own], closed[own], NOT_APPLICABLE_DAYS)
    return first, last, termination


@dataclass(frozen=True, slots=True)
class MonthlyState:
    """POS_CASH_balance rows: the loan each belongs to, and its days past due."""

    columns: ColumnSet
    rows: Rows
    month: IntArray
    days_past_due: FloatArray


def draw_monthly_state(
    people: People, loans: Loans, payments: Payments, random: BlockRandom
) -> MonthlyState:
    """One row a month for each loan that was observed."""
    start = np.maximum(np.floor(loans.decision / MONTH_DAYS), EARLIEST_MONTH).astype(np.int64)
    end = np.floor((loans.first_due + MONTH_DAYS * (loans.due_count - 1)) / MONTH_DAYS)
    end = np.where(loans.completed, np.minimum(end, -1), -1).astype(np.int64)
    observed = random.chance("observed", 0.985, len(loans)) & (end >= EARLIEST_MONTH)
    rows = Rows.of(np.where(observed, np.maximum(end - start + 1, 1), 0))
    parent = rows.parent
    month = start[parent] + rows.position
    past_due = _days_past_due(loans, payments, parent, month)
    future = np.clip(loans.term[parent] - _elapsed(loans, parent, month), 0, 72)
    finished = loans.completed[parent] & (month == end[parent])
    future = np.where(finished, 0, future)
    unknown = random.chance("no count", 0.0026, len(rows))
    written_off = loans.in_default & random.chance("written off", 0.88, len(loans))
    counted = (past_due > TOLERATED_DAYS) & ~written_off[parent]
    tolerated = np.where(counted, past_due, 0)
    return MonthlyState(
        rows=rows,
        month=month,
        days_past_due=past_due,
        columns={
            "SK_ID_PREV": loans.sk_id[parent],
            "SK_ID_CURR": people.sk_id[loans.person[parent]],
            "MONTHS_BALANCE": month,
            "CNT_INSTALMENT": null_where(loans.term[parent].astype(np.float64), unknown),
            "CNT_INSTALMENT_FUTURE": null_where(future.astype(np.float64), unknown),
            "NAME_CONTRACT_STATUS": _pos_status(rows, finished, past_due, random),
            "SK_DPD": past_due.astype(np.int64),
            "SK_DPD_DEF": np.minimum(tolerated, 2_900).astype(np.int64),
        },
    )


def _elapsed(loans: Loans, parent: IntArray, month: IntArray) -> IntArray:
    """Instalments that have fallen due by the end of each month."""
    month_end = (month + 1) * MONTH_DAYS
    elapsed = np.floor((month_end - 1 - loans.first_due[parent]) / MONTH_DAYS) + 1
    within: IntArray = np.clip(elapsed, 0, loans.term[parent]).astype(np.int64)
    return within


def _days_past_due(
    loans: Loans, payments: Payments, parent: IntArray, month: IntArray
) -> FloatArray:
    """Days past due at the month's end: of the latest instalment, or of the one before."""
    month_end = np.floor((month + 1) * MONTH_DAYS) - 1
    latest = np.minimum(_elapsed(loans, parent, month), loans.due_count[parent]) - 1
    worst = np.zeros(len(parent))
    for back in (0, 1):
        number = latest - back
        valid = number >= 0
        index = payments.rows.starts[parent[valid]] + number[valid]
        open_still = np.nan_to_num(payments.paid_on[index], nan=0.0) > month_end[valid]
        overdue = np.where(open_still, month_end[valid] - payments.due[index], 0.0)
        worst[valid] = np.maximum(worst[valid], overdue)
    stopped = np.flatnonzero(loans.in_default[parent] & (latest >= loans.stopped_at[parent]))
    first_unpaid = payments.rows.starts[parent[stopped]] + loans.stopped_at[parent[stopped]]
    worst[stopped] = np.maximum(month_end[stopped] - payments.due[first_unpaid], 0.0)
    return np.minimum(worst, MOST_DAYS_PAST_DUE)


def _pos_status(
    rows: Rows, finished: BoolArray, past_due: FloatArray, random: BlockRandom
) -> Categories:
    draw = random.uniform("pos status", len(rows))
    status = np.where(finished & (draw < 0.86), 1, 0)
    status = np.where((rows.position == 0) & (draw < 0.095), 2, status)
    status = np.where((rows.position == 0) & (draw > 0.9945), 5, status)
    status = np.where((rows.position == 1) & (draw > 0.9935), 4, status)
    status = np.where((past_due > 90) & (draw < 0.15), 3, status)
    status = np.where((past_due > 700) & (draw < 0.1), 6, status)
    status = np.where((rows.position == 0) & (draw > 0.999_98), 7, status)
    return Categories(status, POS_STATUSES)
