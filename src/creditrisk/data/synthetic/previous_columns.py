"""The previous_application table: every column of the previous applications that were drawn."""

# ruff: noqa: PLR2004  (shares and sizes stand where they are drawn: names would only repeat them)

from __future__ import annotations

import numpy as np

from creditrisk.data.synthetic import previous_shares as shares
from creditrisk.data.synthetic.application_shares import HOUR
from creditrisk.data.synthetic.columns import (
    NOT_APPLICABLE_DAYS,
    NULL_CODE,
    Categories,
    ColumnSet,
    labels_of,
    null_where,
    round_to,
    shares_of,
)
from creditrisk.data.synthetic.people import People
from creditrisk.data.synthetic.previous import Previous
from creditrisk.data.synthetic.previous_shares import (
    APPROVED,
    CANCELED,
    CASH,
    CONSUMER,
    REFUSED,
    REVOLVING,
    UNNAMED,
    UNUSED,
)
from creditrisk.data.synthetic.randomness import (
    BlockRandom,
    BoolArray,
    FloatArray,
    IntArray,
    pick_by_kind,
)


def previous_columns(
    people: People,
    previous: Previous,
    dates: tuple[FloatArray, FloatArray, FloatArray],
    random: BlockRandom,
) -> ColumnSet:
    """The table of previous applications.

    Args:
        people: the block's people.
        previous: their applications.
        dates: first due, actual last due and termination day of approved loans, in days;
            365243 where there is none.
        random: the block's streams.
    """
    columns: ColumnSet = {
        "SK_ID_PREV": previous.sk_id,
        "SK_ID_CURR": people.sk_id[previous.rows.parent],
        "NAME_CONTRACT_TYPE": Categories(previous.contract, shares.CONTRACTS),
        "NAME_CONTRACT_STATUS": Categories(previous.status, shares.STATUSES),
        "DAYS_DECISION": previous.decision.astype(np.int64),
    }
    columns |= _money(previous, random)
    columns |= _process(previous, random)
    columns |= _goods(previous, random)
    columns |= _dates(previous, dates, random)
    return columns


def _empty(previous: Previous, random: BlockRandom) -> BoolArray:
    """Applications that ended before an amount was asked for."""
    draw = random.uniform("empty application", len(previous.rows))
    canceled = (previous.status == CANCELED) & (draw < 0.968)
    refused = np.array([0.0005, 0.168, 0.25, 1.0])[previous.contract]
    cards = previous.opened_card & (draw < 0.41)
    empty: BoolArray = canceled | cards | ((previous.status == REFUSED) & (draw < refused))
    return empty


def _money(previous: Previous, random: BlockRandom) -> ColumnSet:
    size = len(previous.rows)
    empty = _empty(previous, random)
    card = previous.opened_card
    no_credit = empty & ~card
    consumer, cash = previous.contract == CONSUMER, previous.contract == CASH
    asked = np.where(empty, 0.0, previous.amount)
    down_rate = _down_payment_rate(previous, random)
    down = round_to(np.where(consumer, previous.amount * down_rate, 0.0), 4.5)
    insurance = np.where(cash, 1.0 + random.between("insured by", 0.0, 0.28, size), 1.045)
    granted = np.where(
        previous.contract == REVOLVING,
        previous.amount,
        round_to((previous.amount - down) * insurance, 4.5),
    )
    unused = previous.status == UNUSED
    no_terms = no_credit | (
        consumer & (previous.status == REFUSED) & random.chance("no terms", 0.171, size)
    )
    no_terms |= unused & random.chance("unused terms", 0.98, size)
    has_down = consumer & ~no_credit & random.chance("has down payment", 0.985, size)
    has_down |= cash & (previous.status == APPROVED) & random.chance("cash down", 0.119, size)
    no_goods = no_credit | (card & random.chance("card goods", 0.384, size))
    return {
        "AMT_APPLICATION": asked,
        "AMT_CREDIT": np.where(no_credit, 0.0, np.minimum(granted, 3_740_000.0)),
        "AMT_ANNUITY": null_where(previous.annuity, no_terms),
        "CNT_PAYMENT": null_where(previous.term, no_terms),
        "AMT_GOODS_PRICE": null_where(np.where(empty, 0.0, asked), no_goods),
        "AMT_DOWN_PAYMENT": null_where(down, ~has_down),
        "RATE_DOWN_PAYMENT": null_where(np.where(consumer, down_rate, 0.0), ~has_down),
        **_interest_rates(previous, random),
    }


