"""From feature rows to answers: PD, prediction, decision, grade and reasons.

Everybody who answers an applicant - API, batch job, replay, tests - does so here. An answer never
depends on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.settings import PolicySettings
from creditrisk.models.encoding import Matrix
from creditrisk.models.explanation import Reason
from creditrisk.scoring.decisions import DECISIONS, Decision, decision_of, grade_of
from creditrisk.scoring.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

Cell = int | float | str | None
_APPROVE = DECISIONS[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one applicant is answered; `prediction` is 1 where the PD reaches `threshold`.

    `reasons` say why the PD is higher than that of the approved, the weightiest first. The approved
    get none.
    """

    sk_id_curr: int
    probability: float
    prediction: int
    threshold: float
    decision: Decision
    grade: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """The answers of many rows, column by column; `reasons` is empty where none were asked for."""

    probability: NDArray[np.float64]
    prediction: NDArray[np.int8]
    decision: NDArray[np.str_]
    grade: NDArray[np.str_]
    reasons: tuple[tuple[Reason, ...], ...]


class DecisionMaker:
    """A model and a lender's policy: the one way to an answer."""

    def __init__(self, scorer: Scorer, policy: PolicySettings) -> None:
        self.scorer = scorer
        self.policy = policy
        self.threshold = scorer.manifest.threshold.value

    def decide_records(
        self, rows: Sequence[Mapping[str, Cell]], thresholds: Sequence[float | None] | None = None
    ) -> list[Answer]:
        """The answer of each feature row, given by name; further names are ignored.

        Args:
            rows: each with SK_ID_CURR and every feature that the model reads, null where unknown.
            thresholds: of each row, null for the model's own, which all have where left out.

        Raises:
            MissingFeatures, WrongFeatureType: a row is not of the model's features.
        """
        ids = [row[APPLICANT_KEY] for row in rows]
        matrix = self.scorer.encode_records(rows)
        return self._answers(ids, matrix, thresholds or [None] * len(rows))

    def decide_features(
        self, table: pa.Table, thresholds: Sequence[float | None] | None = None
    ) -> list[Answer]:
        """The answer of each row of a feature table with SK_ID_CURR.

        Raises:
            MissingFeatures, WrongFeatureType: the columns are not the model's features.
        """
        ids = table.column(APPLICANT_KEY).to_pylist()
        return self._answers(ids, self.scorer.encode(table), thresholds or [None] * len(ids))

    def decide_table(
        self, table: pa.Table, threshold: float | None = None, *, reasons: bool = True
    ) -> Decided:
        """The same answers as columns, for many rows.

        Args:
            table: feature rows; further columns are ignored.
            threshold: from which PD on a default is predicted; null for the model's own.
            reasons: whether those who are not approved get reasons.

        Raises:
            MissingFeatures, WrongFeatureType: the columns are not the model's features.
        """
        used = self.threshold if threshold is None else threshold
        return self._decided(self.scorer.encode(table), used, reasons=reasons)

    def _answers(
        self, ids: Sequence[Any], matrix: Matrix, thresholds: Sequence[float | None]
    ) -> list[Answer]:
        used = [self.threshold if threshold is None else threshold for threshold in thresholds]
        decided = self._decided(matrix, np.array(used), reasons=True)
        columns = (decided.probability, decided.prediction, decided.decision, decided.grade)
        values = zip(ids, *(column.tolist() for column in columns), strict=True)
        return [
            Answer(int(key), pd, prediction, threshold, decision, grade, reasons)
            for (key, pd, prediction, decision, grade), threshold, reasons in zip(
                values, used, decided.reasons, strict=True
            )
        ]

    def _decided(
        self, matrix: Matrix, threshold: float | NDArray[np.float64], *, reasons: bool
    ) -> Decided:
        probability = self.scorer.matrix_probabilities(matrix)
        decision = decision_of(probability, self.policy)
        return Decided(
            probability=probability,
            prediction=(probability >= threshold).astype(np.int8),
            decision=decision,
            grade=grade_of(probability, self.policy),
            reasons=self._reasons(matrix, decision != _APPROVE) if reasons else (),
        )

    def _reasons(self, matrix: Matrix, wanted: NDArray[np.bool_]) -> tuple[tuple[Reason, ...], ...]:
        """The reasons of the wanted rows; contributions of no other row are computed."""
        explained = iter(self.scorer.explain_matrix(matrix[wanted]) if wanted.any() else ())
        return tuple(tuple(next(explained)) if want else () for want in wanted.tolist())
