"""Credit cards: month by month, the balance follows drawings, interest and payments.

credit_card_balance holds one row a month of a card; installments_payments holds the payments, as
instalments of version 0.
"""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditrisk.data.synthetic.columns import Categories, ColumnSet, cents, null_where
from creditrisk.data.synthetic.people import Block, People
from creditrisk.data.synthetic.previous import Previous, orphan_card_ids
from creditrisk.data.synthetic.ragged import Rows
from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray, IntArray

MONTHS = 96
MONTH_DAYS = 30.4375
# Share of people with a card older than the window of previous applications.
OLD_CARD_SHARES = (0.035, 0.047)
LIMITS = (45_000, 67_500, 90_000, 112_500, 135_000, 180_000, 225_000, 270_000, 450_000, 900_000)
LIMIT_SHARES = (0.12, 0.1, 0.1, 0.06, 0.15, 0.19, 0.08, 0.06, 0.11, 0.03)
MONTHLY_INTEREST = 0.019
MINIMUM_SHARE = 0.05
STATUSES = ("Active", "Completed", "Signed", "Demand", "Sent proposal", "Approved", "Refused")
HIGHEST_BALANCE = 950_000.0
Grid = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a block's people; `linked` ones have a row in previous_application.

    `start` is the first month of each card, counted from 96 months before the application.
    """

    sk_id: IntArray
    person: IntArray
    linked: BoolArray
    start: IntArray
    limit: FloatArray
    used: BoolArray

    def __len__(self) -> int:
        return len(self.sk_id)


@dataclass(frozen=True, slots=True)
class CardMonths:
    """Card by month grids, and the rows cut from them."""

    cards: Cards
    rows: Rows
    present: NDArray[np.bool_]
    limit: Grid
    balance: Grid
    drawn_atm: Grid
    drawn_pos: Grid
    interest: Grid
    minimum: Grid
    paid: Grid
    days_past_due: Grid

    def cut(self, grid: Grid) -> FloatArray:
        """The grid's values in the months in which each card existed, card by card."""
        return grid[self.present]


def draw_cards(block: Block, people: People, previous: Previous, random: BlockRandom) -> Cards:
    """The cards of a block's people, person by person."""
    opening = np.flatnonzero(previous.opened_card)
    old = np.flatnonzero(
        random.chance("old card", people.by_population(*OLD_CARD_SHARES), len(people))
    )
    month = np.floor(previous.decision[opening] / MONTH_DAYS) + MONTHS
    person = np.concatenate([previous.rows.parent[opening], old])
    order = np.argsort(person, kind="stable")
    person, linked = person[order], (np.arange(len(order)) < len(opening))[order]
    start = np.concatenate([month.clip(0, MONTHS - 1), np.zeros(len(old))])[order]
    ids = np.concatenate([previous.sk_id[opening], orphan_card_ids(block, np.arange(len(old)))])
    limits = np.array(LIMITS, dtype=np.float64)
    used = random.chance("card used", 0.65 + 0.05 * people.strain[person], len(person))
    return Cards(
        sk_id=ids[order],
        person=person,
        linked=linked,
        start=start.astype(np.int64),
        limit=limits[random.pick("card limit", LIMIT_SHARES, len(person))],
        used=used | ~linked,
    )


@dataclass(slots=True)
class _Habits:
    """What a card's holder tends to do, one element a card."""

    activity: FloatArray
    size: FloatArray
    cash_share: FloatArray
    pays_all: FloatArray
    misses: FloatArray
    trend: FloatArray


def _habits(people: People, cards: Cards, random: BlockRandom) -> _Habits:
    strain = people.strain[cards.person]
    discipline = people.discipline[cards.person]
    size = len(cards)
    return _Habits(
        activity=np.clip(0.22 + 0.09 * random.normal("activity", size) + 0.03 * strain, 0.02, 0.9),
        size=np.exp(-1.55 + 0.4 * strain + 0.5 * random.normal("drawing size", size)),
        cash_share=np.clip(0.72 + 0.13 * strain + 0.25 * random.normal("cash share", size), 0, 1),
        pays_all=np.clip(0.11 - 0.05 * strain, 0.01, 0.6),
        misses=np.clip(0.027 * np.exp(-0.75 * discipline), 0, 0.6),
        trend=0.5 * strain + 0.8 * random.normal("trend", size),
    )


