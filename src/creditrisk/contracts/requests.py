"""The bytes of a scoring request into rows that keep the contract, or every reason why not.

One and the same rules as in training: `RequestContract` is derived from them. Needs no Pandera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creditrisk.contracts.request_arrow import arrow_table
from creditrisk.contracts.request_contract import (
    APPLICATION,
    RequestContract,
)
from creditrisk.contracts.request_nesting import NestedTable, nested_tables, outermost
from creditrisk.contracts.request_parsing import parsed
from creditrisk.contracts.request_schema import request_schema
from creditrisk.contracts.request_table import CheckedTable, TableChecks
from creditrisk.contracts.request_violations import (
    Findings,
    RequestRefused,
    Violation,
    pointer,
    shortened,
    shown,
)
from creditrisk.contracts.tables import APPLICANT_KEY

if TYPE_CHECKING:
    import pyarrow as pa

Cell = int | float | str | None

FEATURES_FORM = "features"
APPLICATIONS_FORM = "applications"
THRESHOLD = "threshold"
DEFAULT_MAX_RECORDS = 1_000
_MEMBERS = frozenset({FEATURES_FORM, APPLICATIONS_FORM, THRESHOLD})
_MOST_WARNINGS = 10_000  # all of them, but for a body made to draw more


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """Rows of the feature table, one an applicant; integers are int, reals float."""

    ids: tuple[int, ...]
    records: list[dict[str, Cell]]
    threshold: float | None
    warnings: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class ApplicationRequest:
    """Raw applications with their histories.

    `records` are the applications as they were sent. `tables` holds them as the seven raw tables,
    with the types that training reads from its files and every key filled in.
    """

    ids: tuple[int, ...]
    records: list[dict[str, Any]]
    tables: dict[str, pa.Table]
    threshold: float | None
    warnings: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What a body is found to be: a request, or none and what refuses it; and what is remarked."""

    request: FeatureRequest | ApplicationRequest | None
    errors: tuple[Violation, ...]
    warnings: tuple[Violation, ...]


