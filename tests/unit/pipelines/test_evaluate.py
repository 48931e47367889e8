from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import ChangedBundleFile, TrackingUnavailable
from creditrisk.mlops.store import connect
from creditrisk.models.metrics import NotMeasurable, roc_auc
from creditrisk.pipelines import evaluate
from creditrisk.pipelines.evaluate import Side
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.errors import IncompleteTruth
from creditrisk.testing.evaluation import EvaluationReport

Rewrite = Callable[[Path, Callable[[pa.Table], pa.Table]], None]

REPORT = Path("reports/test_metrics.json")
PICTURES = {
    "calibration",
    "confusion",
    "deciles",
    "importance",
    "ks",
    "precision_recall",
    "roc",
    "score_distribution",
}

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


def run_of(bundle: Path) -> Any:
    """The MLflow run of a bundle."""
    sealed = Bundle.load(bundle)
    return connect().MlflowClient().get_run(tracking.ensure_run(sealed))


def test_the_test_side_is_measured_drawn_and_logged(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run writes report, predictions, plot data and pictures, and logs them to the model's run."""
    evaluate.main(split=Side.TEST)
    report = EvaluationReport.read(trained / REPORT)
    scored = pq.read_table("reports/test_predictions.parquet")
    assert report.rows == scored.num_rows
    assert report.roc_auc == round(roc_auc(scored["TARGET"], scored["PD"]), 10)
    assert report.bundle_sha256 == Bundle.load(trained / "models/credit_risk_pd").sha256
    assert report.split_sha256 == sha256_of(trained / "data/splits/test.parquet")
    folder = trained / "reports/test_evaluation"
    assert {path.stem for path in folder.glob("*.png")} == PICTURES
    assert {path.stem for path in folder.glob("*.csv")} == PICTURES
    assert f"test: {report.rows:,} applicants, ROC-AUC" in capsys.readouterr().out
    run = run_of(trained / "models/credit_risk_pd")
    assert run.data.metrics["test_roc_auc"] == report.roc_auc
    client = connect().MlflowClient()
    logged = client.list_artifacts(run.info.run_id, "test_evaluation")
    assert {Path(item.path).stem for item in logged} == PICTURES


def test_predictions_are_the_scorers(trained: Path) -> None:
    """Every row of the side has the PD that the scorer gives it, to the last bit, in key order."""
    evaluate.main(split=Side.TEST)
    side = pq.read_table(trained / "data/splits/test.parquet")
    scored = pq.read_table("reports/test_predictions.parquet")
    scorer = Scorer.load(Path("models/credit_risk_pd"))
    expected = dict(zip(side["SK_ID_CURR"].to_pylist(), scorer.probabilities(side), strict=True))
    assert scored["SK_ID_CURR"].to_pylist() == sorted(expected)
    found = dict(zip(scored["SK_ID_CURR"].to_pylist(), scored["PD"].to_pylist(), strict=True))
    assert found == expected
    threshold = scorer.manifest.threshold.value
    assert scored["prediction"].to_pylist() == [int(pd >= threshold) for pd in found.values()]


def test_the_truth_is_compared_on_the_test_side_only(trained: Path) -> None:
    """The test report holds the attainable Gini, the train report no comparison at all."""
    evaluate.main(split=Side.TEST)
    evaluate.main(split=Side.TRAIN)
    truth = EvaluationReport.read(trained / REPORT).truth
    assert truth is not None
    assert truth.status == "measured"
    assert truth.share_of_attainable_gini is not None
    assert 0.5 < truth.share_of_attainable_gini < 1.1
    assert EvaluationReport.read(trained / "reports/metrics.json").truth is None


def test_the_train_side_has_paths_of_its_own(trained: Path) -> None:
    """The train report and its plots stand beside those of the test side, without predictions."""
    evaluate.main(split=Side.TRAIN)
    report = EvaluationReport.read(trained / "reports/metrics.json")
    assert report.split == "train"
    assert report.rows == pq.read_metadata("data/splits/train.parquet").num_rows
    assert {path.stem for path in (trained / "reports/evaluation").glob("*.png")} == PICTURES
    assert not (trained / "reports/test_predictions.parquet").exists()
    assert "train_ks" in run_of(trained / "models/credit_risk_pd").data.metrics


def test_an_empty_truth_is_not_measured(trained: Path, rewrite: Rewrite) -> None:
    """Real data: the file is there and empty, the report says so."""
    rewrite(trained / "data/truth/application_train.parquet", lambda table: table.slice(0, 0))
    evaluate.main(split=Side.TEST)
    truth = EvaluationReport.read(trained / REPORT).truth
    assert truth is not None
    assert (truth.status, truth.attainable_gini) == ("not measured", None)


def test_a_truth_that_misses_applicants_is_refused(trained: Path, rewrite: Rewrite) -> None:
    """True PDs of another portfolio are not compared, and no report is written."""
    rewrite(trained / "data/truth/application_train.parquet", lambda table: table.slice(0, 100))
    with pytest.raises(IncompleteTruth):
        evaluate.main(split=Side.TEST)
    assert not (trained / REPORT).exists()


def test_two_runs_write_the_same_bytes(trained: Path) -> None:
    """Everything that DVC tracks is a function of the inputs, at any number of threads."""

    def written() -> dict[str, str]:
        evaluate.main(split=Side.TEST)
        files = [*Path("reports").glob("test_*"), *Path("reports/test_evaluation").iterdir()]
        return {str(path): sha256_of(path) for path in files if path.is_file()}

    first = written()
    params = trained / "params.yaml"
    params.write_text(params.read_text() + "resources: {threads: 1}\n")
    assert written() == first
    assert len(first) == 2 + 2 * len(PICTURES)


def test_every_path_is_a_flag(trained: Path, tmp_path: Path) -> None:
    """Outside DVC the stage reads and writes what it is told."""
    (trained / "models/credit_risk_pd").rename(trained / "bundle")
    evaluate.main(
        split=Side.TEST,
        splits=Path("data/splits"),
        truth=Path("data/truth/application_train.parquet"),
        bundle=Path("bundle"),
        metrics=tmp_path / "metrics.json",
        plots=tmp_path / "plots",
        predictions=tmp_path / "scored.parquet",
        params=Path("params.yaml"),
    )
    assert EvaluationReport.read(tmp_path / "metrics.json").split == "test"
    assert (tmp_path / "scored.parquet").exists()
    assert not (trained / REPORT).exists()
    assert not (trained / "reports/test_evaluation").exists()


def test_a_changed_bundle_is_not_evaluated(trained: Path) -> None:
    """One changed byte in the booster refuses before anything is scored."""
    booster = trained / "models/credit_risk_pd/booster.txt"
    booster.write_text(booster.read_text().replace("tree", "tre3", 1))
    with pytest.raises(ChangedBundleFile):
        evaluate.main(split=Side.TEST)


def test_a_missing_side_is_named(trained: Path) -> None:
    """The refusal names the file and the stage that writes it."""
    (trained / "data/splits/test.parquet").unlink()
    with pytest.raises(MissingFile, match=r"test\.parquet .* Run split_data"):
        evaluate.main(split=Side.TEST)


def test_one_outcome_is_refused(trained: Path, rewrite: Rewrite) -> None:
    """A side without defaults cannot be measured; the sentence says so."""

    def without_defaults(table: pa.Table) -> pa.Table:
        return table.filter(pa.array(np.array(table["TARGET"]) == 0))

    rewrite(trained / "data/splits/test.parquet", without_defaults)
    with pytest.raises(NotMeasurable, match="both outcomes must occur"):
        evaluate.main(split=Side.TEST)


def test_a_silent_tracking_server_costs_no_evidence(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage fails, but report, predictions and plots are written."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingUnavailable):
        evaluate.main(split=Side.TEST)
    assert (trained / REPORT).exists()
    assert (trained / "reports/test_evaluation/roc.png").exists()


def test_plot_data_are_tables_that_dvc_can_draw(trained: Path) -> None:
    """Each CSV has a header and rows of numbers or names."""
    evaluate.main(split=Side.TEST)
    for path in (trained / "reports/test_evaluation").glob("*.csv"):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert rows
        assert all(cell not in {"", "nan", "inf"} for row in rows for cell in row.values())
