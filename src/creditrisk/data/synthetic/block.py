"""One block of people with all their tables: the unit in which a portfolio is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditrisk.data.synthetic.application import draw_application
from creditrisk.data.synthetic.bureau import Bureau, draw_bureau, draw_has_bureau
from creditrisk.data.synthetic.bureau_balance import Balance, draw_bureau_balance
from creditrisk.data.synthetic.cards import (
    CardMonths,
    card_columns,
    card_payment_columns,
    draw_card_months,
    draw_cards,
)
from creditrisk.data.synthetic.columns import (
    ColumnSet,
    row_count,
    stack_rows,
    take_rows,
    whole_numbers,
)
from creditrisk.data.synthetic.law import CATEGORY_WEIGHTS, default_probability
from creditrisk.data.synthetic.loans import (
    Loans,
    MonthlyState,
    Payments,
    draw_loans,
    draw_monthly_state,
    draw_payments,
    installment_columns,
    loan_dates,
)
from creditrisk.data.synthetic.people import Block, People, draw_people
from creditrisk.data.synthetic.previous import Previous, draw_previous
from creditrisk.data.synthetic.previous_columns import previous_columns
from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray, IntArray
from creditrisk.data.synthetic.scenarios import Shift
from creditrisk.data.synthetic.signals import (
    Signals,
    application_signals,
    bureau_signals,
    card_signals,
    category_signals,
    monthly_signals,
    payment_signals,
    previous_signals,
)

# Rows of these tables come in the order of their contracts, the others' in none.
ORDERED_TABLES = ("application", "bureau_balance")


@dataclass(frozen=True, slots=True)
class History:
    """Everything that happened to a block's people before they applied."""

    application: ColumnSet
    bureau: Bureau
    balance: Balance
    previous: Previous
    loans: Loans
    payments: Payments
    state: MonthlyState
    cards: CardMonths

    def signals(self, people: People) -> Signals:
        """What the law of default looks at."""
        return {
            **application_signals(self.application),
            **category_signals(self.application, CATEGORY_WEIGHTS),
            **bureau_signals(self.bureau, self.balance),
            **previous_signals(self.previous),
            **payment_signals(people, self.loans, self.payments),
            **monthly_signals(people, self.loans, self.state),
            **card_signals(people, self.cards),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who applied, with the true probability of default and what came of it."""

    sk_id: IntArray
    is_test: BoolArray
    probability: FloatArray
    defaulted: BoolArray


@dataclass(frozen=True, slots=True)
class BlockTables:
    """The rows of one block by table name, TARGET included, and the outcomes they were drawn from."""

    tables: dict[str, ColumnSet]
    outcome: Outcome


def draw_block(block: Block, seed: int, shift: Shift) -> BlockTables:
    """All tables of a block."""
    random = BlockRandom(seed, block.month, block.number)
    people = draw_people(block, random, shift)
    history = draw_history(block, people, random, shift)
    probability = default_probability(history.signals(people), shift)
    outcome = Outcome(
        people.sk_id,
        people.is_test,
        probability,
        random.uniform("default", len(people)) < probability,
    )
    tables = _tables(people, history, outcome, random)
    if shift.default_odds_factor != 1:
        tables, outcome = _thin(block, tables, outcome, random, shift)
    return BlockTables(_shuffled(tables, random), outcome)


def draw_history(block: Block, people: People, random: BlockRandom, shift: Shift) -> History:
    """The application and the histories of a block's people."""
    has_bureau = draw_has_bureau(people, random)
    bureau = draw_bureau(block, people, has_bureau, random)
    previous = draw_previous(block, people, random)
    loans = draw_loans(block, people, previous, random)
    payments = draw_payments(people, loans, random)
    cards = draw_cards(block, people, previous, random)
    return History(
        application=draw_application(people, has_bureau, random, shift),
        bureau=bureau,
        balance=draw_bureau_balance(block, people, bureau, random),
        previous=previous,
        loans=loans,
        payments=payments,
        state=draw_monthly_state(people, loans, payments, random),
        cards=draw_card_months(people, cards, random),
    )


def _tables(
    people: People, history: History, outcome: Outcome, random: BlockRandom
) -> dict[str, ColumnSet]:
    dates = loan_dates(history.previous, history.loans, history.payments)
    return {
        "application": history.application | {"TARGET": outcome.defaulted.astype(np.int64)},
        "bureau": history.bureau.columns,
        "bureau_balance": history.balance.columns,
        "previous_application": previous_columns(people, history.previous, dates, random),
        "POS_CASH_balance": history.state.columns,
        "installments_payments": stack_rows(
            installment_columns(people, history.loans, history.payments, random),
            card_payment_columns(people, history.cards, random),
        ),
        "credit_card_balance": card_columns(people, history.cards, random),
    }


def _thin(
    block: Block,
    tables: dict[str, ColumnSet],
    outcome: Outcome,
    random: BlockRandom,
    shift: Shift,
) -> tuple[dict[str, ColumnSet], Outcome]:
    """Turn some of those who will pay away, so that defaulters' share rises and no class changes."""
    factor = shift.default_odds_factor
    size = len(outcome.sk_id)
    stays = outcome.defaulted | random.chance("turned away", 1 / factor, size)
    chosen = np.zeros(size, dtype=np.bool_)
    chosen[np.flatnonzero(stays)[: block.wanted]] = True
    kept = {
        name: take_rows(columns, chosen[whole_numbers(columns, "SK_ID_CURR") - outcome.sk_id[0]])
        for name, columns in tables.items()
        if "SK_ID_CURR" in columns
    }
    credit = "SK_ID_BUREAU"
    gone = np.setdiff1d(
        whole_numbers(tables["bureau"], credit), whole_numbers(kept["bureau"], credit)
    )
    balance = tables["bureau_balance"]
    left = take_rows(balance, ~np.isin(whole_numbers(balance, credit), gone))
    odds = factor * outcome.probability / (1 - outcome.probability)
    return kept | {"bureau_balance": left}, Outcome(
        outcome.sk_id[chosen],
        outcome.is_test[chosen],
        (odds / (1 + odds))[chosen],
        outcome.defaulted[chosen],
    )


def _shuffled(tables: dict[str, ColumnSet], random: BlockRandom) -> dict[str, ColumnSet]:
    return {
        name: columns if name in ORDERED_TABLES else _in_no_order(name, columns, random)
        for name, columns in tables.items()
    }


def _in_no_order(name: str, columns: ColumnSet, random: BlockRandom) -> ColumnSet:
    order = random.stream(f"order of {name}").permutation(row_count(columns))
    return take_rows(columns, order)
