"""`feature_store.sql` and `macros.sql`: given rows, expected rows."""

from __future__ import annotations

from portfolio import connection_over, feature_rows
from reference_features import HISTORY_NAMES

from creditrisk.features.catalogue import load_catalogue


def test_one_row_per_applicant_in_key_order() -> None:
    """Every applicant has one row, however many loans; people who never applied have none."""
    rows = feature_rows(
        {
            "application": [{"SK_ID_CURR": 3}, {"SK_ID_CURR": 1}],
            "bureau": [{"SK_ID_CURR": owner, "SK_ID_BUREAU": owner} for owner in (1, 3, 9)],
            "previous_application": [{"SK_ID_CURR": 3, "SK_ID_PREV": n} for n in (1, 2)],
        }
    )
    assert [row["SK_ID_CURR"] for row in rows] == [1, 3]
    assert [row["PREV_TOTAL"] for row in rows] == [None, 2]


def test_no_history_is_null() -> None:
    """An applicant without rows in a table has nulls in its features, never zeros."""
    (row,) = feature_rows({"application": [{"SK_ID_CURR": 1}]})
    assert {row[name] for name in HISTORY_NAMES} == {None}


def test_columns_are_the_catalogue_s() -> None:
    """The feature table has the key and the catalogue's names, in the catalogue's order."""
    (row,) = feature_rows({"application": [{"SK_ID_CURR": 1}]})
    assert list(row) == ["SK_ID_CURR", *load_catalogue().names]


def test_exact_sums_do_not_depend_on_order() -> None:
    """The macros add 1e12 and 0.1 without losing the tenth, and make 0.1 + 0.2 exactly 0.3."""
    connection = connection_over({})
    sums = connection.execute(
        "select exact_sum(a), exact_sum(b), exact_mean(c), exact_sum(d) from "
        "(values (1e12, 0.1, 0.1, null::double), (0.1, 0.2, 0.2, null), (-1e12, null, 0.6, null)) "
        "as given (a, b, c, d)"
    ).fetchall()
    assert sums == [(0.1, 0.3, 0.3, None)]
