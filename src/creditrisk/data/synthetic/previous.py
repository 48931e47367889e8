"""Previous applications: what a person applied for at this lender before, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic import previous_shares as shares
from creditrisk.data.synthetic.columns import (
    clip,
    shares_of,
)
from creditrisk.data.synthetic.people import BLOCK_PEOPLE, MONTH_ID_OFFSET, Block, People
from creditrisk.data.synthetic.previous_shares import (
    APPROVED,
    CASH,
    CONSUMER,
    REFUSED,
    REVOLVING,
)
from creditrisk.data.synthetic.ragged import Rows
from creditrisk.data.synthetic.randomness import (
    BlockRandom,
    BoolArray,
    FloatArray,
    IntArray,
    pick_by_kind,
)

FIRST_PREVIOUS_ID = 1_000_001
# Room for one block's contracts, orphans included: ten standard deviations above the mean.
PREVIOUS_IDS_PER_BLOCK = 6 * BLOCK_PEOPLE
MOST_APPLICATIONS = 70
GRANTED_TERMS = 2


@dataclass(frozen=True, slots=True)
class Previous:
    """The previous applications of a block's people, one array element a row.

    `decision` is in days before the application, `term` in months, `opened_card` marks the
    application that opened the person's card.
    """

    rows: Rows
    sk_id: IntArray
    contract: IntArray
    status: IntArray
    decision: FloatArray
    term: FloatArray
    amount: FloatArray
    annuity: FloatArray
    opened_card: BoolArray

    @property
    def is_loan(self) -> BoolArray:
        """True for approved loans that are paid in instalments."""
        approved: BoolArray = (self.status == APPROVED) & (self.contract <= CASH)
        return approved


def draw_previous(block: Block, people: People, random: BlockRandom) -> Previous:
    """Contract type, status, amount and dates of every previous application."""
    rows = Rows.of(_counts(people, random))
    size = len(rows)
    opened_card = _opened_card(people, rows, random)
    contract = random.pick("contract", shares.CONTRACT_SHARES, size)
    contract = np.where(opened_card, REVOLVING, contract)
    status = _status(people, rows, contract, random)
    status = np.where(opened_card, APPROVED, status)
    term = _term(contract, status, random)
    amount = _amount(people, rows, contract, term, random)
    return Previous(
        rows=rows,
        sk_id=previous_ids(block, np.arange(size)),
        contract=contract,
        status=status,
        decision=_decision(contract, status, opened_card, random),
        term=term,
        amount=amount,
        annuity=_annuity(contract, amount, term, random),
        opened_card=opened_card,
    )


def previous_ids(block: Block, index: IntArray) -> IntArray:
    """The ids of a block's contracts: unique, in no order, from the block's own range."""
    # 7919 is coprime to the range's size, so the map is one to one.
    scattered = index * 7_919 % PREVIOUS_IDS_PER_BLOCK
    start = FIRST_PREVIOUS_ID + block.number * PREVIOUS_IDS_PER_BLOCK
    return start + scattered + block.month * MONTH_ID_OFFSET


def orphan_loan_ids(block: Block, index: IntArray) -> IntArray:
    """The ids of loans without a row in previous_application, from the end of the block's range."""
    return previous_ids(block, PREVIOUS_IDS_PER_BLOCK - 1 - 2 * index)


def orphan_card_ids(block: Block, index: IntArray) -> IntArray:
    """The ids of cards without a row in previous_application, between those of orphan loans."""
    return previous_ids(block, PREVIOUS_IDS_PER_BLOCK - 2 - 2 * index)


def _counts(people: People, random: BlockRandom) -> IntArray:
    size = len(people)
    has = random.chance("has previous", people.by_population(0.9465, 0.9806), size)
    spread = random.stream("previous count").gamma(1.1, 1.0, size) / 1.1
    mean = people.by_population(3.91, 4.42) * spread
    further = random.stream("further applications").poisson(mean)
    return np.where(has, np.minimum(1 + further, MOST_APPLICATIONS), 0)


