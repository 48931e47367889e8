"""The contract of requests holds every rule of the Pandera contracts, and only them."""

from __future__ import annotations

import json

import pytest

from creditrisk.contracts import request_derivation
from creditrisk.contracts.request_contract import Categories, Range, RequestColumn, RequestContract
from creditrisk.contracts.request_derivation import UncoveredRules
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.schemas import rule_names
from creditrisk.contracts.tables import Column, raw_tables, without_target
from creditrisk.core.settings import ContractSettings
from creditrisk.features.catalogue import load_catalogue
from payloads import request_checks, request_contract

FEATURES = (Column("SCORE", "real", nullable=True, minimum=0, maximum=1),)


def column(table: str, name: str) -> RequestColumn:
    contract = request_contract()
    found = next(one for one in (*contract.tables, contract.features) if one.name == table)
    return next(one for one in found.columns if one.name == name)


def test_every_rule_is_checked_or_known_to_be_inapplicable() -> None:
    """A rule added to the contracts is in the sealed contract without further work."""
    contract = request_contract()
    tables = (*contract.tables, contract.features)
    checked = {rule.id for table in tables for rule in table.rules}
    checked |= {table.columns_rule for table in tables}
    assert checked.isdisjoint(contract.inapplicable)
    assert checked | set(contract.inapplicable) == set(rule_names(load_catalogue().columns()))


def test_a_rule_that_nothing_covers_stops_the_sealing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule is never lost on the way to the API."""
    known = request_derivation.rule_names
    monkeypatch.setattr(
        request_derivation, "rule_names", lambda features: (*known(features), "raw.of_tomorrow")
    )
    with pytest.raises(UncoveredRules, match=r"raw\.of_tomorrow"):
        ValidationRunner(ContractSettings(), features=FEATURES).request_contract()


def test_the_sealed_file_is_the_contract() -> None:
    """Written and read back, it is the same, and so are its bytes."""
    text = request_contract().model_dump_json()
    read = RequestContract.model_validate_json(text)
    assert read == request_contract()
    assert read.model_dump_json() == text


def test_columns_and_bounds_are_those_of_the_tables() -> None:
    """Tables, columns, types and nulls are what the column facts say, outcome apart."""
    for table in request_contract().tables:
        facts = without_target(raw_tables()[table.name]).columns
        assert [(c.name, c.type, c.nullable) for c in table.columns] == [
            (fact.name, fact.type, fact.nullable) for fact in facts
        ]
    bounds = column("application", "DAYS_BIRTH").range
    assert isinstance(bounds, Range)
    assert (bounds.minimum, bounds.maximum) == (-43_800, -5_840)
    texts = column("bureau", "CREDIT_ACTIVE").categories
    assert isinstance(texts, Categories)
    assert texts.categories == ("Active", "Bad debt", "Closed", "Sold")


def test_a_category_that_no_feature_reads_refuses_nothing() -> None:
    """The catalogue decides which unknown categories a model could not bear."""
    read, unread = column("application", "CODE_GENDER"), column("bureau", "CREDIT_CURRENCY")
    assert read.categories is not None
    assert unread.categories is not None
    assert (read.categories.level, unread.categories.level) == ("error", "warning")


def test_a_relaxed_rule_keeps_its_reason() -> None:
    """Whoever reads the sealed contract sees what was relaxed and why."""
    settings = ContractSettings(relaxed_rules={"features.SCORE.range": "scores of a trial"})
    contract = ValidationRunner(settings, features=FEATURES).request_contract()
    (rule,) = contract.features.columns[1].rules
    assert (rule.level, rule.relaxed_because) == ("warning", "scores of a trial")


def test_features_are_described() -> None:
    """Label, definition and unit come from the catalogue, for raw columns that are features too."""
    described = column("features", "EXT_SOURCE_1").description
    assert described is not None
    assert described.startswith(load_catalogue()["EXT_SOURCE_1"].label)
    assert column("application", "EXT_SOURCE_1").description == described
    assert column("bureau_balance", "STATUS").description is None


def test_the_example_keeps_every_rule() -> None:
    """What is shown as a request is one, without a remark, and has rows of every table."""
    body = json.dumps(request_contract().example).encode()
    assert request_checks().violations(body) == ((), ())
    tables = request_checks().applications(body).tables
    assert all(table.num_rows for table in tables.values())


def test_the_bytes_are_the_same_in_every_process() -> None:
    """Pandera keeps categories in sets, whose order changes from process to process."""
    texts = [c.categories for t in request_contract().tables for c in t.columns if c.categories]
    assert all(list(rule.categories) == sorted(rule.categories) for rule in texts)
