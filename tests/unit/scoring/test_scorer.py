"""Scores from a sealed bundle."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from simulated_lending import FEATURES, fitted, sealed, unseen

from creditrisk.mlops.errors import ChangedBundleFile, GoldenPredictionsDiffer
from creditrisk.models.errors import MissingFeatures, WrongFeatureType
from creditrisk.models.serving import MODEL_FILES
from creditrisk.scoring.scorer import Scorer

every_model = pytest.mark.parametrize("model_type", MODEL_FILES)

NOT_NEEDED = ("lightgbm", "mlflow", "pandas", "pandera", "scipy", "sklearn", "skops", "xgboost")
SCORE_AND_LIST_IMPORTS = """
import json, sys
from pathlib import Path
import pyarrow.parquet as parquet
from creditrisk.scoring.scorer import Scorer
scorer, rows = Scorer.load(Path(sys.argv[1])), parquet.ParquetFile(sys.argv[2]).read()
reasons = [[reason.sentence for reason in row] for row in scorer.explain(rows)]
pds = scorer.probabilities(rows).tolist()
print(json.dumps({"pds": pds, "reasons": reasons, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("bundle")).folder


@every_model
def test_scores_are_the_pipeline_s(model_type: str, tmp_path: Path) -> None:
    """The scorer's PDs are the sklearn Pipeline's, to the last bit."""
    scorer = Scorer.load(sealed(tmp_path, model_type).folder, threads=2)
    expected = fitted(model_type).pipeline().predict_proba(unseen().to_pandas())[:, 1]
    assert np.array_equal(scorer.probabilities(unseen()), expected)


@every_model
def test_scoring_imports_no_heavy_library(model_type: str, tmp_path: Path) -> None:
    """A process that scores and explains loads no sklearn, pandas, MLflow or booster's package."""
    bundle, rows = sealed(tmp_path, model_type), unseen().slice(0, 20)
    parquet.write_table(rows, tmp_path / "rows.parquet")
    command = [
        sys.executable,
        "-c",
        SCORE_AND_LIST_IMPORTS,
        bundle.folder,
        tmp_path / "rows.parquet",
    ]
    answer = json.loads(subprocess.check_output(command))
    assert not {name.partition(".")[0] for name in answer["modules"]} & set(NOT_NEEDED)
    assert answer["pds"] == bundle.serving_form().probabilities(rows).tolist()
    assert len(answer["reasons"]) == 20
    assert any(answer["reasons"])


def test_raw_scores_are_before_calibration(folder: Path) -> None:
    """The calibration turns raw scores into the PDs."""
    scorer = Scorer.load(folder)
    expected = scorer.manifest.calibration.probabilities(scorer.raw_scores(unseen()))
    assert np.array_equal(scorer.probabilities(unseen()), expected)


def test_an_unlisted_category_scores_as_missing(folder: Path) -> None:
    """A category outside the catalogue is treated as an unknown value."""
    row = unseen().slice(0, 1)
    index = row.column_names.index("NAME_INCOME_TYPE")
    pds = [
        Scorer.load(folder).probabilities(row.set_column(index, "NAME_INCOME_TYPE", value))[0]
        for value in (pa.array(["Astronaut"]), pa.array([None], pa.string()))
    ]
    assert pds[0] == pds[1]


def test_a_missing_column_is_refused(folder: Path) -> None:
    """A row without a feature's column has no score."""
    with pytest.raises(MissingFeatures, match="CNT_CHILDREN"):
        Scorer.load(folder).probabilities(unseen().drop(["CNT_CHILDREN"]))


def test_a_column_of_another_type_is_refused(folder: Path) -> None:
    """Text is not read as a number."""
    text = unseen().column("CNT_CHILDREN").cast(pa.string())
    index = unseen().column_names.index("CNT_CHILDREN")
    with pytest.raises(WrongFeatureType, match="CNT_CHILDREN holds string"):
        Scorer.load(folder).probabilities(unseen().set_column(index, "CNT_CHILDREN", text))


@every_model
def test_reasons_are_what_raises_the_pd(model_type: str, tmp_path: Path) -> None:
    """Each reason's size is the excess of its features' contributions over the reference."""
    scorer = Scorer.load(sealed(tmp_path, model_type).folder)
    rows = unseen().slice(0, 100)
    means = [feature.mean_contribution for feature in scorer.reference.features]
    codes = [feature.reason for feature in scorer.reference.features]
    for excess, row in zip(
        scorer.contributions(rows)[:, :-1] - means, scorer.explain(rows), strict=True
    ):
        given = {reason.code: reason.log_odds for reason in row}
        assert given == {codes[i]: size for i, size in enumerate(excess) if size > 0}


def test_reasons_are_limited(folder: Path) -> None:
    """No applicant has more reasons than asked for."""
    assert max(map(len, Scorer.load(folder).explain(unseen().slice(0, 200), limit=1))) == 1


def test_explaining_takes_the_columns_that_scoring_takes(folder: Path) -> None:
    """A row without a feature's column is not explained either."""
    with pytest.raises(MissingFeatures, match="CNT_CHILDREN"):
        Scorer.load(folder).explain(unseen().drop(["CNT_CHILDREN"]))


def test_a_tampered_bundle_is_refused(tmp_path: Path) -> None:
    """A changed file is noticed before the model answers."""
    folder = sealed(tmp_path).folder
    (folder / "calibration.json").write_text('{"slope": 0.1, "intercept": -9}')
    with pytest.raises(ChangedBundleFile, match=r"calibration\.json"):
        Scorer.load(folder)


def test_a_model_that_answers_otherwise_than_when_sealed_is_refused(tmp_path: Path) -> None:
    """Golden PDs that are not reproduced stop the scorer, even where every hash is right."""
    folder = sealed(tmp_path).folder
    golden = json.loads((folder / "golden_predictions.json").read_text())
    golden["probabilities"][7] = np.nextafter(golden["probabilities"][7], 1)
    (folder / "golden_predictions.json").write_text(json.dumps(golden))
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / "golden_predictions.json").read_bytes()).hexdigest()
    manifest["files"]["golden_predictions.json"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GoldenPredictionsDiffer, match="1 of 50 golden PDs"):
        Scorer.load(folder)


def test_the_manifest_is_at_hand(folder: Path) -> None:
    """Callers learn the features and the threshold from the scorer."""
    scorer = Scorer.load(folder)
    assert scorer.manifest.features == FEATURES
    assert (
        scorer.bundle_sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    )