def draw_card_months(people: People, cards: Cards, random: BlockRandom) -> CardMonths:
    """Simulate every card from its first month to the month before the application."""
    size = len(cards)
    month = np.arange(MONTHS)
    present = month >= cards.start[:, None]
    grids = {
        name: np.zeros((size, MONTHS))
        for name in ("balance", "atm", "pos", "interest", "minimum", "paid", "dpd")
    }
    limit = _limits(cards, present, random)
    habits = _habits(people, cards, random)
    draws = {
        name: random.uniform(f"card {name}", size * MONTHS).reshape(size, MONTHS)
        for name in ("activity", "size", "payment", "miss")
    }
    _simulate(cards, habits, limit, draws, grids)
    return CardMonths(
        cards=cards,
        rows=Rows.of(MONTHS - cards.start),
        present=present,
        limit=limit,
        balance=grids["balance"],
        drawn_atm=grids["atm"],
        drawn_pos=grids["pos"],
        interest=grids["interest"],
        minimum=grids["minimum"],
        paid=grids["paid"],
        days_past_due=grids["dpd"],
    )


def _limits(cards: Cards, present: NDArray[np.bool_], random: BlockRandom) -> Grid:
    """The limit each month: raised or cut once for some, zero once a card is closed."""
    size = len(cards)
    changes = random.pick("limit change", (0.6, 0.25, 0.15), size)
    when = random.uniform("limit changes", size)
    change_month = cards.start + np.floor(when * (MONTHS - cards.start))
    factor = np.array([1.0, 1.5, 0.5])[changes]
    month = np.arange(MONTHS)
    limit = np.where(
        month >= change_month[:, None], np.rint(cards.limit * factor / 4_500)[:, None] * 4_500,
        cards.limit[:, None],
    )  # fmt: skip
    closes = random.chance("card closes", np.where(cards.used, 0.3, 0.42), size)
    closing = cards.start + np.floor(
        random.uniform("card closes at", size) ** 0.8 * (MONTHS - cards.start)
    )
    closed = closes[:, None] & (month >= closing[:, None])
    return np.where(closed | ~present, 0.0, limit)


def _simulate(
    cards: Cards, habits: _Habits, limit: Grid, draws: dict[str, Grid], grids: dict[str, Grid]
) -> None:
    """Fill the grids month by month, all cards at once."""
    balance = np.zeros(len(cards))
    minimum = np.zeros(len(cards))
    overdue = np.zeros(len(cards))
    for month in range(MONTHS):
        alive = cards.used & (month >= cards.start)
        progress = (month - cards.start) / np.maximum(MONTHS - cards.start, 1) - 0.5
        chance = habits.activity * np.exp(0.9 * habits.trend * progress)
        draws_now = alive & (draws["activity"][:, month] < chance)
        wanted = habits.size * cards.limit * -np.log1p(-draws["size"][:, month]) * 2.2
        room = np.maximum(limit[:, month] - balance, 0.0)
        drawing = np.where(draws_now, np.rint(np.minimum(wanted, room) / 450.0) * 450.0, 0.0)
        missed = draws["miss"][:, month] < habits.misses * np.where(overdue > 0, 7.0, 1.0)
        interest = np.where(balance > 0, cents(balance * MONTHLY_INTEREST), 0.0)
        paid = _payment(balance + interest, minimum, missed, draws["payment"][:, month], habits)
        overdue = np.where((minimum > 0) & (paid < minimum) & missed, overdue + 1, 0.0)
        balance = cents(np.minimum(balance + interest + drawing - paid, HIGHEST_BALANCE))
        cash = np.floor(drawing * habits.cash_share / 4_500.0) * 4_500.0
        cash = np.minimum(cash, 900_000.0)
        grids["balance"][:, month] = balance
        grids["atm"][:, month] = cash
        grids["pos"][:, month] = drawing - cash
        grids["interest"][:, month] = interest
        grids["minimum"][:, month] = minimum
        grids["paid"][:, month] = paid
        grids["dpd"][:, month] = np.maximum(overdue * 30 - 23, 0.0) * (overdue > 0)
        minimum = np.where(balance > 1.0, cents(np.maximum(balance * MINIMUM_SHARE, 225.0)), 0.0)
        minimum = np.minimum(minimum, np.maximum(balance, 0.0))