def _down_payment_rate(previous: Previous, random: BlockRandom) -> FloatArray:
    size = len(previous.rows)
    rate = random.from_quantiles(
        "down payment",
        (0, 0.42, 0.6, 0.75, 0.9, 0.99, 1),
        (0, 0, 0.08, 0.108, 0.21, 0.48, 0.8),
        size,
    )
    return np.where(rate < 0.01, 0.0, rate)


def _interest_rates(previous: Previous, random: BlockRandom) -> ColumnSet:
    size = len(previous.rows)
    known = (previous.contract == CONSUMER) & random.chance("rate known", 0.0083, size)
    return {
        "RATE_INTEREST_PRIMARY": null_where(random.between("primary", 0.1, 0.3, size), ~known),
        "RATE_INTEREST_PRIVILEGED": null_where(
            random.between("privileged", 0.64, 0.867, size), ~known
        ),
    }


def _process(previous: Previous, random: BlockRandom) -> ColumnSet:
    size = len(previous.rows)
    refused, unused = previous.status == REFUSED, previous.status == UNUSED
    reasons = random.pick("reject reason", shares_of(shares.REJECT_REASONS), size)
    labels = (*labels_of(shares.REJECT_REASONS), "XAP", "CLIENT")
    reasons = np.where(refused, reasons, np.where(unused, len(labels) - 1, len(labels) - 2))
    no_suite = random.uniform("no suite", size) < np.array(shares.SUITE_NULL)[previous.contract]
    suite = Categories(random.pick("suite", shares_of(shares.SUITE), size), labels_of(shares.SUITE))
    last = random.uniform("last application", size)
    channel = pick_by_kind(
        random.uniform("channel", size), previous.contract, shares.CHANNEL_SHARES
    )
    return {
        "WEEKDAY_APPR_PROCESS_START": Categories(
            random.pick("weekday", shares_of(shares.WEEKDAY), size), labels_of(shares.WEEKDAY)
        ),
        "HOUR_APPR_PROCESS_START": random.pick("hour", HOUR, size),
        "FLAG_LAST_APPL_PER_CONTRACT": Categories((last > 0.005).astype(np.int64), ("N", "Y")),
        "NFLAG_LAST_APPL_IN_DAY": (last < 0.9965).astype(np.int64),
        "NAME_PAYMENT_TYPE": Categories(
            pick_by_kind(
                random.uniform("payment type", size), previous.contract, shares.PAYMENT_SHARES
            ),
            shares.PAYMENT_TYPES,
        ),
        "CODE_REJECT_REASON": Categories(reasons, labels),
        "NAME_TYPE_SUITE": suite.null_where(no_suite),
        "NAME_CLIENT_TYPE": Categories(
            random.pick("client type", shares_of(shares.CLIENT_TYPES), size),
            labels_of(shares.CLIENT_TYPES),
        ),
        "CHANNEL_TYPE": Categories(channel, shares.CHANNELS),
    }


def _goods(previous: Previous, random: BlockRandom) -> ColumnSet:
    size = len(previous.rows)
    consumer = previous.contract == CONSUMER
    goods_labels = (*labels_of(shares.GOODS), "XNA")
    goods = random.pick("goods", shares_of(shares.GOODS), size)
    goods = np.where(
        consumer & ~random.chance("goods unknown", 0.01, size), goods, len(goods_labels) - 1
    )
    in_shop = consumer | random.chance("sold in a shop", 0.12, size)
    industry, family = _sellers(goods, goods_labels)
    area = np.rint(random.from_quantiles("area", shares.AREA_LEVELS, shares.AREA_SIZES, size))
    no_area = ~in_shop | (consumer & random.chance("no area", 0.007, size))
    purpose = random.pick("purpose", shares_of(shares.PURPOSES), size)
    purposes = (*labels_of(shares.PURPOSES), "XAP")
    with_purpose = (previous.contract == CASH) & (previous.status != CANCELED)
    purpose = np.where(
        previous.contract == CASH, np.where(with_purpose, purpose, 0), len(purposes) - 1
    )
    yield_group = _yield_group(previous, random)
    return {
        "NAME_GOODS_CATEGORY": Categories(goods, goods_labels),
        "NAME_SELLER_INDUSTRY": Categories(
            np.where(in_shop, industry, 0), shares.SELLER_INDUSTRIES
        ),
        "SELLERPLACE_AREA": np.where(no_area, -1, area).astype(np.int64),
        "NAME_CASH_LOAN_PURPOSE": Categories(purpose, purposes),
        **_product(previous, family, yield_group, random),
    }


