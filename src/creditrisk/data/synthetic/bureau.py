"""The bureau table: credits that other lenders reported."""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic.columns import (
    Categories,
    ColumnSet,
    cents,
    labels_of,
    null_where,
    numbers,
    shares_of,
)
from creditrisk.data.synthetic.people import BLOCK_PEOPLE, MONTH_ID_OFFSET, Block, People
from creditrisk.data.synthetic.ragged import Rows
from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray, IntArray

FIRST_BUREAU_ID = 5_000_001
# Room for one block's credits, orphans included: ten standard deviations above the mean.
BUREAU_IDS_PER_BLOCK = 6 * BLOCK_PEOPLE
MOST_CREDITS = 90


@dataclass(frozen=True, slots=True)
class CreditType:
    """What one type of credit looks like: share, log amount, log term, its chance of amount 0."""

    share: float
    log_amount: float
    amount_spread: float
    log_term: float
    term_spread: float
    zero_share: float


CREDIT_TYPES: Mapping[str, CreditType] = {
    "Consumer credit": CreditType(1_251_615, 11.75, 1.15, 6.15, 0.62, 0.0001),
    "Credit card": CreditType(402_195, 11.75, 1.15, 7.2, 0.45, 0.16),
    "Car loan": CreditType(27_690, 14.2, 0.8, 7.4, 0.3, 0.0),
    "Mortgage": CreditType(18_391, 15.2, 0.65, 8.5, 0.3, 0.0),
    "Microloan": CreditType(12_413, 10.1, 0.9, 3.3, 0.6, 0.0),
    "Loan for business development": CreditType(1_975, 13.6, 1.2, 7.3, 0.5, 0.0),
    "Another type of loan": CreditType(1_017, 12.5, 1.1, 6.2, 0.5, 0.5),
    "Unknown type of loan": CreditType(555, 12.2, 1.1, 6.4, 0.5, 0.3),
    "Loan for working capital replenishment": CreditType(469, 13.4, 1.1, 6.3, 0.5, 0.0),
    "Cash loan (non-earmarked)": CreditType(56, 12.5, 0.8, 7.0, 0.4, 0.0),
    "Real estate loan": CreditType(27, 13.7, 0.8, 8.2, 0.4, 0.0),
    "Loan for the purchase of equipment": CreditType(19, 13.2, 0.8, 7.0, 0.4, 0.0),
    "Loan for purchase of shares (margin lending)": CreditType(4, 13.0, 0.8, 7.0, 0.4, 0.0),
    "Mobile operator loan": CreditType(1, 9.0, 0.5, 6.0, 0.4, 0.0),
    "Interbank credit": CreditType(1, 13.0, 0.5, 6.0, 0.4, 0.0),
}
CARD = tuple(CREDIT_TYPES).index("Credit card")
STATUSES = ("Closed", "Active", "Sold", "Bad debt")
CLOSED, ACTIVE, SOLD, BAD_DEBT = range(4)
CURRENCIES: Mapping[str, float] = {
    "currency 1": 0.99918, "currency 2": 0.0007, "currency 3": 0.0001, "currency 4": 0.00002,
}  # fmt: skip
OPENED_LEVELS = (0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1)
OPENED_DAYS = (-2_922, -2_868, -2_421, -1_660, -985, -474, -222, -36, 0)
LATEST_UPDATE = -2_917


@dataclass(frozen=True, slots=True)
class Bureau:
    """The credits of a block's people: the table, and what the other parts need of it."""

    rows: Rows
    columns: ColumnSet
    status: IntArray
    opened: FloatArray
    ended: FloatArray
    covered: BoolArray


def draw_has_bureau(people: People, random: BlockRandom) -> BoolArray:
    """Who has at least one credit elsewhere."""
    return random.chance("has bureau", people.by_population(0.857, 0.868), len(people))


def draw_bureau(block: Block, people: People, has_bureau: BoolArray, random: BlockRandom) -> Bureau:
    """The credits of a block's people."""
    rows = Rows.of(_counts(people, has_bureau, random))
    kind = random.pick("credit type", [kind.share for kind in CREDIT_TYPES.values()], len(rows))
    opened = np.rint(random.from_quantiles("opened", OPENED_LEVELS, OPENED_DAYS, len(rows)))
    planned = opened + _term(kind, random)
    status, ended = _ending(people, rows, opened=opened, planned=planned, kind=kind, random=random)
    covered = _covered(people, random)
    columns = _identity(block, people, rows, random)
    columns |= {
        "CREDIT_ACTIVE": Categories(status, STATUSES),
        "CREDIT_TYPE": Categories(kind, tuple(CREDIT_TYPES)),
        "DAYS_CREDIT": opened.astype(np.int64),
    }
    columns |= _dates(status, kind, opened=opened, planned=planned, ended=ended, random=random)
    columns |= _amounts(
        people, rows, status=status, kind=kind, dates=(opened, planned), random=random
    )
    columns |= _arrears(people, rows, status, random)
    columns["AMT_ANNUITY"] = _annuity(
        covered[rows.parent], numbers(columns, "AMT_CREDIT_SUM"), random
    )
    return Bureau(rows, columns, status, opened, np.where(status == ACTIVE, 0.0, ended), covered)


