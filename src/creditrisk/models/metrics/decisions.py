"""What a threshold on the PD decides, against the outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.models.metrics.observations import checked, require_both_outcomes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions against outcomes; a PD at or above the threshold is a predicted default."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def precision(self) -> float | None:
        """Defaulters among the predicted defaults; None where none is predicted."""
        predicted = self.true_positives + self.false_positives
        return self.true_positives / predicted if predicted else None

    @property
    def recall(self) -> float:
        """Predicted defaults among the defaulters."""
        return self.true_positives / (self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        hits = 2 * self.true_positives
        return hits / (hits + self.false_positives + self.false_negatives)


def confusion_at(target: ArrayLike, pd: ArrayLike, threshold: float) -> Confusion:
    """Count right and wrong decisions when a PD at or above the threshold is a default."""
    outcomes, scores = checked(target, pd)
    require_both_outcomes(outcomes)
    predicted = scores >= threshold
    return Confusion(
        true_positives=int(np.sum(predicted & outcomes)),
        false_positives=int(np.sum(predicted & ~outcomes)),
        true_negatives=int(np.sum(~predicted & ~outcomes)),
        false_negatives=int(np.sum(~predicted & outcomes)),
    )