class RequestChecks:
    """Checks requests against a sealed contract.

    Args:
        contract: the rules of both forms.
        features: the features that the model reads. A row of the feature table must have them;
            the contract's others are checked where they stand.
        max_records: how many applicants a request may have.
    """

    def __init__(
        self,
        contract: RequestContract,
        features: Sequence[str],
        max_records: int = DEFAULT_MAX_RECORDS,
    ) -> None:
        self.contract = contract
        self.max_records = max_records
        self._required = frozenset({APPLICANT_KEY, *features})
        self._features = TableChecks(contract.features, self._required, ())
        self._tables = {
            table.name: TableChecks(
                table,
                {column.name for column in table.columns}.difference(table.inherited),
                [child.name for child in contract.tables if child.parent == table.name],
            )
            for table in contract.tables
        }

    def request(self, body: bytes) -> FeatureRequest | ApplicationRequest:
        """The request that a body holds, whichever form it has.

        Raises:
            RequestRefused: the body breaks the contract; what it breaks is listed.
        """
        content = parsed(body)
        findings, warnings = Findings(), Findings(_MOST_WARNINGS)
        request = self._request(content, findings, warnings)
        if request is None:
            raise RequestRefused(findings.listed, findings.unlisted)
        return request

    def features(self, body: bytes) -> FeatureRequest:
        """As `request`, for rows of the feature table only."""
        request = self.request(body)
        if not isinstance(request, FeatureRequest):
            raise RequestRefused([_wrong_form(APPLICATIONS_FORM, FEATURES_FORM)])
        return request

    def applications(self, body: bytes) -> ApplicationRequest:
        """As `request`, for raw applications only."""
        request = self.request(body)
        if not isinstance(request, ApplicationRequest):
            raise RequestRefused([_wrong_form(FEATURES_FORM, APPLICATIONS_FORM)])
        return request

    def violations(self, body: bytes) -> tuple[tuple[Violation, ...], tuple[Violation, ...]]:
        """What refuses a body, and what is remarked about it; nothing where it keeps all rules."""
        examined = self.examined(body)
        return examined.errors, examined.warnings

    def examined(self, body: bytes) -> Examined:
        """As `request`, but what refuses a body is told and not raised."""
        findings, warnings = Findings(), Findings(_MOST_WARNINGS)
        try:
            request = self._request(parsed(body), findings, warnings)
        except RequestRefused as refusal:
            return Examined(None, refusal.violations, ())
        return Examined(request, findings.listed, warnings.listed)

    def check_computed(self, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Check the features of a request's applications, as training checks its feature table.

        Raises:
            RequestRefused: the application's values make a feature that no applicant can have.
        """
        findings = Findings()
        computed = outermost(APPLICATIONS_FORM, rows, findings)
        self._features.checked(computed, None, findings, Findings())
        if findings:
            raise RequestRefused(findings.listed, findings.unlisted)

    def json_schemas(self) -> dict[str, dict[str, Any]]:
        """The JSON Schema of a body of each form, by the form's name."""
        return {
            form: request_schema(self.contract, form, self._required, self.max_records)
            for form in (APPLICATIONS_FORM, FEATURES_FORM)
        }

    def _request(
        self, content: dict[str, Any], findings: Findings, warnings: Findings
    ) -> FeatureRequest | ApplicationRequest | None:
        """The request, or none where something refuses it."""
        threshold = _threshold(content, findings)
        form = _form(content, findings)
        records = self._records(content, form, findings)
        if records is None:
            return None
        outer = outermost(str(form), records, findings)
        if form == FEATURES_FORM:
            return self._feature_request(outer, threshold, findings, warnings)
        return self._application_request(outer, threshold, findings, warnings)

    def _feature_request(
        self,
        outer: NestedTable,
        threshold: float | None,
        findings: Findings,
        warnings: Findings,
    ) -> FeatureRequest | None:
        checked = self._features.checked(outer, None, findings, warnings)
        if findings:
            return None
        ids = tuple(row[APPLICANT_KEY] for row in checked.rows)
        return FeatureRequest(ids, checked.rows, threshold, warnings.listed)

    def _application_request(
        self,
        outer: NestedTable,
        threshold: float | None,
        findings: Findings,
        warnings: Findings,
    ) -> ApplicationRequest | None:
        flat = nested_tables(outer, self.contract.tables, findings)
        checked: dict[str, CheckedTable] = {}
        for table in self.contract.tables:
            parent = checked[table.parent] if table.parent else None
            checks = self._tables[table.name]
            checked[table.name] = checks.checked(flat[table.name], parent, findings, warnings)
            if findings.full:
                return None
        if findings:
            return None
        tables = {
            table.name: arrow_table(table.columns, checked[table.name].rows)
            for table in self.contract.tables
        }
        ids = tuple(row[APPLICANT_KEY] for row in checked[APPLICATION].rows)
        return ApplicationRequest(ids, outer.rows, tables, threshold, warnings.listed)

    def _records(
        self, content: Mapping[str, Any], form: str | None, findings: Findings
    ) -> list[Any] | None:
        if form is None:
            return None
        records = content[form]
        if isinstance(records, list) and 1 <= len(records) <= self.max_records:
            return records
        required = f"a list of 1 to {self.max_records:,} records"
        findings.add(_of_request, form, "request.records", shown(records), required)
        return None


def _form(content: Mapping[str, Any], findings: Findings) -> str | None:
    """The form that the body has, if just one."""
    for name in [name for name in content if name not in _MEMBERS]:
        required = f"{APPLICATIONS_FORM} or {FEATURES_FORM}, and {THRESHOLD} if wanted"
        findings.add(_of_request, name, "request.form", "an unknown member", required)
    forms = [form for form in (FEATURES_FORM, APPLICATIONS_FORM) if form in content]
    if len(forms) == 1:
        return forms[0]
    seen = "both forms" if forms else "neither form"
    required = f"either {APPLICATIONS_FORM} or {FEATURES_FORM}"
    findings.add(Violation, None, None, "", None, "request.form", seen, required)
    return None


def _threshold(content: Mapping[str, Any], findings: Findings) -> float | None:
    if THRESHOLD not in content:
        return None
    value = content[THRESHOLD]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    required = "a number between 0 and 1; leave it out for the model's own"
    findings.add(_of_request, THRESHOLD, "request.threshold", shown(value), required)
    return None


def _of_request(name: str, rule: str, seen: str, required: str) -> Violation:
    return Violation(None, None, pointer(name), shortened(name), rule, seen, required)


def _wrong_form(seen: str, required: str) -> Violation:
    return _of_request(seen, "request.form", seen, required)