def _counts(people: People, has_bureau: BoolArray, random: BlockRandom) -> IntArray:
    stream = random.stream("credit count")
    spread = stream.gamma(1.6, 1.0, len(people)) / 1.6
    mean = people.by_population(4.57, 4.93) * spread
    further = random.stream("further credits").poisson(mean)
    return np.where(has_bureau, np.minimum(1 + further, MOST_CREDITS), 0)


def _identity(block: Block, people: People, rows: Rows, random: BlockRandom) -> ColumnSet:
    return {
        "SK_ID_CURR": people.sk_id[rows.parent],
        "SK_ID_BUREAU": bureau_ids(block, np.arange(len(rows))),
        "CREDIT_CURRENCY": Categories(
            random.pick("currency", shares_of(CURRENCIES), len(rows)), labels_of(CURRENCIES)
        ),
    }


def bureau_ids(block: Block, index: IntArray) -> IntArray:
    """The ids of a block's credits: unique, in no order, from the block's own range."""
    # 7919 is coprime to the range's size, so the map is one to one.
    scattered = index * 7_919 % BUREAU_IDS_PER_BLOCK
    start = FIRST_BUREAU_ID + block.number * BUREAU_IDS_PER_BLOCK
    return start + scattered + block.month * MONTH_ID_OFFSET


def orphan_ids(block: Block, index: IntArray) -> IntArray:
    """The ids of histories without a row in bureau, from the end of the block's range."""
    return bureau_ids(block, BUREAU_IDS_PER_BLOCK - 1 - index)


def _of_type(kind: IntArray, attribute: str) -> FloatArray:
    values = np.array(
        [getattr(each, attribute) for each in CREDIT_TYPES.values()], dtype=np.float64
    )
    return values[kind]


def _term(kind: IntArray, random: BlockRandom) -> FloatArray:
    noise = random.normal("credit term", len(kind))
    days: FloatArray = np.exp(_of_type(kind, "log_term") + _of_type(kind, "term_spread") * noise)
    return np.rint(np.minimum(np.maximum(days, 7.0), 11_000.0))


def _ending(
    people: People,
    rows: Rows,
    *,
    opened: FloatArray,
    planned: FloatArray,
    kind: IntArray,
    random: BlockRandom,
) -> tuple[IntArray, FloatArray]:
    """Status and last day of each credit; the last day is meaningless for active ones."""
    size = len(rows)
    term = planned - opened
    is_card = kind == CARD
    early = random.chance("repaid early", np.where(is_card, 0.27, 0.4), size)
    share = random.between("repaid after", 0.15, 1.0, size)
    delay = np.rint(12.0 * random.stream("repaid late").exponential(size=size))
    ended = np.where(early, opened + np.rint(term * share), planned + delay)
    status = np.where(ended < 0, CLOSED, ACTIVE)
    discipline = people.discipline[rows.parent]
    sold = random.chance("sold", 0.0024 * np.exp(-0.9 * discipline), size) & (opened < -400)
    status = np.where(sold, SOLD, status)
    status = np.where(random.chance("bad debt", 0.00002, size), BAD_DEBT, status)
    return status, np.minimum(ended, -1.0)


