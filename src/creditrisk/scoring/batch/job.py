"""A batch from its input to its output: check, score, record, move into place.

The order at the end is what makes a kill harmless. The output is complete and durable in the work
folder before the ledger records it; only what is recorded is moved into place. Killed before the
record, there is nothing; killed after it, `--resume` makes the same bytes again, finds them
recorded, and moves them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.contracts.errors import ContractViolated
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import Settings
from creditrisk.observability.progress import progress_bars
from creditrisk.scoring.batch.errors import (
    BatchIdTaken,
    BrokenInput,
    ChangedWhileRead,
    NothingToScore,
    RowRefused,
    ScoresDiffer,
    WrongInputColumns,
)
from creditrisk.scoring.batch.making import Made, Making
from creditrisk.scoring.batch.places import flush, is_local, put
from creditrisk.scoring.batch.raw_tables import raw_features
from creditrisk.scoring.batch.record import BatchInput, BatchOutput, BatchRecord
from creditrisk.scoring.batch.recording import is_recorded, record_batch
from creditrisk.scoring.batch.request import BatchModel, BatchRequest
from creditrisk.scoring.batch.source import BatchSource
from creditrisk.scoring.batch.summary import BatchSummary, RejectedRows
from creditrisk.scoring.batch.work import BatchIdentity, BatchRun, WorkFolder, work_folder
from creditrisk.scoring.decision_record import PolicyBands, new_decision_id
from creditrisk.scoring.decisions import DECISIONS

if TYPE_CHECKING:
    from rich.progress import Progress

    from creditrisk.ledger.decisions import DecisionLedger

_LOG = logging.getLogger(__name__)
# After these the same command would end the same way: nothing is worth keeping.
_FINAL = (
    BrokenInput,
    ChangedWhileRead,
    ContractViolated,
    NothingToScore,
    RowRefused,
    ScoresDiffer,
    WrongInputColumns,
)


def run_batch(
    request: BatchRequest, model: BatchModel, settings: Settings, ledger: DecisionLedger | None
) -> BatchSummary:
    """Score a batch; its output, rejects and summary are in place afterwards, or nothing is.

    Args:
        request: what is asked.
        model: what answers.
        settings: policy, contracts and resources.
        ledger: where the batch is recorded, if it is.

    Raises:
        BatchIdTaken: the ledger holds a batch of the id that was asked for.
        BatchRunning, CannotResume: somebody else's work would be lost.
        BrokenInput, WrongInputColumns, ContractViolated, ChangedWhileRead: the input is refused.
        RowRefused, NothingToScore: its rows are.
        LedgerError, UploadFailed: the batch is complete, and kept for `--resume`.
    """
    with work_folder(request.work_folder) as work:
        try:
            return _Job(request, model, settings, ledger, work).run()
        except _FINAL:
            work.remove()
            raise
        finally:
            work.remove_if_empty()


@dataclass(frozen=True, slots=True)
class _Job:
    request: BatchRequest
    model: BatchModel
    settings: Settings
    ledger: DecisionLedger | None
    work: WorkFolder

    def run(self) -> BatchSummary:
        started = time.perf_counter()
        if not self.request.resume:
            self.work.clear()
        with progress_bars() as progress:
            source = BatchSource.fetch(self.request, self.work.folder, self.settings, progress)
            run = self._begun(source)
            _LOG.info("batch started", extra={"fields": {"batch": run.batch_id}})
            made = self._made(run, source, progress)
        source.require_unchanged()
        if not made.tally.rows:
            self._refuse_all(made)
        record = self._record(run, source, made)
        if self.ledger:
            record_batch(self.ledger, record)
        summary = self._summary(record, made, time.perf_counter() - started)
        self._put(summary)
        _LOG.info("batch finished", extra={"fields": summary.model_dump(mode="json")})
        return summary

    def _begun(self, source: BatchSource) -> BatchRun:
        """The run that is started or gone on with."""
        asked = self.request.batch_id
        identity = BatchIdentity(
            input_files=dict(source.files),
            applications=self.request.applications if self.request.is_raw else None,
            bundle_sha256=self.model.scorer.bundle_sha256,
            threshold=self.model.scorer.manifest.threshold.value,
            policy=PolicyBands.of(self.settings.policy),
            reasons=self.request.reasons,
            chunk_rows=self.request.chunk_rows,
            output=self.request.output.shown,
        )
        run = BatchRun(batch_id=asked or new_decision_id(), started_at=_now(), identity=identity)
        begun = self.work.begin(run, asked=asked)
        if begun is run and asked and self.ledger and is_recorded(self.ledger, asked):
            raise BatchIdTaken(asked)
        return begun

    def _made(self, run: BatchRun, source: BatchSource, progress: Progress) -> Made:
        request = self.request
        features = source.path
        if request.is_raw:
            verdict = self._side_file(".validation.json")
            features = raw_features(
                source.path, request.applications, self.work.folder, verdict, self.settings
            )
        making = Making(
            batch_id=run.batch_id,
            scorer=self.model.scorer,
            settings=self.settings,
            work=self.work,
            answers=self._answers,
            rejects=self._rejects,
            chunk_rows=request.chunk_rows,
            reasons=request.reasons,
            strict=request.strict,
            keep_all=not request.is_raw,
        )
        return making.make(features, request.input.shown, progress)

    def _refuse_all(self, made: Made) -> None:
        rejects = None
        if made.rows:
            put(self._rejects, self.request.rejects, self.settings.ingest)
            rejects = self.request.rejects.shown
        raise NothingToScore(self.request.input.shown, made.rows, rejects)

    def _record(self, run: BatchRun, source: BatchSource, made: Made) -> BatchRecord:
        flush(self._answers)
        request = self.request
        return BatchRecord(
            batch_id=run.batch_id,
            started_at=run.started_at,
            finished_at=_now(),
            input=BatchInput(
                form="raw_tables" if request.is_raw else "features",
                place=request.input.shown,
                files=dict(source.files),
                applications=run.identity.applications,
                rows=made.rows,
            ),
            output=BatchOutput(
                place=request.output.shown,
                sha256=sha256_of(self._answers),
                rows=made.tally.rows,
            ),
            rejects=made.rejected_rows,
            rejects_by_rule=dict(sorted(made.rejects_by_rule.items())),
            reasons=request.reasons,
            threshold=run.identity.threshold,
            policy=run.identity.policy,
            model=self.model.served,
            chunk_rows=request.chunk_rows,
            chunks=tuple(made.chunks),
        )

    def _summary(self, record: BatchRecord, made: Made, seconds: float) -> BatchSummary:
        tally = made.tally
        return BatchSummary(
            **record.model_dump(
                include={"batch_id", "started_at", "finished_at", "reasons", "threshold"}
            ),
            recorded=self.ledger is not None,
            input=record.input,
            output=record.output,
            rejects=RejectedRows(
                place=self.request.rejects.shown,
                rows=record.rejects,
                by_rule=record.rejects_by_rule,
            ),
            warnings=dict(sorted(made.warnings.items())),
            mean_probability=tally.probability / tally.rows,
            predicted_defaults=tally.predicted_defaults,
            decisions={name: tally.decisions[name] for name in DECISIONS},
            grades={name: tally.grades[name] for name in record.policy.grades},
            policy=record.policy,
            model=record.model,
            threads=self.settings.resources.usable_threads,
            chunks=len(made.chunks),
            resumed_chunks=made.resumed_chunks,
            seconds=seconds,
            rows_per_second=made.rows / seconds,
        )

    def _put(self, summary: BatchSummary) -> None:
        """Move everything into place, the summary last: it vouches for the others."""
        request, ingest = self.request, self.settings.ingest
        put(self._answers, request.output, ingest)
        put(self._rejects, request.rejects, ingest)
        path = self.work.path("summary.json")
        summary.write(path)
        put(path, request.summary, ingest)
        self.work.remove()

    @property
    def _answers(self) -> Path:
        return self.work.path(f"answers{Path(self.request.output.name).suffix.lower()}")

    @property
    def _rejects(self) -> Path:
        return self.work.path("rejects.csv")

    def _side_file(self, ending: str) -> Path:
        """Beside the output, or in the current folder for one that lies elsewhere."""
        output = self.request.output
        name = f"{output.name.rpartition('.')[0]}{ending}"
        return output.path.with_name(name) if is_local(output) else Path(name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
