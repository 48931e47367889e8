from __future__ import annotations

import re
from importlib.resources import files

import pytest
import sqlglot
from sqlglot import exp

from creditrisk.contracts.tables import raw_tables
from creditrisk.core.settings import PolicySettings, ProtectedAttribute
from creditrisk.features.catalogue import (
    Catalogue,
    Feature,
    InvalidCatalogue,
    UnknownPolicyColumns,
    load_catalogue,
    parse_catalogue,
    prohibited_features,
    protected_features,
)
from creditrisk.features.queries import FEATURE_TABLES, query

KEYS = {"SK_ID_CURR", "SK_ID_PREV", "SK_ID_BUREAU"}
TABLES = {name.upper(): name for name in raw_tables()}


def of_source(source: str) -> list[str]:
    return [feature.name for feature in load_catalogue() if feature.source == source]


def statement(source: str) -> exp.Query:
    parsed = sqlglot.parse_one(query(source), dialect="duckdb")
    assert isinstance(parsed, exp.Query)
    return parsed


def output_columns(source: str) -> list[str]:
    """The columns that the last CTE of a query selects."""
    return statement(source).ctes[-1].this.named_selects


def columns_read(source: str) -> set[tuple[str, str]]:
    """The raw (table, column) pairs that a query's import CTEs name."""
    return {
        (TABLES[table.name.upper()], column.name.upper())
        for cte in statement(source).ctes
        for table in cte.this.find_all(exp.Table)
        if table.db == "raw"
        for column in cte.this.find_all(exp.Column)
    }


def entry(**fields: object) -> Catalogue:
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return parse_catalogue("reasons: {R: r}\nbureau:\n  - " + "\n    ".join(lines))


VALID = {
    "name": "X",
    "definition": "d",
    "unit": "u",
    "type": "real",
    "nullable": True,
    "direction": "none",
    "label": "l",
    "reason": "R",
}


@pytest.mark.parametrize("source", FEATURE_TABLES)
def test_sql_and_catalogue_name_the_same_columns(source: str) -> None:
    """A file computes exactly the catalogue's features of that source, in the same order."""
    assert output_columns(source) == ["sk_id_curr", *of_source(source)]


@pytest.mark.parametrize("source", FEATURE_TABLES)
def test_inputs_are_the_columns_that_sql_reads(source: str) -> None:
    """The inputs of a file's features are what its import CTEs read, keys apart."""
    read = {pair for pair in columns_read(source) if pair[1] not in KEYS}
    features = [feature for feature in load_catalogue() if feature.source == source]
    declared = {pair for f in features for pair in (*f.inputs, *f.null_inputs)}
    assert {pair for pair in declared if pair[1] not in KEYS} == read


def test_every_file_has_features() -> None:
    """The catalogue and the folder of SQL files name the same sources."""
    assert tuple(dict.fromkeys(f.source for f in load_catalogue())) == FEATURE_TABLES
    folder = files("creditrisk.features").joinpath("sql")
    names = {path.name.removesuffix(".sql") for path in folder.iterdir()}
    assert names == {*FEATURE_TABLES, "macros", "feature_store"}


def test_the_signed_off_set_is_complete() -> None:
    """There are 129 signed-off features, 69 of them raw columns as they are."""
    as_is = [f for f in load_catalogue() if f.inputs == (("application", f.name),)]
    assert (len(load_catalogue()), len(as_is)) == (129, 69)


@pytest.mark.parametrize("feature", load_catalogue().features, ids=lambda feature: feature.name)
def test_every_entry_says_what_a_reader_needs(feature: Feature) -> None:
    """Each feature has a definition, a unit, a label in plain words and a direction."""
    assert feature.definition
    assert feature.unit
    assert feature.direction in {"higher_is_riskier", "lower_is_riskier", "none"}
    assert re.fullmatch(r"[A-Z][a-z0-9 ,]+", feature.label)
    assert len(feature.label) <= 80


@pytest.mark.parametrize("feature", load_catalogue().features, ids=lambda feature: feature.name)
def test_every_feature_has_a_range_or_categories(feature: Feature) -> None:
    """A category lists its values; a number has a lower and an upper bound."""
    if feature.type == "category":
        assert feature.categories
    else:
        assert feature.minimum < feature.maximum


def test_raw_columns_keep_their_facts() -> None:
    """A feature that is a raw column takes type, range and categories from that column."""
    raw = raw_tables()["application"]
    for name in ("EXT_SOURCE_2", "NAME_HOUSING_TYPE", "FLAG_DOCUMENT_21"):
        assert load_catalogue()[name].column == raw.column(name)


def test_extremes_keep_the_range_of_their_column() -> None:
    """A maximum or mean of a raw column has that column's range, and is null without rows."""
    feature, raw = load_catalogue()["POS_DPD_MAX"], raw_tables()["POS_CASH_balance"]
    assert feature.maximum == raw.column("SK_DPD").maximum
    assert feature.nullable