def _dates(
    status: IntArray,
    kind: IntArray,
    *,
    opened: FloatArray,
    planned: FloatArray,
    ended: FloatArray,
    random: BlockRandom,
) -> ColumnSet:
    size = len(status)
    odd = random.uniform("odd dates", size)
    open_ended = np.where(status == ACTIVE, 0.117, 0.031)
    end = null_where(planned, random.uniform("no end date", size) < open_ended)
    # Cards without a term end in the year 2099 or so; a few dates lie far outside any sense.
    endless = (status == ACTIVE) & (kind == CARD) & (random.uniform("endless", size) < 0.14)
    end = np.where(endless, 31_198.0 + opened // 10, end)
    end = np.where(odd < 2e-6, -41_819.0, end)
    fact_chance = np.array([0.9997, 0.004, 0.2, 0.1])[status]
    fact = np.where(random.uniform("end fact", size) < fact_chance, ended, np.nan)
    fact = np.where(odd < 2e-6, -42_023.0, fact)
    lag = np.rint(20 * random.stream("update lag").exponential(size=size))
    closed_update = np.minimum(ended + np.rint(2.5 * lag), -2)
    update = np.where(status == ACTIVE, -lag, np.maximum(closed_update, opened))
    return {
        "DAYS_CREDIT_ENDDATE": end,
        "DAYS_ENDDATE_FACT": fact,
        "DAYS_CREDIT_UPDATE": np.clip(update, LATEST_UPDATE, 0).astype(np.int64),
    }


def _amounts(
    people: People,
    rows: Rows,
    *,
    status: IntArray,
    kind: IntArray,
    dates: tuple[FloatArray, FloatArray],
    random: BlockRandom,
) -> ColumnSet:
    size = len(rows)
    opened, planned = dates
    is_card = kind == CARD
    longer = np.where(is_card, 0.0, 0.75) * (np.log(planned - opened) - _of_type(kind, "log_term"))
    noise = _of_type(kind, "amount_spread") * random.normal("credit amount", size)
    amount = cents(np.exp(_of_type(kind, "log_amount") + longer + noise))
    amount = np.where(random.chance("round amount", 0.55, size), _round_money(amount), amount)
    zero = random.chance("zero amount", _of_type(kind, "zero_share"), size)
    amount = np.where(zero, 0.0, np.minimum(amount, 92_070_000.0))
    used = _used_share(people, rows, is_card, dates, random)
    debt = cents(np.where(status == ACTIVE, amount * used, 0.0))
    leftover = (status != ACTIVE) & random.chance("debt left", 0.008, size)
    debt = np.where(leftover, cents(0.1 * amount), debt)
    negative = random.chance("negative debt", np.where(is_card, 0.008, 0.0008), size)
    debt = np.where(negative, -cents(np.minimum(0.002 * amount + 3.0, 190_000)), debt)
    no_debt = random.chance("no debt", np.array([0.165, 0.106, 0.53, 0.3])[status], size)
    limited = is_card & (status == ACTIVE) & random.chance("has limit", 0.41, size)
    limit = np.where(limited, cents(np.maximum(amount - debt, 0.0)), 0.0)
    limit = np.where(random.chance("negative limit", 0.0002, size), -3_700.5, limit)
    no_limit = random.chance("no limit", np.array([0.413, 0.297, 0.8, 0.6])[status], size)
    return {
        "AMT_CREDIT_SUM": amount,
        "AMT_CREDIT_SUM_DEBT": null_where(debt, no_debt),
        "AMT_CREDIT_SUM_LIMIT": null_where(np.minimum(limit, 2_600_000.0), no_limit),
    }


def _round_money(amount: FloatArray) -> FloatArray:
    step = np.where(amount > 100_000, 22_500.0, 4_500.0)
    return np.maximum(np.rint(amount / step), 1.0) * step


def _used_share(
    people: People,
    rows: Rows,
    is_card: BoolArray,
    dates: tuple[FloatArray, FloatArray],
    random: BlockRandom,
) -> FloatArray:
    """Share of an active credit's amount that is still owed."""
    opened, planned = dates
    strain = people.strain[rows.parent]
    noise = random.normal("used share", len(rows))
    term_left = np.clip(planned / np.maximum(planned - opened, 1.0), 0.0, 1.0)
    loan = np.clip(term_left * (1.0 + 0.12 * strain + 0.1 * noise), 0.0, 1.15)
    card = np.clip(1.0 / (1.0 + np.exp(0.35 - 0.95 * strain - 1.1 * noise)), 0.0, 1.1)
    unused = random.chance("unused card", np.where(strain < 0, 0.42, 0.16), len(rows))
    return np.where(is_card, np.where(unused, 0.0, card), loan)


def _arrears(people: People, rows: Rows, status: IntArray, random: BlockRandom) -> ColumnSet:
    size = len(rows)
    discipline = people.discipline[rows.parent]
    ever = random.chance("ever overdue", np.clip(0.15 * np.exp(-0.55 * discipline), 0, 0.8), size)
    worst = cents(np.exp(8.9 + 1.1 * random.normal("worst overdue", size)))
    now = ever & (status == ACTIVE) & random.chance("overdue now", 0.045, size)
    late_days = np.rint(np.exp(2.8 + 1.6 * random.normal("days overdue", size)))
    overdue = cents(np.minimum(worst, 540_000) * random.between("overdue share", 0.1, 1, size))
    prolonged = random.chance("prolonged", np.clip(0.0033 * np.exp(-0.4 * discipline), 0, 1), size)
    times = 1 + random.pick("times prolonged", (0.84, 0.12, 0.03, 0.006, 0.004), size)
    return {
        "AMT_CREDIT_MAX_OVERDUE": null_where(
            np.where(ever, np.minimum(worst, 4_206_343.5), 0.0),
            random.chance("overdue unknown", 0.674, size),
        ),
        "CREDIT_DAY_OVERDUE": np.where(now, np.clip(late_days, 1, 2_571), 0).astype(np.int64),
        "AMT_CREDIT_SUM_OVERDUE": np.where(now, overdue, 0.0),
        "CNT_CREDIT_PROLONG": np.where(prolonged, times, 0),
    }


def _covered(people: People, random: BlockRandom) -> BoolArray:
    """Whose credits come with a monthly history: few labelled people, nearly all unlabelled ones."""
    return random.chance("balance history", people.by_population(0.355, 0.9995), len(people))


def _annuity(covered: BoolArray, amount: FloatArray, random: BlockRandom) -> FloatArray:
    size = len(amount)
    annuity = cents(amount * random.between("bureau annuity", 0.02, 0.15, size))
    zero = random.chance("zero annuity", np.where(covered, 0.58, 0.5), size)
    value = np.where(zero, 0.0, np.minimum(annuity, 5_454_976.5))
    return null_where(value, random.chance("no annuity", np.where(covered, 0.33, 0.8), size))
