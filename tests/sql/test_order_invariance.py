"""The same doubles at any number of threads and in any order of rows."""

from __future__ import annotations

from functools import cache

import duckdb
import pytest

from creditrisk.features.queries import FEATURE_TABLES, prepare, query

# Hashes stand in for draws: the same rows at any number of threads. Amounts of 0 give ratios of
# 1e12 beside ratios of 1; 600,000 rows are five row groups, so that four threads all have work.
ROWS = """
    create table raw.bureau as
    select
        i + 1 as SK_ID_BUREAU,
        hash(i) % 3000 as SK_ID_CURR,
        ['Active', 'Closed', 'Sold'][1 + (hash(i, 1) % 3)::integer] as CREDIT_ACTIVE,
        -(hash(i, 2) % 2900)::bigint as DAYS_CREDIT,
        -(hash(i, 3) % 900)::bigint as DAYS_CREDIT_UPDATE,
        (hash(i, 4) % 900000) / 1000 as AMT_CREDIT_MAX_OVERDUE,
        (hash(i, 5) % 3)::bigint as CNT_CREDIT_PROLONG,
        case when hash(i, 6) % 25 = 0 then 0 else (hash(i, 6) % 900000007) / 1000 end
            as AMT_CREDIT_SUM,
        (hash(i, 7) % 900000007) / 1000 - 1000 as AMT_CREDIT_SUM_DEBT,
        (hash(i, 8) % 90000007) / 1000 as AMT_CREDIT_SUM_LIMIT,
        (hash(i, 9) % 9000007) / 1000 as AMT_CREDIT_SUM_OVERDUE
    from range(150000) as numbers (i);

    create table raw.bureau_balance as
    select
        1 + i // 7 as SK_ID_BUREAU,
        -(i % 7) as MONTHS_BALANCE,
        substr('00CX12345', 1 + (hash(i) % 9)::integer, 1) as STATUS
    from range(600000) as numbers (i);

    create table raw.previous_application as
    select
        i as SK_ID_PREV,
        hash(i, 10) % 3000 as SK_ID_CURR,
        ['Approved', 'Refused', 'Canceled'][1 + (hash(i, 11) % 3)::integer]
            as NAME_CONTRACT_STATUS,
        (hash(i, 12) % 900000007) / 1000 as AMT_APPLICATION,
        case when hash(i, 13) % 9 > 0 then (hash(i, 13) % 900000007) / 1000 + 0.001 else 0 end
            as AMT_CREDIT,
        (hash(i, 14) % 90000007) / 1000 as AMT_DOWN_PAYMENT,
        (hash(i, 15) % 60)::double as CNT_PAYMENT,
        -(hash(i, 16) % 2900)::bigint as DAYS_DECISION
    from range(150000) as numbers (i);

    create table raw.installments_payments as
    select
        hash(i, 17) % 20000 as SK_ID_PREV,
        case when hash(i, 18) % 50 > 0 then (hash(i, 18) % 9000007) / 1000 else 0 end
            as AMT_INSTALMENT,
        (hash(i, 19) % 9000007) / 1000 as AMT_PAYMENT,
        -(hash(i, 20) % 2900)::double as DAYS_INSTALMENT,
        -(hash(i, 20) % 2900)::double + (hash(i, 21) % 50)::double - 30 as DAYS_ENTRY_PAYMENT
    from range(600000) as numbers (i);

    create table raw.credit_card_balance as
    select
        hash(i, 22) % 20000 as SK_ID_PREV,
        (hash(i, 23) % 900000007) / 1000 - 100 as AMT_BALANCE,
        case when hash(i, 24) % 5 > 0 then (hash(i, 24) % 900000)::bigint else 0 end
            as AMT_CREDIT_LIMIT_ACTUAL,
        (hash(i, 25) % 900000007) / 1000 as AMT_PAYMENT_TOTAL_CURRENT,
        case when hash(i, 26) % 5 > 0 then (hash(i, 26) % 9000007) / 1000 else 0 end
            as AMT_INST_MIN_REGULARITY,
        (hash(i, 27) % 9000007) / 1000 as AMT_DRAWINGS_ATM_CURRENT,
        (hash(i, 28) % 3)::bigint as SK_DPD,
        (hash(i, 29) % 2)::bigint as SK_DPD_DEF
    from range(600000) as numbers (i);

    create table raw.pos_cash_balance as
    select
        hash(i, 30) % 20000 as SK_ID_PREV,
        -(hash(i, 31) % 96)::bigint as MONTHS_BALANCE,
        ['Active', 'Completed'][1 + (hash(i, 32) % 2)::integer] as NAME_CONTRACT_STATUS,
        (hash(i, 33) % 3)::bigint as SK_DPD,
        (hash(i, 34) % 2)::bigint as SK_DPD_DEF
    from range(600000) as numbers (i);
"""
HISTORIES = [name for name in FEATURE_TABLES if not name.startswith("application")]
SUMMED = [name for name in HISTORIES if "exact_" in query(name)]


def connect(threads: int, *, shuffled: bool = False) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": threads})
    prepare(connection)
    connection.execute(ROWS)
    if shuffled:
        for name in HISTORIES:
            connection.execute(f"create table raw.other as from raw.{name} order by hash(rowid)")
            connection.execute(f"drop table raw.{name}")
            connection.execute(f"alter table raw.other rename to {name}")
    return connection


def fingerprint(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """A digest of all rows, each number written with every digit it has."""
    return str(
        connection.sql(sql)
        .aggregate("sha256(string_agg(columns(*)::varchar, ';' order by sk_id_curr))")
        .fetchall()
    )


@cache
def on_one_thread(name: str) -> str:
    with connect(threads=1) as connection:
        return fingerprint(connection, query(name))


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_no_bit(threads: int) -> None:
    """Two and four threads give the doubles that one gives."""
    with connect(threads) as connection:
        different = [n for n in HISTORIES if fingerprint(connection, query(n)) != on_one_thread(n)]
    assert not different


def test_order_of_rows_changes_no_bit() -> None:
    """The rows of every file in another order give the same doubles."""
    with connect(threads=1, shuffled=True) as connection:
        different = [n for n in HISTORIES if fingerprint(connection, query(n)) != on_one_thread(n)]
    assert not different


@pytest.mark.parametrize("name", SUMMED)
def test_plain_averages_would_be_seen(name: str) -> None:
    """On these rows plain sums and averages do depend on the order, or the tests above show nothing."""
    plain = query(name).replace("exact_mean(", "avg(").replace("exact_sum(", "sum(")
    with connect(threads=1) as connection, connect(threads=1, shuffled=True) as other:
        assert fingerprint(connection, plain) != fingerprint(other, plain)
