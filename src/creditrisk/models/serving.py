"""The serving form: a native booster, the encoding and the calibration as data.

It needs numpy and Arrow and no sklearn, pandas or MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from creditrisk.models.calibration import AffineCalibration
from creditrisk.models.encoding import FeatureEncoding, Matrix
from creditrisk.models.linear import LinearModel
from creditrisk.models.native import LightGBMBooster, NativeBooster, XGBoostBooster
from creditrisk.models.scorecard import Scorecard

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ENCODING_FILE = "encoding.json"
CALIBRATION_FILE = "calibration.json"
SCORECARD_TABLE_FILE = "scorecard.csv"  # for people; nothing reads it to score
MODEL_FILES: Mapping[str, str] = MappingProxyType(
    {
        "lightgbm": "booster.txt",
        "xgboost": "booster.json",
        "logistic": "coefficients.json",
        "scorecard": "scorecard.json",
    }
)


class ServingForm:
    """Scores Arrow tables; the last bit never depends on the threads or on the other rows."""

    def __init__(
        self,
        encoding: FeatureEncoding,
        model: NativeBooster,
        calibration: AffineCalibration,
        threads: int = 1,
    ) -> None:
        self.encoding = encoding
        self.calibration = calibration
        self._model = model
        self._threads = threads

    @classmethod
    def parse(cls, model_type: str, files: Mapping[str, bytes], threads: int = 1) -> Self:
        """Build the form from its files' contents, by file name."""
        return cls(
            encoding=FeatureEncoding.model_validate_json(files[ENCODING_FILE]),
            model=_model(model_type, files[MODEL_FILES[model_type]]),
            calibration=AffineCalibration.model_validate_json(files[CALIBRATION_FILE]),
            threads=threads,
        )

    def raw_scores(self, table: pa.Table) -> NDArray[np.float64]:
        """The log-odds of each row before calibration."""
        return self._model.raw_scores(self.encoding.encode(table), self._threads)

    def probabilities(self, table: pa.Table) -> NDArray[np.float64]:
        """The PD of each row."""
        return self.matrix_probabilities(self.encoding.encode(table))

    def matrix_probabilities(self, matrix: Matrix) -> NDArray[np.float64]:
        """The PD of each row that `encoding` has encoded."""
        return self.calibration.probabilities(self._model.raw_scores(matrix, self._threads))

    def contributions(self, table: pa.Table) -> NDArray[np.float64]:
        """What each feature adds to each row's calibrated log-odds.

        Returns:
            Shape (n_rows, n_features + 1), the base last. A row adds up to the log-odds of its PD:
            to 1e-9, and to 1e-5 for XGBoost, which computes in single precision.
        """
        return self.matrix_contributions(self.encoding.encode(table))

    def matrix_contributions(self, matrix: Matrix) -> NDArray[np.float64]:
        """What each feature adds, for rows that `encoding` has encoded."""
        calibrated = self.calibration.slope * self._model.contributions(matrix, self._threads)
        calibrated[:, -1] += self.calibration.intercept
        return calibrated

    def on_threads(self, threads: int) -> Self:
        """The same model on so many threads."""
        return type(self)(self.encoding, self._model, self.calibration, threads)


def serving_files(
    model_type: str, encoding: FeatureEncoding, calibration: AffineCalibration, model_text: str
) -> dict[str, bytes]:
    """The contents of the serving form's files, by file name."""
    contents = {
        ENCODING_FILE: _json(encoding),
        CALIBRATION_FILE: _json(calibration),
        MODEL_FILES[model_type]: model_text.encode(),
    }
    if model_type == "scorecard":
        table = Scorecard.model_validate_json(model_text).table_csv()
        contents[SCORECARD_TABLE_FILE] = table.encode()
    return contents


def _json(report: FeatureEncoding | AffineCalibration) -> bytes:
    return (report.model_dump_json(indent=1) + "\n").encode()


def _model(model_type: str, content: bytes) -> NativeBooster:
    if model_type == "lightgbm":
        return LightGBMBooster(content)
    if model_type == "xgboost":
        return XGBoostBooster(content)
    if model_type == "scorecard":
        return Scorecard.model_validate_json(content)
    return LinearModel.model_validate_json(content)