def _opened_card(people: People, rows: Rows, random: BlockRandom) -> BoolArray:
    """The one application of some people that opened their card."""
    owns = random.chance("owns card", people.by_population(0.258, 0.295), len(people))
    chosen = np.floor(random.uniform("which opened", len(people)) * rows.counts)
    opened: BoolArray = owns[rows.parent] & (rows.position == chosen[rows.parent])
    return opened


def _status(people: People, rows: Rows, contract: IntArray, random: BlockRandom) -> IntArray:
    drawn = pick_by_kind(random.uniform("status", len(rows)), contract, shares.STATUS_SHARES)
    # The weak are refused what the strong are granted.
    quality = people.quality[rows.parent]
    turn = random.uniform("refused instead", len(rows)) < np.clip(-0.11 * quality, 0, 0.5)
    spared = random.uniform("granted instead", len(rows)) < np.clip(0.42 * quality, 0, 0.9)
    drawn = np.where((drawn == APPROVED) & turn, REFUSED, drawn)
    return np.where((drawn == REFUSED) & spared & (contract <= CASH), APPROVED, drawn)


def _decision(
    contract: IntArray, status: IntArray, opened_card: BoolArray, random: BlockRandom
) -> FloatArray:
    draw = random.uniform("decision", len(contract))
    days = np.zeros(len(contract))
    for kind, values in enumerate(shares.DECISION_DAYS):
        mask = contract == kind
        days[mask] = np.interp(draw[mask], shares.DECISION_LEVELS, values)
    granted = (contract == CASH) & (status == APPROVED)
    loans = np.interp(draw, shares.DECISION_LEVELS, shares.GRANTED_CASH_DECISION_DAYS)
    days = np.where(granted, loans, days)
    cards = np.interp(draw, shares.DECISION_LEVELS, shares.CARD_DECISION_DAYS)
    return np.rint(np.where(opened_card, cards, days))


def _term(contract: IntArray, status: IntArray, random: BlockRandom) -> FloatArray:
    draw = random.uniform("term", len(contract))
    table = [shares_of({str(k): v for k, v in terms.items()}) for terms in shares.TERMS]
    granted = (contract == CASH) & (status == APPROVED)
    kind = np.where(granted, GRANTED_TERMS, np.minimum(contract, CASH))
    index = pick_by_kind(draw, kind, table)
    months = np.array([list(terms) for terms in shares.TERMS])[kind, index]
    return np.where(contract >= REVOLVING, 0, months).astype(np.float64)


def _amount(
    people: People, rows: Rows, contract: IntArray, term: FloatArray, random: BlockRandom
) -> FloatArray:
    """The amount a person applied for."""
    means = np.array([11.15, 12.15, 11.9, 11.0])[contract]
    slope = np.where(contract == CASH, 0.75, 0.55)
    longer = np.where(term > 0, slope * np.log(np.maximum(term, 1.0) / 14.0), 0.0)
    person = 0.25 * random.normal("applies for", len(people))[rows.parent]
    noise = np.where(contract == CONSUMER, 0.66, 0.72) * random.normal("amount", len(rows))
    amount = np.exp(means + longer + person + noise)
    step = np.array([4.5, 4_500.0, 45_000.0, 4_500.0])[contract]
    return clip(np.rint(amount / step) * step, 4_500.0, 3_100_000.0)


def _annuity(
    contract: IntArray, amount: FloatArray, term: FloatArray, random: BlockRandom
) -> FloatArray:
    yearly = random.between("interest", 0.12, 0.5, len(amount))
    monthly = yearly / 12.0
    factor = monthly / -np.expm1(-np.maximum(term, 1) * np.log1p(monthly))
    annuity = np.where(contract == REVOLVING, amount * 0.05, amount * factor)
    return np.minimum(np.rint(annuity * 200.0) / 200.0, 215_000.0)
