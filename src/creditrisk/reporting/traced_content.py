"""What the ledger's content says of a decision, of a row of a batch, of a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from creditrisk.core.errors import validation_problems
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part
from creditrisk.ledger import StoredDecision
from creditrisk.mlops.served import ServedModel
from creditrisk.models.explanation import Reason
from creditrisk.scoring.batch.record import BatchInput, BatchOutput, BatchRecord, ChunkProof
from creditrisk.scoring.decision_record import (
    DecisionRecord,
    Origin,
    PolicyBands,
    RefusalRecord,
    ShadowRecord,
    UnreadableDecision,
)

# Subject, verdict and detail of what could be checked in the content itself.
ContentCheck = tuple[str, Literal["verified", "refuted", "not verified"], str]

_APPLICANT = "SK_ID_CURR"


class DecisionFacts(Part):
    """What was decided on an applicant; a shadow's `beside` is the decision that was given."""

    kind: Literal["decision", "shadow"]
    origin: Origin | None
    record: int | None
    beside: str | None
    sk_id_curr: int
    probability: float
    prediction: int
    threshold: float
    threshold_overridden: bool
    decision: str
    grade: str
    reasons: tuple[Reason, ...]
    warnings: int
    inputs: Literal["stored", "hash only", "those of the decision"]
    inputs_sha256: str | None
    policy: PolicyBands | None


class BatchFacts(Part):
    """The batch of a row, its files by hash; `answer` is the row in the output, where that is here."""

    batch_id: str
    row: int | None
    started_at: str
    finished_at: str
    input: BatchInput
    output: BatchOutput
    rejects: int
    chunk: ChunkProof | None
    policy: PolicyBands
    threshold: float
    answer: dict[str, int | float | str | None] | None


class RefusalFacts(Part):
    """What was refused, and by which rules."""

    origin: Origin
    body_sha256: str
    rules: dict[str, int]


@dataclass(frozen=True, slots=True)
class TracedContent:
    """The content in one of its forms, the model that it names, and what could be checked in it."""

    decision: DecisionFacts | None = None
    batch: BatchFacts | None = None
    refusal: RefusalFacts | None = None
    model: ServedModel | None = None
    checks: Sequence[ContentCheck] = ()

    @property
    def applicant(self) -> int | None:
        """Whose raw rows belong to it."""
        if self.decision:
            return self.decision.sk_id_curr
        found = self.batch.answer.get(_APPLICANT) if self.batch and self.batch.answer else None
        return found if isinstance(found, int) else None


def traced_content(stored: StoredDecision, row: int | None = None) -> TracedContent:
    """Read an entry's content; one that is gone or unknown says so in a check."""
    if stored.content is None:
        return _without("it is not kept any more; ledger verify says whether a retention covers it")
    reader = _readers(row).get(stored.kind)
    if reader is None:
        return _without(f"a {stored.kind} is no decision")
    try:
        return reader(stored.content)
    except UnreadableDecision as error:
        return _without(str(error))
    except ValidationError as error:
        return _without(f"this version cannot read it: {validation_problems(error)[0]}")


def _readers(row: int | None) -> dict[str, Callable[[bytes], TracedContent]]:
    return {
        "decision": lambda text: _of_decision(DecisionRecord.parse(text)),
        "shadow": lambda text: _of_shadow(ShadowRecord.model_validate_json(text)),
        "batch": lambda text: _of_batch(BatchRecord.model_validate_json(text), row),
        "refusal": lambda text: _of_refusal(RefusalRecord.model_validate_json(text)),
    }


def _without(why: str) -> TracedContent:
    return TracedContent(checks=[("content", "not verified", why)])


def _of_decision(record: DecisionRecord) -> TracedContent:
    facts = DecisionFacts(
        kind="decision",
        origin=record.origin,
        record=record.record,
        beside=None,
        sk_id_curr=record.sk_id_curr,
        probability=record.probability,
        prediction=record.prediction,
        threshold=record.threshold,
        threshold_overridden=record.threshold_overridden,
        decision=record.decision,
        grade=record.grade,
        reasons=record.reasons,
        warnings=len(record.warnings),
        inputs="hash only" if record.inputs is None else "stored",
        inputs_sha256=record.inputs_sha256,
        policy=record.policy,
    )
    return TracedContent(decision=facts, model=record.model)


def _of_shadow(record: ShadowRecord) -> TracedContent:
    facts = DecisionFacts(
        kind="shadow",
        origin=None,
        record=None,
        beside=record.beside,
        sk_id_curr=record.sk_id_curr,
        probability=record.probability,
        prediction=record.prediction,
        threshold=record.threshold,
        threshold_overridden=False,
        decision=record.decision,
        grade=record.grade,
        reasons=(),
        warnings=0,
        inputs="those of the decision",
        inputs_sha256=None,
        policy=None,
    )
    return TracedContent(decision=facts, model=record.model)


def _of_refusal(record: RefusalRecord) -> TracedContent:
    rules: dict[str, int] = {}
    for violation in record.violations:
        rules[violation.rule] = rules.get(violation.rule, 0) + 1
    facts = RefusalFacts(origin=record.origin, body_sha256=record.body_sha256, rules=rules)
    return TracedContent(refusal=facts)


def _of_batch(record: BatchRecord, row: int | None) -> TracedContent:
    chunk = record.chunk_of(row) if row is not None else None
    checks: list[ContentCheck] = []
    if row is not None and chunk is None:
        checks.append(
            ("row", "refuted", f"the input has {record.input.rows:,} rows, none is {row}")
        )
    answer = None
    if chunk is not None and row is not None:
        answer, check = _answer(record, row)
        checks.append(check)
    facts = BatchFacts(
        batch_id=record.batch_id,
        row=row,
        started_at=record.started_at,
        finished_at=record.finished_at,
        input=record.input,
        output=record.output,
        rejects=record.rejects,
        chunk=chunk,
        policy=record.policy,
        threshold=record.threshold,
        answer=answer,
    )
    return TracedContent(batch=facts, model=record.model, checks=checks)


def _answer(record: BatchRecord, row: int) -> tuple[dict[str, Any] | None, ContentCheck]:
    """The row in the output file, if that lies here and is the one that was recorded."""
    path = Path(record.output.place)
    if not path.is_file():
        return None, ("output file", "not verified", f"{path} is not here")
    seen = sha256_of(path)
    if seen != record.output.sha256:
        detail = f"{path}: recorded {record.output.sha256[:12]}, seen {seen[:12]}"
        return None, ("output file", "refuted", detail)
    answer = _row_of_output(path, f"{record.batch_id}-{row}")
    where = "holds the row" if answer else "does not hold the row: it was rejected"
    return answer, ("output file", "verified", f"{path} has the recorded hash and {where}")


def _row_of_output(path: Path, decision_id: str) -> dict[str, Any] | None:
    import pyarrow.compute as pc
    from pyarrow import dataset

    kind = "csv" if path.suffix.lower() == ".csv" else "parquet"
    wanted = (_APPLICANT, "decision_id", "probability", "prediction", "decision", "grade")
    data = dataset.dataset(path, format=kind)
    rows = data.to_table(columns=list(wanted), filter=pc.field("decision_id") == decision_id)
    return rows.to_pylist()[0] if rows.num_rows else None
