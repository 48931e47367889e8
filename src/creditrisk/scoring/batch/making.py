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

from creditrisk.contracts.request_contract import RequestTable
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import Settings
from creditrisk.scoring.batch.answers_file import AnswersFile, Tally
from creditrisk.scoring.batch.checks import RowChecks
from creditrisk.scoring.batch.chunk_scoring import ChunkScorer, ScoredChunk
from creditrisk.scoring.batch.duplicates import duplicated_ids
from creditrisk.scoring.batch.errors import RowRefused
from creditrisk.scoring.batch.overlap import Behind, ahead, mapped
from creditrisk.scoring.batch.reading import Chunk, FeatureFile, Layout, open_feature_file
from creditrisk.scoring.batch.record import ChunkProof
from creditrisk.scoring.batch.rejects import RejectFile
from creditrisk.scoring.batch.work import WorkFolder
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    from rich.progress import Progress

_LOG = logging.getLogger(__name__)
_CHUNKS_AHEAD = 2
_CHUNKS_BEHIND = 2


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
        duplicated, rows = duplicated_ids(file.ids(), self.settings.resources)
        scorer = ChunkScorer(
            self.scorer,
            self.settings.policy,
            RowChecks(contract, file.schema, duplicated),
            reasons=self.reasons,
        )
        bar = progress.add_task("scoring", total=rows)
        made = Made()
        with ExitStack() as stack:
            answers = stack.enter_context(self._answers_file(file))
            rejects = stack.enter_context(RejectFile(self.rejects))
            writer = stack.enter_context(Behind(_CHUNKS_BEHIND))
            chunks = stack.enter_context(closing(self._scored(file, scorer, threads)))
            for chunk in chunks:
                if self.strict and chunk.rejects:
                    raise RowRefused(shown, chunk.rejects[0])
                rejects.write(chunk.rejects)
                writer.call(answers.write, chunk)
                made.count(chunk)
                progress.update(bar, completed=made.rows)
            writer.finish()
        made.rejected_rows, made.rejects_by_rule = rejects.rows, rejects.by_rule
        made.tally = answers.tally
        return made

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
            with closing(ahead(chunks, _CHUNKS_AHEAD)) as read:
                yield from mapped(score, read, workers=max(1, threads - 1))

    def _score(self, scorer: ChunkScorer, chunk: Chunk) -> ScoredChunk:
        scored = scorer.score(chunk, self.work.scores(chunk.number))
        if not scored.resumed:
            self.work.keep(chunk.number, scored.scores)
        return scored

    def _answers_file(self, file: FeatureFile) -> AnswersFile:
        import pyarrow as pa

        return AnswersFile(
            self.answers,
            file.schema if self.keep_all else pa.schema([file.schema.field(APPLICANT_KEY)]),
            batch_id=self.batch_id,
            policy=self.settings.policy,
            threshold=self.scorer.manifest.threshold.value,
            reasons=self.reasons,
        )
