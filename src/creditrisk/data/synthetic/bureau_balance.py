"""The bureau_balance table: one status a month for the credits that come with a history."""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic.bureau import ACTIVE, SOLD, Bureau, bureau_ids, orphan_ids
from creditrisk.data.synthetic.columns import Categories, ColumnSet
from creditrisk.data.synthetic.people import Block, People
from creditrisk.data.synthetic.ragged import Rows
from creditrisk.data.synthetic.randomness import BlockRandom, FloatArray, IntArray

MONTH_DAYS = 30.4375
EARLIEST_MONTH = -96
STATUSES = ("0", "1", "2", "3", "4", "5", "C", "X")
PAID, WORST, CLOSED, UNKNOWN = 0, 5, 6, 7
# Credits with a history that has no row in bureau, for each that has one.
ORPHANS_PER_CREDIT = 0.0555
NOT_REACHING_NOW = 0.108


@dataclass(frozen=True, slots=True)
class Balance:
    """Monthly statuses, and what each person's credits have shown.

    `delinquent_share` and `worst` are null for people without a history of their own.
    """

    columns: ColumnSet
    delinquent_share: FloatArray
    worst: FloatArray


@dataclass(frozen=True, slots=True)
class _Histories:
    """The credits that have a history: first, last, and closing month, and how well they pay."""

    sk_id: IntArray
    person: IntArray
    first: IntArray
    last: IntArray
    closing: IntArray
    discipline: FloatArray

    def __len__(self) -> int:
        return len(self.sk_id)


def draw_bureau_balance(
    block: Block, people: People, bureau: Bureau, random: BlockRandom
) -> Balance:
    """The monthly statuses of a block, contiguous in every credit."""
    histories = _histories(block, people, bureau, random)
    rows = Rows.of(histories.last - histories.first + 1)
    month = histories.last[rows.parent] - rows.position
    status = _statuses(histories, rows, month, random)
    columns: ColumnSet = {
        "SK_ID_BUREAU": histories.sk_id[rows.parent],
        "MONTHS_BALANCE": month,
        "STATUS": Categories(status, STATUSES),
    }
    return Balance(columns, *_delinquency(people, histories, rows, status))


def _histories(block: Block, people: People, bureau: Bureau, random: BlockRandom) -> _Histories:
    credit = np.arange(len(bureau.rows))
    seen = bureau.covered[bureau.rows.parent] & random.chance("seen", 0.997, len(credit))
    twins = random.chance("orphan history", ORPHANS_PER_CREDIT, len(credit))
    source = np.repeat(credit, np.where(seen, 1 + twins, 0))
    orphan = np.concatenate([[False], source[1:] == source[:-1]])[: len(source)]
    person = bureau.rows.parent[source]
    opened = bureau.opened[source]
    first = _first_month(opened, random)
    closing = np.where(
        np.isin(bureau.status[source], (ACTIVE, SOLD)),
        1,
        -np.floor(-bureau.ended[source] / MONTH_DAYS),
    ).astype(np.int64)
    return _Histories(
        sk_id=np.where(orphan, orphan_ids(block, np.cumsum(orphan) - 1), bureau_ids(block, source)),
        person=np.where(orphan, -1, person),
        first=first,
        last=_last_month(first, random),
        closing=closing,
        discipline=people.discipline[person],
    )


def _first_month(opened: FloatArray, random: BlockRandom) -> IntArray:
    """The month in which the credit was opened; later for some, whose beginning is not reported."""
    size = len(opened)
    month = np.maximum(-np.floor(-opened / MONTH_DAYS), EARLIEST_MONTH)
    late = random.chance("history starts late", 0.12, size)
    share = np.where(late, random.uniform("history starts at", size), 1.0)
    first: IntArray = np.ceil(month * share).astype(np.int64)
    return first


def _last_month(first: IntArray, random: BlockRandom) -> IntArray:
    size = len(first)
    stops = random.chance("history stops", NOT_REACHING_NOW / 0.93, size)
    share = random.uniform("history stops at", size)
    return np.where(stops, np.floor(first * share), 0).astype(np.int64)


def _statuses(histories: _Histories, rows: Rows, month: IntArray, random: BlockRandom) -> IntArray:
    size = len(histories)
    parent = rows.parent
    length = rows.counts
    age = (length - 1)[parent] - rows.position
    # Each credit has one stretch of months about which nothing is known.
    kind = random.pick("unknown kind", (0.3, 0.55, 0.15), size)
    share = np.where(kind == 0, 0.0, random.uniform("unknown share", size) ** 0.6)
    unknown = np.where(kind == 2, length, np.rint(share * length))
    from_age = np.rint(random.uniform("unknown from", size) * (length - unknown))
    hidden = (age >= from_age[parent]) & (age < (from_age + unknown)[parent])
    status = np.where(hidden, UNKNOWN, PAID)
    status = _with_spells(histories, status, age, parent, random)
    return np.where(month >= histories.closing[parent], CLOSED, status)


def _with_spells(
    histories: _Histories, status: IntArray, age: IntArray, parent: IntArray, random: BlockRandom
) -> IntArray:
    """Lay delinquency over the statuses: short lapses, and arrears that grow to the worst status."""
    size = len(histories)
    careless = np.exp(-0.6 * histories.discipline)
    lapsing = random.chance("lapses", np.clip(0.125 * careless, 0, 0.8), size)
    lapse = random.stream("lapse").random(len(parent), dtype=np.float32) < 0.12
    status = np.where(lapse & lapsing[parent], 1 + (age % 29 == 0), status)
    growing = lapsing & random.chance("arrears", 0.07, size)
    start = random.stream("arrears from").integers(0, 36, size)
    duration = random.stream("arrears for").integers(3, 40, size)
    since = age - start[parent]
    inside = growing[parent] & (since >= 0) & (since < duration[parent])
    return np.where(inside, np.minimum(since + 1, WORST), status)


def _delinquency(
    people: People, histories: _Histories, rows: Rows, status: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Mean over a person's credits of the delinquent months' share, and the worst status."""
    late = (status >= 1) & (status <= WORST)
    share = rows.count(late) / np.maximum(rows.counts, 1)
    worst = np.zeros(len(histories))
    np.maximum.at(worst, rows.parent[late], status[late])
    own = histories.person >= 0
    person = histories.person[own]
    histories_each = np.bincount(person, minlength=len(people))
    total = np.bincount(person, share[own], minlength=len(people))
    highest = np.zeros(len(people))
    np.maximum.at(highest, person, worst[own])
    known = histories_each > 0
    return (
        np.where(known, total / np.maximum(histories_each, 1), np.nan),
        np.where(known, highest, np.nan),
    )
