"""Scores and explains feature rows with a sealed model; needs no sklearn, pandas or MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from creditrisk.mlops.bundle import Bundle, BundleManifest
from creditrisk.mlops.errors import GoldenPredictionsDiffer
from creditrisk.mlops.golden import Cell, table_of
from creditrisk.models.explanation import MOST_REASONS, Explainer, Reason, ReferencePopulation
from creditrisk.models.serving import ServingForm

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from creditrisk.models.encoding import Matrix


class Scorer:
    """A verified model that answers.

    A missing value scores as the model learnt to treat missing values, and so does a category
    that the catalogue does not list: contracts refuse such rows before they are scored.
    """

    def __init__(self, bundle: Bundle, form: ServingForm) -> None:
        self.bundle = bundle
        self.manifest: BundleManifest = bundle.manifest
        self.bundle_sha256 = bundle.sha256
        self._form = form
        self.reference: ReferencePopulation = bundle.reference_population()
        self._explainer = Explainer(self.reference, bundle.manifest.features)

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Self:
        """Verify a bundle and its golden predictions; refuse a model that cannot be vouched for.

        Args:
            folder: the bundle.
            threads: how many score a batch; one is fastest for a single row, none changes a PD.

        Raises:
            BundleRefused: the bundle is not what was sealed, or does not reproduce its PDs here.
        """
        bundle = Bundle.load(folder)
        form = bundle.serving_form(threads)
        _check_golden_predictions(bundle, form)
        return cls(bundle, form)

    def raw_scores(self, table: pa.Table) -> NDArray[np.float64]:
        """The log-odds of each row before calibration.

        Raises:
            MissingFeatures, WrongFeatureType: the columns are not those of `manifest.features`.
        """
        return self._form.raw_scores(table)

    def probabilities(self, table: pa.Table) -> NDArray[np.float64]:
        """The PD of each row; further columns are ignored.

        Raises:
            MissingFeatures, WrongFeatureType: the columns are not those of `manifest.features`.
        """
        return self._form.probabilities(table)

    def contributions(self, table: pa.Table) -> NDArray[np.float64]:
        """What each feature adds to each row's log-odds, the base last.

        Returns:
            Shape (n_rows, n_features + 1); a row adds up to the log-odds of its PD.
        """
        return self._form.contributions(table)

    def explain(self, table: pa.Table, limit: int = MOST_REASONS) -> list[list[Reason]]:
        """Why each row's PD is higher than that of the approved, the weightiest reason first.

        A row has at most `limit` reasons, and none where nothing speaks against the applicant.
        """
        return self.explain_matrix(self.encode(table), limit)

    def explain_matrix(self, matrix: Matrix, limit: int = MOST_REASONS) -> list[list[Reason]]:
        """The same for encoded rows."""
        contributions = self._form.matrix_contributions(matrix)
        return self._explainer.reasons(contributions, matrix, limit)

    def matrix_probabilities(self, matrix: Matrix) -> NDArray[np.float64]:
        """The PD of each encoded row."""
        return self._form.matrix_probabilities(matrix)

    def unnamed_shares(self, table: pa.Table) -> NDArray[np.float64]:
        """The part of all that speaks against each applicant which `explain` never names."""
        return self._explainer.unnamed_shares(self.contributions(table))

    def encode(self, table: pa.Table) -> Matrix:
        """The rows as the model reads them, shape (n_rows, n_features)."""
        return self._form.encoding.encode(table)

    def encode_records(self, rows: Sequence[Mapping[str, Cell]]) -> Matrix:
        """The same matrix from rows by name, much faster for a few rows.

        Raises:
            MissingFeatures, WrongFeatureType: a row is not of `manifest.features`.
        """
        return self._form.encoding.encode_records(rows)

    def on_threads(self, threads: int) -> Self:
        """The same model on so many threads."""
        return type(self)(self.bundle, self._form.on_threads(threads))


def _check_golden_predictions(bundle: Bundle, form: ServingForm) -> None:
    golden = bundle.golden_predictions()
    seen = form.probabilities(table_of(golden.rows, bundle.manifest.features))
    gaps = golden.differing(seen)
    if len(gaps):
        raise GoldenPredictionsDiffer(bundle.folder, len(seen), len(gaps), float(gaps.max()))