def _payment(
    balance: FloatArray, minimum: FloatArray, missed: BoolArray, draw: FloatArray, habits: _Habits
) -> FloatArray:
    """What is paid in a month: nothing, the minimum or somewhat more, all, or a little too much."""
    owes = balance > 0
    generous = np.rint(minimum * (1.0 + 3.0 * np.square(draw)) / 45.0 + 0.5) * 45.0
    settles = draw > 1.0 - habits.pays_all
    paid = np.where(settles, balance, np.minimum(generous, balance))
    overpays = settles & (draw > 0.9994)
    paid = np.where(overpays, cents(balance * 1.02 + 50.0), paid)
    return np.where(owes & ~missed, paid, 0.0)


def card_columns(people: People, months: CardMonths, random: BlockRandom) -> ColumnSet:
    """One row a month of each card."""
    rows, cards = months.rows, months.cards
    card = rows.parent
    size = len(rows)
    balance = months.cut(months.balance)
    atm, pos = months.cut(months.drawn_atm), months.cut(months.drawn_pos)
    other = np.where(random.chance("other drawing", 0.004, size), pos, 0.0)
    pos = pos - other
    drawn = atm + pos + other
    paid = months.cut(months.paid)
    principal = cents(np.where(balance > 0, balance - months.cut(months.interest), balance))
    principal = np.where(balance > 0, np.maximum(principal, 0.0), principal)
    columns: ColumnSet = {
        "SK_ID_PREV": cards.sk_id[card],
        "SK_ID_CURR": people.sk_id[cards.person[card]],
        "MONTHS_BALANCE": cards.start[card] + rows.position - MONTHS,
        "AMT_BALANCE": balance,
        "AMT_CREDIT_LIMIT_ACTUAL": months.cut(months.limit).astype(np.int64),
        "AMT_DRAWINGS_CURRENT": drawn,
        "AMT_PAYMENT_TOTAL_CURRENT": paid,
        "AMT_RECEIVABLE_PRINCIPAL": principal,
        "AMT_RECIVABLE": balance,
        "AMT_TOTAL_RECEIVABLE": balance,
    }
    silent = _silent(cards, rows, drawn, balance, random)
    columns |= _drawings(atm, pos, other, silent, random)
    columns |= _instalments(months, silent, random)
    columns |= _card_state(months, random)
    return columns


def _silent(
    cards: Cards, rows: Rows, drawn: FloatArray, balance: FloatArray, random: BlockRandom
) -> BoolArray:
    """Months in which nothing happened and for which most amounts are null."""
    idle = (drawn == 0) & (balance == 0)
    never = ~cards.used[rows.parent]
    silent: BoolArray = idle & random.chance("silent", np.where(never, 0.76, 0.03), len(rows))
    return silent


def _drawings(
    atm: FloatArray, pos: FloatArray, other: FloatArray, silent: BoolArray, random: BlockRandom
) -> ColumnSet:
    size = len(atm)
    spread = random.uniform("drawing count", size)
    counts = {
        "ATM": np.where(atm > 0, 1 + np.floor(np.minimum(atm / 15_000, 30) * spread), 0.0),
        "POS": np.where(pos > 0, 1 + np.floor(np.minimum(pos / 4_000, 139) * spread), 0.0),
        "OTHER": np.where(other > 0, 1.0, 0.0),
    }
    amounts = {"ATM": atm, "POS": pos, "OTHER": other}
    columns: ColumnSet = {
        "CNT_DRAWINGS_CURRENT": np.minimum(sum(counts.values()), 142).astype(np.int64)
    }
    for kind, count in counts.items():
        columns[f"AMT_DRAWINGS_{kind}_CURRENT"] = null_where(amounts[kind], silent)
        columns[f"CNT_DRAWINGS_{kind}_CURRENT"] = null_where(count, silent)
    return columns