def test_inputs_leave_out_what_is_only_counted_as_empty() -> None:
    """A column of which only emptiness is read is no input, so that new categories only warn."""
    inputs = load_catalogue().inputs()
    assert ("application", "ORGANIZATION_TYPE") not in inputs
    assert ("bureau", "CREDIT_ACTIVE") in inputs
    assert len(load_catalogue()["TOT_MISSING_COUNT"].null_inputs) == 120


def test_the_corrected_feature_says_so() -> None:
    """The one definition that differs from the signed-off notebook is marked in the catalogue."""
    assert "Corrected" in load_catalogue()["INSTAL_SEVERE_LATE_SHARE"].definition


def test_an_entry_is_read() -> None:
    """A computed feature needs no more than its required fields."""
    assert entry(**VALID)["X"].column.nullable


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"directions": "none"}, "unknown field directions"),
        ({"direction": "upwards"}, "direction upwards"),
        ({"type": "text"}, "type text"),
        ({"inputs": "[bureau.AMT_DEBT]"}, "no raw column bureau.AMT_DEBT"),
        ({"range_of": "bureaus.DAYS_CREDIT"}, "no raw column bureaus.DAYS_CREDIT"),
    ],
)
def test_meaningless_fields_are_refused(change: dict[str, str], problem: str) -> None:
    """A field, word or column that does not exist is refused with the feature's name."""
    with pytest.raises(InvalidCatalogue, match=f"feature X.*{problem}"):
        entry(**VALID | change)


def test_missing_fields_are_refused() -> None:
    """A feature without its reason is refused."""
    with pytest.raises(InvalidCatalogue, match="reason missing"):
        entry(**{name: value for name, value in VALID.items() if name != "reason"})


def test_repeated_features_are_refused() -> None:
    """A name stands in the catalogue once."""
    text = "bureau:\n" + 2 * (
        "  - {name: X, definition: d, unit: u, type: real, nullable: true, direction: none, "
        "label: l, reason: R}\n"
    )
    with pytest.raises(InvalidCatalogue, match="twice"):
        parse_catalogue(text)


@pytest.mark.parametrize("code", load_catalogue().reasons)
def test_every_reason_is_one_idea_in_plain_words(code: str) -> None:
    """A reason's words are short, name no column and contain no jargon of the model."""
    assert re.fullmatch(r"[A-Z][A-Z_]+", code)
    assert re.fullmatch(r"[A-Z][a-z ]{2,59}", load_catalogue().reasons[code])


def test_no_two_reasons_have_the_same_words() -> None:
    """Two codes never tell an applicant the same."""
    words = list(load_catalogue().reasons.values())
    assert len(words) == len(set(words))
    assert 30 <= len(words) <= 55


def test_an_unknown_reason_is_refused() -> None:
    """A feature's code must have words."""
    with pytest.raises(InvalidCatalogue, match="feature X: there is no reason Q"):
        entry(**VALID | {"reason": "Q"})


def test_an_unused_reason_is_refused() -> None:
    """Words that no feature can give are a leftover."""
    with pytest.raises(InvalidCatalogue, match="reason Q: no feature has it"):
        parse_catalogue(
            "reasons: {R: r, Q: q}\nbureau:\n  - {name: X, definition: d, unit: u, type: real, "
            "nullable: true, direction: none, label: l, reason: R}\n"
        )


def test_prohibited_columns_are_followed_into_features() -> None:
    """A feature that reads a prohibited column, or counts whether it is empty, is prohibited."""
    policy = PolicySettings(prohibited_inputs={"DAYS_BIRTH": ["EU"]}, jurisdictions=["EU"])
    assert prohibited_features(load_catalogue(), policy) == dict.fromkeys(
        ("DAYS_BIRTH", "AGE_YEARS", "EMPLOYMENT_YEARS_TO_AGE", "TOT_MISSING_COUNT"), "DAYS_BIRTH"
    )


def test_other_jurisdictions_prohibit_nothing_here() -> None:
    """A column that only the law of another place prohibits may be read."""
    policy = PolicySettings(prohibited_inputs={"DAYS_BIRTH": ["UK"]}, jurisdictions=["EU"])
    assert prohibited_features(load_catalogue(), policy) == {}


def test_what_tells_a_protected_attribute_is_protected() -> None:
    """Age is protected, and with it every feature that is made of the day of birth."""
    age = {"age": ProtectedAttribute(column="AGE_YEARS")}
    protected = protected_features(load_catalogue(), PolicySettings(protected_attributes=age))
    assert {"AGE_YEARS", "DAYS_BIRTH", "EMPLOYMENT_YEARS_TO_AGE"} <= set(protected)
    assert "EMPLOYED_YEARS" not in protected


def test_a_policy_that_names_no_column_is_refused() -> None:
    """A misspelt column is never ignored: it would protect nobody."""
    misspelt = PolicySettings(prohibited_inputs={"CODE_GENDR": ["EU"]})
    with pytest.raises(UnknownPolicyColumns, match=r"policy\.prohibited_inputs names CODE_GENDR"):
        prohibited_features(load_catalogue(), misspelt)
    age = PolicySettings(protected_attributes={"age": ProtectedAttribute(column="AGE")})
    with pytest.raises(UnknownPolicyColumns, match=r"policy\.protected_attributes names AGE"):
        protected_features(load_catalogue(), age)
