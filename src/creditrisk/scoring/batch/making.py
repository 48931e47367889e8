"""From a feature table to the finished files of a batch, still in the work folder."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.contracts.request_contract import RequestTable
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import Settings
from creditrisk.scoring.batch.answers_file import AnswersFile, Tally
from creditrisk.scoring.batch.checks import RowChecks
from creditrisk.scoring.batch.chunk_scoring import ChunkScorer, ScoredChunk
from creditrisk.scoring.batch.duplicates import SeenIds, duplicated_ids
from creditrisk.scoring.batch.errors import RowRefused
from creditrisk.scoring.batch.feature_file import (
    ChunkReader,
    FeatureFile,
    Layout,
)
from creditrisk.scoring.batch.overlap import Behind, ahead, mapped
from creditrisk.scoring.batch.reading import open_feature_file
from creditrisk.scoring.batch.record import ChunkProof
from creditrisk.scoring.batch.rejects import RejectFile
from creditrisk.scoring.batch.work import WorkFolder
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.progress import Progress

_LOG = logging.getLogger(__name__)
_CHUNKS_AHEAD = 2
_CHUNKS_BEHIND = 2
_NO_IDS = np.zeros(0, np.int64)


@dataclass(slots=True)
class Made:
    """What came of a batch's rows."""

    rows: int = 0
    rejected_rows: int = 0
    rejects_by_rule: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    chunks: list[ChunkProof] = field(default_factory=list)
    resumed_chunks: int = 0

    def count(self, scored: ScoredChunk) -> None:
        """Add a chunk."""
        numbers = scored.chunk.all_rows
        scores = scored.scores
        proof = ChunkProof(
            first_row=int(numbers[0]),
            last_row=int(numbers[-1]),
            scored=len(scores.rows),
            sha256=scores.sha256,
        )
        self.chunks.append(proof)
        self.rows += len(numbers)
        self.warnings.update(scored.warnings)
        self.resumed_chunks += scored.resumed
        fields = {"chunk": scored.chunk.number, "rows": len(numbers), "scored": proof.scored}
        _LOG.info("chunk scored", extra={"fields": fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a batch's files are made.

    `keep_all` is false for a table that holds more than the caller gave: its key alone stays.
    """

    batch_id: str
    scorer: Scorer
    settings: Settings
    work: WorkFolder
    answers: Path
    rejects: Path
    chunk_rows: int
    reasons: bool
    strict: bool
    keep_all: bool

    def make(self, features: Path, shown: str, progress: Progress) -> Made:
        """Check and score the table's rows into the answers and the rejects.

        Raises:
            BrokenInput, WrongInputColumns, UnsupportedFile: the table cannot be read.
            RowRefused: a row was rejected in strict mode.
            ScoresDiffer: the model does not score as it must.
        """
        contract = self.scorer.bundle.request_contract().features
        threads = self.settings.resources.usable_threads
        file = open_feature_file(features, shown, self._layout(contract), threads=threads)
        if self.strict:  # the first reject may be a repeated applicant
            repeated = duplicated_ids(file.ids(), self.settings.resources)
            return self._pass(file, contract, repeated, shown, progress)[0]
        made, repeated = self._pass(file, contract, _NO_IDS, shown, progress)
        if not len(repeated):
            return made
        # Few files have any: most are read once. What was scored is not scored again.
        _LOG.info("repeated applicants", extra={"fields": {"applicants": len(repeated)}})
        again, _ = self._pass(file, contract, repeated, shown, progress)
        again.resumed_chunks = made.resumed_chunks
        return again

    def _pass(
        self,
        file: FeatureFile,
        contract: RequestTable,
        repeated: NDArray[np.int64],
        shown: str,
        progress: Progress,
    ) -> tuple[Made, NDArray[np.int64]]:
        """Write the answers and the rejects, given who is repeated; and who was found to be."""
        checks = RowChecks(contract, file.schema, repeated)
        scorer = ChunkScorer(self.scorer, self.settings.policy, checks, reasons=self.reasons)
        bar = progress.add_task("scoring", total=file.rows_about)
        made = Made()
        with ExitStack() as stack:
            answers = stack.enter_context(self._answers_file(file))
            rejects = stack.enter_context(RejectFile(self.rejects))
            seen = stack.enter_context(SeenIds(self.settings.resources))
            writer = stack.enter_context(Behind(_CHUNKS_BEHIND))
            chunks = stack.enter_context(
                closing(self._scored(file, scorer, self.settings.resources.usable_threads))
            )
            for chunk in chunks:
                if self.strict and chunk.rejects:
                    raise RowRefused(shown, chunk.rejects[0])
                rejects.write(chunk.rejects)
                seen.add(chunk.chunk.ids)
                writer.call(answers.write, chunk)
                made.count(chunk)
                progress.update(bar, completed=made.rows)
            writer.finish()
            found = seen.repeated()
        progress.update(bar, total=made.rows)
        made.rejected_rows, made.rejects_by_rule = rejects.rows, rejects.by_rule
        made.tally = answers.tally
        return made, found

    def _layout(self, contract: RequestTable) -> Layout:
        features = (feature.name for feature in self.scorer.manifest.features)
        types = {column.name: column.type for column in contract.columns}
        return Layout(types, required=(APPLICANT_KEY, *features))

    def _scored(
        self, file: FeatureFile, scorer: ChunkScorer, threads: int
    ) -> Generator[ScoredChunk]:
        score = partial(self._score, scorer)
        chunks = file.chunks(self.chunk_rows)
        if threads == 1:
            yield from map(score, chunks)
        else:
            with closing(ahead(chunks, _CHUNKS_AHEAD)) as found:
                yield from mapped(score, found, workers=threads)

    def _score(self, scorer: ChunkScorer, read: ChunkReader) -> ScoredChunk:
        chunk = read()
        scored = scorer.score(chunk, self.work.scores(chunk.number))
        if not scored.resumed:
            self.work.keep(chunk.number, scored.scores)
        return scored

    def _answers_file(self, file: FeatureFile) -> AnswersFile:
        import pyarrow as pa

        return AnswersFile(
            self.answers,
            file.schema if self.keep_all else pa.schema([file.schema.field(APPLICANT_KEY)]),
            header=file.header,
            batch_id=self.batch_id,
            policy=self.settings.policy,
            threshold=self.scorer.manifest.threshold.value,
            reasons=self.reasons,
        )
