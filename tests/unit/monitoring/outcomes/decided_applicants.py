"""Ledgers of decisions, files of outcomes, and what a load makes of both."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from decision_place import DecisionPlace

from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.monitoring.outcomes.loading import LoadRequest, OutcomeLoad, load_outcomes
from creditrisk.scoring.batch.record import BatchInput, BatchOutput, BatchRecord, ChunkProof
from creditrisk.scoring.decision_record import PolicyBands

T = TypeVar("T")

KEY = "a secret of the tests, 32 bytes and more"
BUNDLE = "b" * 64
MATURE = "2026-02-01"
AS_OF = date(2026, 3, 1)
MODEL = {
    "alias": "champion",
    "model_name": "CreditRiskPD",
    "version": "3",
    "aliases": ["champion"],
    "run_id": None,
    "git_commit": None,
    "bundle_sha256": BUNDLE,
    "feature_set_sha256": "f" * 64,
    "data_snapshot_sha256": "d" * 64,
    "bundle": BUNDLE,
}

# Loads a file and says so, or is killed once a step is done. Arguments: url, anchor, file, refused
# file, the step's name or nothing.
LOADER = """
import os, signal, sys
from datetime import date
from pathlib import Path
from creditrisk.core.settings import Settings
from creditrisk.ledger import DecisionLedger
from creditrisk.monitoring.outcomes.loading import LoadRequest, load_outcomes
from creditrisk.ledger import outcome_store
from creditrisk.ledger.decision_anchor import AnchorKeeper

def killed_after(step):
    def stepping(*arguments):
        step(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    return stepping

url, anchor, file, refused, last = sys.argv[1:]
if last:
    place = AnchorKeeper if last == "follow" else outcome_store
    setattr(place, last, killed_after(getattr(place, last)))
sys.stdout.write("ready" + chr(10)); sys.stdout.flush()
sys.stdin.readline()
with DecisionLedger.open(url, anchor=Path(anchor), create=False) as ledger:
    request = LoadRequest(path=Path(file), shown=file, refused=Path(refused), loaded_by="a test",
                          as_of=date(2026, 3, 1))
    print(load_outcomes(request, ledger, Settings()).model_dump_json())
"""


def decision_id(number: int) -> str:
    """The id of the decision on that applicant."""
    return f"decision-{number:06d}"


def content(number: int, **changes: Any) -> dict[str, Any]:
    """What the API records of a decision, as far as outcomes need it."""
    fields: dict[str, Any] = {
        "kind": "decision",
        "origin": {"received_at": "2025-01-15T10:00:00+00:00", "form": "applications"},
        "record": 0,
        "sk_id_curr": number,
        "inputs": {"SK_ID_CURR": number, "AMT_CREDIT": 1000.0},
        "probability": 0.05,
        "decision": "approve",
        "grade": "C",
        "model": MODEL,
    }
    return {**fields, **changes}


@dataclass(frozen=True)
class DecidedPlace:
    """A database's URL, and the folder of its anchor and of files."""

    url: str
    folder: Path

    @property
    def anchor(self) -> Path:
        """The anchor of decisions."""
        return self.folder / "decisions_anchor.json"

    @property
    def refused(self) -> Path:
        """Where refused rows go."""
        return self.folder / "refused.csv"

    def open(self) -> DecisionLedger:
        """The ledger, opened."""
        return DecisionLedger.open(self.url, KEY, self.anchor)

    def decide(self, numbers: Iterable[int], **changes: Any) -> None:
        """Record decisions on applicants, alike but for their ids."""
        self.decide_all(dict.fromkeys(numbers, changes))

    def decide_all(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Record a decision an applicant, with what differs."""
        records = [
            NewDecision(
                "decision",
                decision_id(number),
                "request-1",
                json.dumps(content(number, **changed)).encode(),
            )
            for number, changed in changes.items()
        ]
        with self.open() as ledger:
            ledger.append(records)

    def batch(self, batch_id: str, answers: Sequence[tuple[int, int, float]]) -> Path:
        """Record a batch of ten rows, of which these were scored: row, applicant, PD."""
        output = self.folder / f"{batch_id}.csv"
        lines = [f"{applicant},{batch_id}-{row},{pd},0,approve,C" for row, applicant, pd in answers]
        header = "SK_ID_CURR,decision_id,probability,prediction,decision,grade"
        output.write_text("\n".join([header, *lines]) + "\n")
        record = _batch_record(batch_id, output, len(answers))
        with self.open() as ledger:
            ledger.append([NewDecision("batch", batch_id, batch_id, record.to_json())])
        return output

    def file(self, *rows: Sequence[object], columns: Sequence[str] = ()) -> Path:
        """A file of outcomes: decision, label, day."""
        path = self.folder / "outcomes.csv"
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns or ("decision_id", "TARGET", "maturity_date"))
            writer.writerows(rows)
        return path

    def load(
        self, path: Path, *, as_of: date = AS_OF, settings: Settings | None = None
    ) -> OutcomeLoad:
        """Load a file."""
        request = LoadRequest(
            path=path, shown=path.name, refused=self.refused, loaded_by="a test", as_of=as_of
        )
        with self.open() as ledger:
            return load_outcomes(request, ledger, settings or Settings())

    def load_rows(self, *rows: Sequence[object], **options: Any) -> OutcomeLoad:
        """Load these rows."""
        return self.load(self.file(*rows), **options)

    def stored(self) -> dict[str, int]:
        """Every outcome that stands."""
        with self.open() as ledger:
            return {row.decision_id: row.target for row in ledger.outcomes().rows()}

    def refusals(self) -> list[tuple[str, str]]:
        """Row and reason of each refused row."""
        with self.refused.open(newline="") as stream:
            return [(row["row"], row["reason"]) for row in csv.DictReader(stream)]

    def change(self, statement: str) -> None:
        """Run a careless statement, which the triggers see."""
        self._at_ledger.change(statement)

    def tamper(self, *statements: str) -> None:
        """Change the database past its triggers, as someone who owns it could."""
        self._at_ledger.tamper(*statements)

    @property
    def _at_ledger(self) -> DecisionPlace:
        return DecisionPlace(self.url, self.anchor)

    def loader(self, path: Path, last_step: str = "") -> subprocess.Popen[str]:
        """A process that loads a file once it is told to; it is ready when this returns."""
        arguments = [self.url, str(self.anchor), str(path), f"{path}.refused.csv", last_step]
        process = subprocess.Popen(
            [sys.executable, "-c", LOADER, *arguments],
            env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    def in_ledger(self, asked: Callable[[DecisionLedger], T]) -> T:
        """What the opened ledger answers."""
        with self.open() as ledger:
            return asked(ledger)


def _batch_record(batch_id: str, output: Path, scored: int) -> BatchRecord:
    return BatchRecord(
        batch_id=batch_id,
        started_at="2025-01-15T10:00:00+00:00",
        finished_at="2025-01-15T10:05:00+00:00",
        input=BatchInput(form="features", place="in.csv", files={}, applications=None, rows=10),
        output=BatchOutput(
            place=str(output), sha256=hashlib.sha256(output.read_bytes()).hexdigest(), rows=scored
        ),
        rejects=10 - scored,
        rejects_by_rule={},
        reasons=False,
        threshold=0.5,
        policy=PolicyBands(approve_below=0.1, decline_from=0.2, grades={"G": 1.0}),
        model=MODEL,  # type: ignore[arg-type]  # pydantic makes it of the fields
        chunk_rows=10,
        chunks=(ChunkProof(first_row=1, last_row=10, scored=scored, sha256="e" * 64),),
    )