def _sellers(goods: IntArray, labels: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    """Seller's industry and product family (household, industry, mobile, other) of goods."""
    families = ("household", "industry", "mobile", "other")
    pairs = [shares.SELLERS.get(label, ("Consumer electronics", "household")) for label in labels]
    industry = np.array([shares.SELLER_INDUSTRIES.index(seller) for seller, _ in pairs])
    family = np.array([families.index(name) for _, name in pairs])
    return industry[goods], family[goods]


def _yield_group(previous: Previous, random: BlockRandom) -> IntArray:
    kind = np.minimum(previous.contract, CASH)
    drawn = pick_by_kind(
        random.uniform("yield group", len(previous.rows)), kind, shares.YIELD_SHARES
    )
    known = (previous.status == APPROVED) | (
        (previous.status == REFUSED) & random.chance("yield known", 0.82, len(drawn))
    )
    return np.where(known & (previous.contract <= CASH), drawn, shares.NO_YIELD)


def _product(
    previous: Previous, family: IntArray, yield_group: IntArray, random: BlockRandom
) -> ColumnSet:
    size = len(previous.rows)
    contract = previous.contract
    offered = random.chance("offered", np.where(contract == CASH, 0.72, 0.63), size)
    named = (yield_group != shares.NO_YIELD) | (
        (contract == REVOLVING) & np.isin(previous.status, (APPROVED, REFUSED))
    )
    product_type = np.where(
        named & np.isin(contract, (CASH, REVOLVING)), np.where(offered, 1, 2), 0
    )
    portfolio = np.where(named, np.array([1, 2, 3, 0])[contract], 0)
    level = np.array([0, 0, 2, 1, 1])[yield_group]
    cash = np.where(yield_group == shares.NO_YIELD, 0, 1 + 3 * offered + level)
    card = np.where(offered & named, 8, 7)
    free = (yield_group == shares.LOW_ACTION) | (
        (yield_group == shares.LOW_NORMAL) & random.chance("interest free", 0.27, size)
    )
    shop = 9 + 2 * family + free
    product = np.choose(np.minimum(contract, REVOLVING), [shop, cash, card])
    unnamed = (contract == UNNAMED) | random.chance("no product", 0.0001, size)
    return {
        "NAME_YIELD_GROUP": Categories(yield_group, shares.YIELD_GROUPS),
        "NAME_PRODUCT_TYPE": Categories(product_type, shares.PRODUCT_TYPES),
        "NAME_PORTFOLIO": Categories(portfolio, shares.PORTFOLIOS),
        "PRODUCT_COMBINATION": Categories(np.where(unnamed, NULL_CODE, product), shares.PRODUCTS),
    }


def _dates(
    previous: Previous, dates: tuple[FloatArray, FloatArray, FloatArray], random: BlockRandom
) -> ColumnSet:
    """Five dates, null together where the application was not approved."""
    size = len(previous.rows)
    card = previous.opened_card
    first_due, last_due, termination = dates
    unknown = np.array([0.0217, 0.0777, 0.0427, 1.0])[previous.contract]
    none = (previous.status != APPROVED) | random.chance("no dates", unknown, size)
    draw = random.uniform("card dates", size)
    drawing = np.where(
        card & (draw < 0.637), np.minimum(previous.decision + 20, -2), NOT_APPLICABLE_DAYS
    )
    started = np.where(draw < 0.605, np.minimum(previous.decision + 45, -1), NOT_APPLICABLE_DAYS)
    ended = np.minimum(previous.decision + np.rint(-previous.decision * draw), -1)
    first = np.where(card, started, first_due)
    version_1 = np.where(
        card | (first == NOT_APPLICABLE_DAYS),
        NOT_APPLICABLE_DAYS,
        np.clip(first_due + np.rint(30.4375 * (previous.term - 1)), -2_799, 1_778),
    )
    insured = random.uniform("insured", size) < np.array(shares.INSURED)[previous.contract]
    return {
        "DAYS_FIRST_DRAWING": null_where(drawing, none),
        "DAYS_FIRST_DUE": null_where(first, none),
        "DAYS_LAST_DUE_1ST_VERSION": null_where(version_1, none),
        "DAYS_LAST_DUE": null_where(
            np.where(card, np.where(draw < 0.23, ended, NOT_APPLICABLE_DAYS), last_due), none
        ),
        "DAYS_TERMINATION": null_where(
            np.where(card, np.where(draw < 0.156, ended, NOT_APPLICABLE_DAYS), termination), none
        ),
        "NFLAG_INSURED_ON_APPROVAL": null_where(insured.astype(np.float64), none),
    }
