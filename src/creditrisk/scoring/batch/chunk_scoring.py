"""From a chunk of feature rows to answers, as columns.

A LightGBM model is evaluated column by column, which gives the booster's scores to the last bit in
a fraction of its time; the booster itself scores the first rows of every chunk too, and a batch ends
where any bit differs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import PolicySettings
from creditrisk.mlops.bundle import Bundle
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.explanation import Reason
from creditrisk.models.serving import MODEL_FILES
from creditrisk.scoring.batch.checks import RowChecks
from creditrisk.scoring.batch.csv_rows import Rows
from creditrisk.scoring.batch.errors import ScoresDiffer
from creditrisk.scoring.batch.feature_file import Chunk
from creditrisk.scoring.batch.rejects import Reject
from creditrisk.scoring.batch.trees import ColumnTrees, NotColumnwise
from creditrisk.scoring.decisions import DECISIONS, decision_of
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_PROVEN_ROWS = 64
_APPROVE = DECISIONS[0]
_JSON_OF_REASONS = TypeAdapter(tuple[Reason, ...])


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model says of some rows: their numbers, PDs, and reasons as JSON where asked for."""

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    probability: NDArray[np.float64]
    reasons: tuple[str | None, ...] | None

    @property
    def sha256(self) -> str:
        """The hash that proves each row: row numbers and ids as little-endian 64-bit integers, PDs
        as little-endian doubles, then the reasons, a line each.
        """  # noqa: D205 (one sentence)
        digest = hashlib.sha256(self.rows.astype("<i8").tobytes())
        digest.update(self.ids.astype("<i8").tobytes())
        digest.update(self.probability.astype("<f8").tobytes())
        if self.reasons is not None:
            digest.update("\n".join(text or "" for text in self.reasons).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A chunk's answers and rejects; `table` holds the scored rows as they came, `lines` their bytes.

    `resumed` says that an interrupted run had scored them.
    """

    chunk: Chunk
    table: pa.Table
    lines: Rows | None
    scores: Scores
    rejects: tuple[Reject, ...]
    warnings: Counter[str]
    resumed: bool


class ChunkScorer:
    """A model with its contract, for chunks; several threads may use it at once.

    Args:
        scorer: the model.
        policy: which decisions get reasons.
        checks: the contract of the rows.
        reasons: whether reasons are wanted.
    """

    def __init__(
        self, scorer: Scorer, policy: PolicySettings, checks: RowChecks, *, reasons: bool
    ) -> None:
        self._scorer = scorer
        self._policy = policy
        self._checks = checks
        self._reasons = reasons
        self._features = scorer.manifest.features
        named = {feature.name for feature in self._features}
        others = [
            ModelFeature(name=name, type="real")
            for name in checks.numeric_columns
            if name not in named
        ]
        self._encoding = FeatureEncoding(features=(*self._features, *others))
        self._trees = _column_trees(scorer.bundle)

    def score(self, chunk: Chunk, done: Scores | None = None) -> ScoredChunk:
        """Check a chunk and score the rows that keep their contract.

        Args:
            chunk: rows of the file.
            done: the scores of the same rows from an interrupted run.

        Raises:
            ScoresDiffer: the fast evaluation of the trees is not the booster's.
        """
        columns = self._encoding.columns(chunk.table)
        numbers = dict(zip(self._encoding.names, columns, strict=True))
        findings = self._checks.check(chunk, numbers)
        table, lines, rows, kept = chunk.table, chunk.lines, chunk.rows, findings.kept
        if not kept.all():
            import pyarrow as pa

            table, rows = table.filter(pa.array(kept)), rows[kept]
            lines = None if lines is None else lines.only(kept)
            columns = [column[kept] for column in columns]
        resumed = done is not None and np.array_equal(done.rows, rows)
        if done is None or not resumed:
            ids = columns[self._encoding.names.index(APPLICANT_KEY)].astype(np.int64)
            done = self._scored(table, rows, ids, columns[: len(self._features)])
        return ScoredChunk(chunk, table, lines, done, findings.rejects, findings.warnings, resumed)

    def _scored(
        self,
        table: pa.Table,
        rows: NDArray[np.int64],
        ids: NDArray[np.int64],
        columns: Sequence[NDArray[np.float64]],
    ) -> Scores:
        if not len(rows):
            return Scores(rows, ids, np.zeros(0), () if self._reasons else None)
        raw = self._raw_scores(table, columns)
        probability = self._scorer.manifest.calibration.probabilities(raw)
        reasons = self._explained(probability, columns) if self._reasons else None
        return Scores(rows, ids, probability, reasons)

    def _raw_scores(
        self, table: pa.Table, columns: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        if self._trees is None:
            return self._scorer.raw_scores(table)
        seen = self._trees.raw_scores(columns)
        required = self._scorer.raw_scores(table.slice(0, _PROVEN_ROWS))
        differing = np.flatnonzero(seen[: len(required)] != required)
        if len(differing):
            raise ScoresDiffer(float(seen[differing[0]]), float(required[differing[0]]))
        return seen

    def _explained(
        self, probability: NDArray[np.float64], columns: Sequence[NDArray[np.float64]]
    ) -> tuple[str | None, ...]:
        """The reasons of those who are not approved, as the API writes them."""
        wanted = decision_of(probability, self._policy) != _APPROVE
        texts: list[str | None] = [None] * len(wanted)
        if wanted.any():
            matrix = np.stack([column[wanted] for column in columns], axis=1)
            found = self._scorer.explain_matrix(matrix)
            for place, reasons in zip(np.flatnonzero(wanted).tolist(), found, strict=True):
                texts[place] = _JSON_OF_REASONS.dump_json(tuple(reasons)).decode()
        return tuple(texts)


def _column_trees(bundle: Bundle) -> ColumnTrees | None:
    """The model's trees where they can be evaluated column by column."""
    if bundle.manifest.model_type != "lightgbm":
        return None
    text = bundle.contents[MODEL_FILES["lightgbm"]].decode()
    try:
        return ColumnTrees.parse(text, len(bundle.manifest.features))
    except NotColumnwise:
        return None
