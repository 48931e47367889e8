"""A request becomes typed rows with all their keys, or every violation with its place."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from creditrisk.contracts.request_violations import RequestRefused, Violation
from creditrisk.contracts.requests import ApplicationRequest, FeatureRequest
from creditrisk.features.catalogue import load_catalogue
from payloads import application_record, feature_record, request_checks

CHECKS = request_checks(max_records=3)


def body(form: str, *records: Any, **members: Any) -> bytes:
    return json.dumps({form: list(records), **members}).encode()


def errors(content: bytes) -> tuple[Violation, ...]:
    with pytest.raises(RequestRefused) as refused:
        CHECKS.request(content)
    found, _ = CHECKS.violations(content)
    assert found == refused.value.violations
    return found


def only_error(content: bytes) -> Violation:
    (error,) = errors(content)
    return error


def test_rows_of_the_feature_table_come_as_typed_records() -> None:
    """A whole number is an int in a column of integers and a float in one of reals."""
    record = feature_record(SK_ID_CURR=7.0, CNT_CHILDREN=5.0, AMT_CREDIT=1_000)
    request = CHECKS.features(body("features", record, threshold=0.25))
    assert isinstance(request, FeatureRequest)
    assert (request.ids, request.threshold, request.warnings) == ((7,), 0.25, ())
    cells = request.records[0]
    types = [type(cells[name]) for name in ("SK_ID_CURR", "CNT_CHILDREN", "AMT_CREDIT")]
    assert types == [int, int, float]
    assert list(cells) == ["SK_ID_CURR", *load_catalogue().names]


def test_the_numbers_of_json_are_read_exactly() -> None:
    """Every digit of a double survives: it is the one that training reads from the same text."""
    text = json.dumps({"features": [feature_record()]})
    for digits in ("0.1", "0.30000000000000004", "5e-324", "0.12345678901234567890123"):
        changed = text.replace('"EXT_SOURCE_1": 0.5', f'"EXT_SOURCE_1": {digits}')
        assert CHECKS.features(changed.encode()).records[0]["EXT_SOURCE_1"] == float(digits)


def test_what_the_model_does_not_read_is_checked_where_it_stands() -> None:
    """A signed-off feature that this model leaves aside may be missing, but not wrong."""
    checks = request_checks(["EXT_SOURCE_1"])
    few = {"SK_ID_CURR": 1, "EXT_SOURCE_1": 0.5}
    assert checks.features(body("features", few)).records == [few]
    found, _ = checks.violations(body("features", few | {"EXT_SOURCE_2": 2}))
    assert [violation.column for violation in found] == ["EXT_SOURCE_2"]


def test_an_application_comes_as_the_seven_raw_tables() -> None:
    """Nested rows get the keys of the rows that they stand in; what was sent is kept as sent."""
    record = application_record()
    request = CHECKS.applications(body("applications", record))
    assert isinstance(request, ApplicationRequest)
    assert request.ids == (record["SK_ID_CURR"],)
    assert request.records == [record]
    paid = request.tables["installments_payments"]
    assert paid.column("SK_ID_PREV").to_pylist() == [900_000_201] * 3
    assert paid.column("SK_ID_CURR").to_pylist() == [record["SK_ID_CURR"]] * 3
    months = request.tables["bureau_balance"]
    assert set(months.column("SK_ID_BUREAU").to_pylist()) == {900_000_101, 900_000_102}


def test_histories_may_be_empty_or_left_out() -> None:
    """Who has no history has tables without rows, of the same columns."""
    full = CHECKS.applications(body("applications", application_record()))
    record = application_record(bureau=[])
    del record["previous_application"]
    request = CHECKS.applications(body("applications", record))
    assert {name: table.num_rows for name, table in request.tables.items() if table.num_rows} == {
        "application": 1
    }
    for name, table in request.tables.items():
        assert table.schema == full.tables[name].schema


def test_a_key_that_is_given_must_be_the_parents() -> None:
    """A nested row with the id of another applicant is refused, one with the same is not."""
    record = application_record()
    record["bureau"][1]["SK_ID_CURR"] = record["SK_ID_CURR"]
    CHECKS.applications(body("applications", record))
    record["bureau"][1]["SK_ID_CURR"] = 5
    error = only_error(body("applications", record))
    assert (error.path, error.seen) == ("/applications/0/bureau/1/SK_ID_CURR", "5")
    assert "900000001" in error.required


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (float("nan"), "features.AMT_CREDIT.range"),
        (float("inf"), "features.AMT_CREDIT.range"),
        (0, "features.AMT_CREDIT.range"),
        (10**400, "features.AMT_CREDIT.range"),
        (None, "features.AMT_CREDIT.not_null"),
        ("5", "features.columns"),
        (True, "features.columns"),
        ([], "features.columns"),
        ({}, "features.columns"),
    ],
)
def test_a_wrong_number_is_named(value: Any, rule: str) -> None:
    """Record, applicant, column, place, rule, value and requirement: nothing is left to guess."""
    error = only_error(
        body("features", feature_record(), feature_record(SK_ID_CURR=4, AMT_CREDIT=value))
    )
    assert (error.record, error.applicant, error.column) == (1, 4, "AMT_CREDIT")
    assert (error.path, error.rule) == ("/features/1/AMT_CREDIT", rule)
    assert "between 1.0 and 100,000,000.0" in error.required


@pytest.mark.parametrize("value", [5.5, "5", True, 1e300, float("nan"), 2**53, -1])
def test_a_wrong_integer_is_refused(value: Any) -> None:
    """An integer column takes whole numbers within its bounds, not what can be made one."""
    assert only_error(body("features", feature_record(CNT_CHILDREN=value))).column == "CNT_CHILDREN"


def test_overflowing_numbers_are_refused() -> None:
    """1e999 is infinite and an integer of 5,000 digits no double; both are out of range."""
    text = body("features", feature_record()).decode()
    for digits in ("1e999", "9" * 5_000):
        content = text.replace('"EXT_SOURCE_1": 0.5', f'"EXT_SOURCE_1": {digits}').encode()
        assert only_error(content).rule == "features.EXT_SOURCE_1.range"


def test_applicants_are_given_once() -> None:
    """An id that stands twice is refused at its second place, in either form."""
    for form, record in (("features", feature_record()), ("applications", application_record())):
        error = next(e for e in errors(body(form, record, record)) if e.column == "SK_ID_CURR")
        assert (error.record, error.path) == (1, f"/{form}/1")


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        (("bureau",), "bureau.unique_key"),
        (("previous_application",), "previous_application.unique_key"),
        (("bureau", "bureau_balance"), "bureau_balance.unique_months"),
        (("previous_application", "POS_CASH_balance"), "POS_CASH_balance.unique_months"),
    ],
)
def test_repeated_history_is_refused(place: tuple[str, ...], rule: str) -> None:
    """A credit, a loan or a month that stands twice would count twice."""
    record = application_record()
    holder = record if len(place) == 1 else record[place[0]][0]
    holder[place[-1]].append(holder[place[-1]][0])
    assert rule in {error.rule for error in errors(body("applications", record))}


def test_a_rule_across_columns_names_them_and_their_values() -> None:
    """What contradicts what is in the refusal."""
    error = only_error(body("applications", application_record(OWN_CAR_AGE=3.0)))
    assert error.rule == "application.car_age_needs_a_car"
    assert (error.column, error.seen) == ("FLAG_OWN_CAR, OWN_CAR_AGE", '"N", 3.0')


def test_a_warning_refuses_nothing() -> None:
    """What training only remarks upon, a request is answered with, and told."""
    record = application_record(OCCUPATION_TYPE="Pilot", CNT_FAM_MEMBERS=1.0)
    request = CHECKS.applications(body("applications", record))
    assert {warning.rule for warning in request.warnings} == {
        "application.OCCUPATION_TYPE.categories",
        "application.family_counts_children",
    }
    assert CHECKS.violations(body("applications", record)) == ((), request.warnings)


def test_each_applicant_gets_the_warnings_that_concern_him() -> None:
    """Warnings are not cut where violations are: every answer carries its own."""
    records = [feature_record(SK_ID_CURR=n) for n in range(1, 4)]
    assert CHECKS.features(body("features", *records)).warnings == ()
    odd = application_record()["bureau"][0] | {"CREDIT_TYPE": "odd", "bureau_balance": []}
    many = [odd | {"SK_ID_BUREAU": number} for number in range(1, 201)]
    request = CHECKS.applications(body("applications", application_record(bureau=many)))
    assert len(request.warnings) == 200


def test_all_violations_are_told_at_once() -> None:
    """Cells, keys, nesting, rules across columns and the threshold, in the order of records."""
    first = application_record(SK_ID_CURR=1, bureau=[], previous_application=5)
    second = application_record(SK_ID_CURR=2, AMT_CREDIT=None, OWN_CAR_AGE=3.0)
    second["bureau"][0] |= {"SK_ID_CURR": 9, "CREDIT_ACTIVE": "?", "DAYS_CREDIT": "x"}
    second["previous_application"][0]["installments_payments"][1]["AMT_PAYMENT"] = None
    found = errors(body("applications", first, second, threshold=-1))
    assert [(error.record, error.path.rpartition("/")[2]) for error in found] == [
        (None, "threshold"),
        (0, "previous_application"),
        (1, "AMT_CREDIT"),
        (1, "1"),
        (1, "CREDIT_ACTIVE"),
        (1, "DAYS_CREDIT"),
        (1, "SK_ID_CURR"),
        (1, "1"),
    ]
    assert {error.applicant for error in found[2:]} == {2}


def test_an_endless_list_of_violations_is_cut() -> None:
    """A hundred are listed, the others found so far are counted."""
    record = application_record(bureau=[{} for _ in range(20_000)])
    with pytest.raises(RequestRefused) as refused:
        CHECKS.request(body("applications", record))
    assert len(refused.value.violations) == 100
    assert refused.value.unlisted > 0


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (body("features"), "request.records"),
        (body("features", 1, 2, 3, 4), "request.records"),
        (b'{"features":{}}', "request.records"),
        (b"{}", "request.form"),
        (b'{"threshold":0.5}', "request.form"),
        (b'{"features":[],"applications":[]}', "request.form"),
        (b'{"feature\\n":[]}', "request.form"),
        (body("features", 5), "request.nesting"),
        (body("applications", None), "request.nesting"),
        (body("features", feature_record(), threshold="0.5"), "request.threshold"),
        (body("features", feature_record(), threshold=float("nan")), "request.threshold"),
    ],
)
def test_what_is_no_request_is_refused(content: bytes, rule: str) -> None:
    """One form, one to `max_records` records that are objects, perhaps a threshold; no more."""
    assert rule in {error.rule for error in errors(content)}


def test_a_caller_of_one_form_gets_no_other() -> None:
    """Where only one form will do, the other is refused."""
    with pytest.raises(RequestRefused, match="required: features"):
        CHECKS.features(body("applications", application_record()))
    with pytest.raises(RequestRefused, match="required: applications"):
        CHECKS.applications(body("features", feature_record()))


def test_names_of_callers_do_no_harm() -> None:
    """An unknown column with a hostile name is quoted on one line, shortened."""
    error = only_error(body("features", feature_record(**{"x\n\x1b" + "y" * 500: 1})))
    assert error.column is not None
    assert len(error.column) < 100
    assert error.column.isprintable()
    assert error.path.isprintable()


PROGRAM = """
import sys
from pathlib import Path
from creditrisk.contracts.request_contract import RequestContract
from creditrisk.contracts.requests import RequestChecks
contract = RequestContract.read(Path(sys.argv[1]))
import json
request = RequestChecks(contract, []).applications(json.dumps(contract.example).encode())
assert request.tables["bureau"].num_rows == 2
print(sorted({"pandas", "pandera", "ibis", "sklearn", "mlflow", "duckdb"} & sys.modules.keys()))
"""


def test_checking_needs_no_heavy_library(tmp_path: Any) -> None:
    """A process that checks requests loads neither Pandera nor what it stands on, nor pandas."""
    CHECKS.contract.write(tmp_path / "request_contract.json")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "request_contract.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
