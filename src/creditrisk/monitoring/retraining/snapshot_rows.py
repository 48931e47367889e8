"""The rows of a labelled snapshot: nested applications as the seven raw tables."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from creditrisk.contracts.request_violations import RequestRefused
from creditrisk.contracts.requests import APPLICATIONS_FORM, ApplicationRequest, RequestChecks
from creditrisk.contracts.tables import APPLICANT_KEY, RAW_FILES, TARGET, raw_tables
from creditrisk.core.settings import ContractSettings
from creditrisk.data.labelled import Snapshot
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.feature_store import validation_runner

if TYPE_CHECKING:
    from types import TracebackType

_APPLICATION = "application"
# The tables whose rows have an id of their own, with it and the file that holds them.
_IDENTIFIED = {
    "SK_ID_CURR": (_APPLICATION, "application_train.csv"),
    "SK_ID_BUREAU": ("bureau", "bureau.csv"),
    "SK_ID_PREV": ("previous_application", "previous_application.csv"),
}

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class Taken(Enum):
    """Whether an application is in the snapshot, or why it is not."""

    YES = "taken"
    LISTED = "in an earlier snapshot"
    REFUSED = "breaks the contract"
    CLAIMED = "a history belongs to another applicant"


def application_checks(contracts: ContractSettings, most: int) -> RequestChecks:
    """The checks that raw applications must pass to be learnt from: those of training, today."""
    catalogue = load_catalogue()
    contract = validation_runner(contracts).request_contract(catalogue.descriptions())
    return RequestChecks(contract, catalogue.names, max_records=most)


class SnapshotTables:
    """The seven files in a folder, which grow application by application.

    Args:
        folder: where the files are written.
        earlier: snapshots whose applicants and histories are taken.
        checks: what an application must pass.
    """

    def __init__(self, folder: Path, earlier: Sequence[Snapshot], checks: RequestChecks) -> None:
        self._folder = folder
        self._checks = checks
        self._earlier = frozenset(_ids(earlier, APPLICANT_KEY))
        self._ids = {key: set(_ids(earlier, key)) for key in _IDENTIFIED}
        self._files: dict[str, Any] = {}
        self._stack = ExitStack()
        self.rows = dict.fromkeys(RAW_FILES, 0)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for name, table in RAW_FILES.items():
                path = self._folder / name
                stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                stack.callback(os.fsync, stream.fileno())
                stack.callback(stream.flush)
                self._files[name] = csv.DictWriter(
                    stream, raw_tables()[table].column_names, lineterminator="\n"
                )
                self._files[name].writeheader()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def applicants(self) -> int:
        """How many were taken."""
        return self.rows["application_train.csv"]

    def add(self, applications: Sequence[tuple[Mapping[str, Any], int]]) -> list[Taken]:
        """Write applications with their outcomes, and say of each whether it was taken."""
        known = [self._is_listed(inputs) for inputs, _ in applications]
        new = [one for one, listed in zip(applications, known, strict=True) if not listed]
        found = iter(self._add_new(new))
        return [Taken.LISTED if listed else next(found) for listed in known]

    def _is_listed(self, inputs: Mapping[str, Any]) -> bool:
        return inputs.get(APPLICANT_KEY) in self._earlier

    def _add_new(self, applications: Sequence[tuple[Mapping[str, Any], int]]) -> list[Taken]:
        """All of them in one request, or one by one where one of them breaks the contract."""
        if not applications:
            return []
        request = self._request([inputs for inputs, _ in applications])
        if request is None and len(applications) == 1:
            return [Taken.REFUSED]
        if request is None or not _tells_owners(request):
            return [taken for one in applications for taken in self._add_new([one])]
        by_applicant = _by_applicant(request)
        return [
            self._write(by_applicant[applicant], target)
            for applicant, (_, target) in zip(request.ids, applications, strict=True)
        ]

    def _request(self, inputs: Sequence[Mapping[str, Any]]) -> ApplicationRequest | None:
        try:
            return self._checks.applications(json.dumps({APPLICATIONS_FORM: inputs}).encode())
        except RequestRefused:
            return None

    def _write(self, tables: Rows, target: int) -> Taken:
        own = {key: {row[key] for row in tables[table]} for key, (table, _) in _IDENTIFIED.items()}
        if any(self._ids[key] & ids for key, ids in own.items()):
            return Taken.CLAIMED
        for key, ids in own.items():
            self._ids[key] |= ids
        for name, table in RAW_FILES.items():
            more = {TARGET: target} if table == _APPLICATION else {}
            self._files[name].writerows(dict(row) | more for row in tables[table])
            self.rows[name] += len(tables[table])
        return Taken.YES


def _tells_owners(request: ApplicationRequest) -> bool:
    """Whether each credit of the bureau belongs to one applicant; alone, an applicant owns all."""
    keys = request.tables["bureau"].column("SK_ID_BUREAU")
    return len(request.ids) == 1 or len(keys.unique()) == len(keys)


def _by_applicant(request: ApplicationRequest) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """The typed rows of each applicant, by table."""
    found: dict[int, dict[str, list[dict[str, Any]]]] = {
        applicant: {table: [] for table in raw_tables()} for applicant in request.ids
    }
    owner: dict[int, int] = {}
    for table, rows in request.tables.items():
        for row in rows.to_pylist():
            applicant = row[APPLICANT_KEY] if APPLICANT_KEY in row else owner[row["SK_ID_BUREAU"]]
            if table == "bureau":
                owner[row["SK_ID_BUREAU"]] = applicant
            found[applicant][table].append(row)
    return found


def _ids(snapshots: Sequence[Snapshot], key: str) -> list[int]:
    found: list[int] = []
    for snapshot in snapshots:
        with (snapshot.folder / _IDENTIFIED[key][1]).open(encoding="utf-8", newline="") as stream:
            found += [int(row[key]) for row in csv.DictReader(stream)]
    return found