def _instalments(months: CardMonths, silent: BoolArray, random: BlockRandom) -> ColumnSet:
    rows = months.rows
    minimum = months.cut(months.minimum)
    paid = months.cut(months.paid)
    matured = np.cumsum(minimum > 0)
    before = np.concatenate([[0], matured])[rows.starts][rows.parent]
    first = rows.position == 0
    unknown = first | (random.chance("no minimum", np.where(silent, 0.24, 0.004), len(rows)))
    no_payment = silent | ((paid == 0) & random.chance("no payment", 0.018, len(rows)))
    return {
        "AMT_INST_MIN_REGULARITY": null_where(minimum, unknown),
        "CNT_INSTALMENT_MATURE_CUM": null_where((matured - before).astype(np.float64), unknown),
        "AMT_PAYMENT_CURRENT": null_where(paid, no_payment),
    }


def _card_state(months: CardMonths, random: BlockRandom) -> ColumnSet:
    rows = months.rows
    draw = random.uniform("card status", len(rows))
    past_due = months.cut(months.days_past_due)
    closed = (months.cut(months.limit) == 0) & (months.cut(months.balance) == 0)
    status = np.where(closed & (draw < 0.2), 1, 0)
    status = np.where((rows.position == 0) & (draw < 0.09), 2, status)
    status = np.where((past_due > 300) & (draw < 0.05), 3, status)
    status = np.where((rows.position == 0) & (draw > 0.997), 4, status)
    status = np.where((rows.position == 0) & (draw > 0.9997), 5, status)
    status = np.where((rows.position == 0) & (draw > 0.9999), 6, status)
    tolerated = np.where(draw < 0.5, np.minimum(past_due, 1 + np.floor(draw * 8)), 0)
    tolerated = np.where((past_due > 100) & (draw > 0.999), np.minimum(past_due, 179), tolerated)
    return {
        "NAME_CONTRACT_STATUS": Categories(status, STATUSES),
        "SK_DPD": np.minimum(past_due, 2_400).astype(np.int64),
        "SK_DPD_DEF": tolerated.astype(np.int64),
    }


def card_payment_columns(people: People, months: CardMonths, random: BlockRandom) -> ColumnSet:
    """The payments of cards as instalments of version 0, one row for each part."""
    paying = np.flatnonzero((months.cut(months.paid) > 0) & _reported(months, random))
    rows, cards = months.rows, months.cards
    draw = random.uniform("card parts", len(rows))[paying]
    parts = 1 + np.minimum(np.floor(-np.log1p(-draw) * 3.8), 11).astype(np.int64)
    split = Rows.of(parts)
    row = paying[split.parent]
    card = rows.parent[row]
    month = cards.start[card] + rows.position[row] - MONTHS
    due = np.floor((month + 0.6) * MONTH_DAYS)
    late = np.rint(months.cut(months.days_past_due)[row])
    shift = np.floor(random.uniform("card paid", len(split)) * 14) - 13 + late
    part = cents(months.cut(months.paid)[row] / parts[split.parent])
    # What was asked for is on record as what was paid, but for some payments that fell short.
    short = random.chance("card paid short", 0.045, len(split))
    asked = np.where(short, np.maximum(part, months.cut(months.minimum)[row]), part)
    return {
        "SK_ID_PREV": cards.sk_id[card],
        "SK_ID_CURR": people.sk_id[cards.person[card]],
        "NUM_INSTALMENT_VERSION": np.zeros(len(split)),
        "NUM_INSTALMENT_NUMBER": rows.position[row] + 1,
        "DAYS_INSTALMENT": due,
        "DAYS_ENTRY_PAYMENT": np.minimum(due + shift, -1.0),
        "AMT_INSTALMENT": asked,
        "AMT_PAYMENT": part,
    }


def _reported(months: CardMonths, random: BlockRandom) -> BoolArray:
    """Months whose payments are on record: all of linked cards, few of old ones."""
    cards = months.cards
    kept = cards.linked | random.chance("old card reported", 0.04, len(cards))
    reported: BoolArray = kept[months.rows.parent]
    return reported
