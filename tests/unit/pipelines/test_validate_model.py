"""The validation stage refuses broken evidence, each kind for its own reason."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.mlops import tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.store import connect
from creditrisk.models import estimators
from creditrisk.models.calibration import AffineCalibration
from creditrisk.pipelines import (
    evaluate,
    monitor_drift,
    record_lineage,
    train_creditrisk_pd,
    validate_model,
)
from creditrisk.pipelines.command import run
from creditrisk.pipelines.evaluate import Side
from creditrisk.testing.post_training import (
    PostTrainingValidation,
    UnknownChecks,
    ValidationRefused,
)

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

REPORT = Path("reports/post_training_validation.json")
BUNDLE = Path("models/credit_risk_pd")
TEST_SIDE = Path("data/splits/test.parquet")
PARAMS = """
fit_model: {max_trees: 40, early_stopping_rounds: 10, learning_rate: 0.1}
registry: {promote_min_value: 0.6}
validate_model:
  floors: {min_roc_auc: 0.6, min_ks: 0.1, min_brier_skill: 0.005, max_excess_ece: 0.04, max_auc_gap: 0.2}
  explanation: {cases: 40}
"""


def in_folder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Work in a project with a tracking store of its own."""
    patch.chdir(folder)
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")


def gather(*sides: Side) -> None:
    """Measure the sides, chain the checksums, compare train with test: what validation reads."""
    for side in sides:
        evaluate.main(split=side)
    record_lineage.main()
    monitor_drift.main()


@pytest.fixture(scope="module")
def finished_evidence(
    finished_training: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A project with everything that validation reads; only read it."""
    folder = tmp_path_factory.mktemp("evidence") / "project"
    shutil.copytree(finished_training, folder, ignore=shutil.ignore_patterns("mlruns"))
    (folder / "params.yaml").write_text(PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        in_folder(folder, patch)
        gather(Side.TRAIN, Side.TEST)
    return folder


@pytest.fixture(autouse=True)
def evidence(finished_evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the evidence to break."""
    folder = tmp_path / "project"
    shutil.copytree(finished_evidence, folder)
    in_folder(folder, monkeypatch)
    return folder


def refused() -> PostTrainingValidation:
    """The report of a validation that must be refused."""
    with pytest.raises(ValidationRefused):
        validate_model.main()
    return PostTrainingValidation.read(REPORT)


def statuses(report: PostTrainingValidation) -> dict[str, str]:
    """The status of each check."""
    return {check.id: check.status for check in report.checks}


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def set_settings(text: str) -> None:
    """Replace params.yaml."""
    Path("params.yaml").write_text(PARAMS + text)


def rewrite(path: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
    """Change a Parquet file in place."""
    pq.write_table(edit(pq.read_table(path)), path)


def test_sound_evidence_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """Every required check of an unfaulted model passes, each with what it saw and rests on."""
    validate_model.main()
    report = PostTrainingValidation.read(REPORT)
    assert report.decision == "passed"
    assert report.bundle_sha256 == Bundle.load(BUNDLE).sha256
    assert {check.status for check in report.checks if check.required} == {"passed"}
    assert all(check.observed and check.bar and check.source for check in report.checks)
    assert all(check.evidence and not check.reason for check in report.checks if check.required)
    assert "passed, " in capsys.readouterr().out


def test_two_validations_write_the_same_bytes(tmp_path: Path) -> None:
    """No run, time, host or folder is in the report, and threads change nothing."""
    validate_model.main()
    first = (REPORT).read_bytes()
    set_settings("resources: {threads: 1}\n")
    validate_model.main()
    assert (REPORT).read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert tracking.ensure_run(Bundle.load(BUNDLE)).encode() not in first


def test_a_store_without_the_run_gives_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that fetched the model writes what the one that trained it wrote."""
    validate_model.main()
    first = (REPORT).read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/empty.db")
    validate_model.main()
    assert (REPORT).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "unmeasured"),
    [
        ("test_metrics.json", {"test_metrics_reproduce", "run_metrics", "roc_auc", "ece"}),
        ("metrics.json", {"train_test_gap"}),
        ("data_lineage.json", {"lineage_complete", "artefact_hashes"}),
        ("drift_report.json", {"score_stability", "input_stability"}),
        ("ingestion_summary.json", {"lineage_complete"}),
        ("validation_summary.json", {"contracts_kept"}),
    ],
)
def test_a_deleted_report_is_refused(name: str, unmeasured: set[str]) -> None:
    """DELETED REPORT: what rests on it is not measured, and everything else is still attempted."""
    Path("reports", name).unlink()
    report = refused()
    found = statuses(report)
    assert {found[check] for check in unmeasured} == {"not measured"}
    assert found["golden_predictions"] == "passed"
    assert name in (report.check(min(unmeasured)).reason or "")


def test_a_stage_that_no_contract_checked_is_refused() -> None:
    """HALF A SUMMARY: a pass of the features alone is no pass of the split."""
    edit_json(Path("reports/validation_summary.json"), lambda report: report["stages"].pop())
    check = refused().check("contracts_kept")
    assert check.status == "failed"
    assert "split_data never checked" in (check.observed or "")


def test_an_unreadable_report_is_refused() -> None:
    """UNREADABLE REPORT: half a file is no evidence."""
    path = Path("reports/test_metrics.json")
    path.write_text(path.read_text()[:200])
    assert refused().check("roc_auc").status == "not measured"


def test_an_edited_metric_is_refused() -> None:
    """EDITED METRIC: neither a new measurement nor the MLflow run agrees with it."""
    edit_json(Path("reports/test_metrics.json"), lambda report: report.update(roc_auc=0.99))
    report = refused()
    assert report.refused_by == ("test_metrics_reproduce", "run_metrics")
    assert "not roc_auc" in (report.check("test_metrics_reproduce").reason or "")


def test_an_edited_interval_is_refused() -> None:
    """EDITED METRIC: the bound that the floor is judged by is measured anew too."""
    edit_json(
        Path("reports/test_metrics.json"),
        lambda report: report["intervals"]["roc_auc"].update(low=0.74),
    )
    assert "test_metrics_reproduce" in refused().refused_by


def test_a_swapped_bundle_is_refused() -> None:
    """SWAPPED BUNDLE: evidence about another model is not measured, whatever it says."""
    Path("params.yaml").write_text(PARAMS.replace("max_trees: 40", "max_trees: 30"))
    train_creditrisk_pd.main()
    report = refused()
    found = statuses(report)
    about_another = {"lineage_complete", "run_metrics", "roc_auc", "train_test_gap"}
    assert {found[check] for check in about_another} == {"not measured"}
    assert {found[check] for check in ("score_stability", "artefact_hashes")} == {"not measured"}
    assert found["bundle_sound"] == "passed"
    assert "is about bundle" in (report.check("roc_auc").reason or "")


def test_a_changed_bundle_is_refused() -> None:
    """SWAPPED BUNDLE: with one changed byte nothing about the model can be measured."""
    booster = BUNDLE / "booster.txt"
    booster.write_text(booster.read_text().replace("tree", "tre3", 1))
    report = refused()
    found = statuses(report)
    assert report.bundle_sha256 is None
    assert found.pop("bundle_sound") == "failed"
    assert found.pop("contracts_kept") == "passed"  # it is about the data alone
    assert set(found.values()) == {"not measured"}


def test_a_stale_lineage_is_refused() -> None:
    """STALE LINEAGE: the feature table was computed anew after the chain was recorded."""
    rewrite(Path("data/processed/feature_store.parquet"), lambda table: table.slice(1))
    report = refused()
    assert report.refused_by == ("artefact_hashes",)
    assert "not feature table" in (report.check("artefact_hashes").reason or "")


def test_an_edited_lineage_is_refused() -> None:
    """STALE LINEAGE: a link that was changed by hand breaks the chain's own hash."""
    edit_json(
        Path("reports/data_lineage.json"),
        lambda lineage: lineage["raw"]["application_train.csv"].update(rows=1),
    )
    report = refused()
    assert report.refused_by == ("lineage_complete",)
    assert "not chain" in (report.check("lineage_complete").reason or "")


def test_metrics_of_another_run_are_refused() -> None:
    """OTHER RUN'S METRICS: the run that carries this bundle's hash holds other values."""
    run_id = tracking.ensure_run(Bundle.load(BUNDLE))
    connect().MlflowClient().log_metric(run_id, "test_roc_auc", 0.5)
    report = refused()
    assert report.refused_by == ("run_metrics",)
    assert "not test_roc_auc" in (report.check("run_metrics").reason or "")


def test_the_newest_run_is_not_asked() -> None:
    """A later run of another model changes nothing: the run is found by the bundle's hash."""
    client = connect().MlflowClient()
    experiment = client.get_experiment_by_name("creditrisk-pd").experiment_id
    newest = client.create_run(experiment).info.run_id
    client.log_metric(newest, "test_roc_auc", 0.5)
    validate_model.main()
    assert PostTrainingValidation.read(REPORT).decision == "passed"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda client, run: client.set_tag(run, "feature_store_sha256", "0" * 64), "run_tags"),
        (lambda client, run: client.delete_tag(run, "split_train_sha256"), "run_tags"),
        (lambda client, run: client.log_param(run, "learning_speed", 1), "run_parameters"),
    ],
)
def test_a_run_that_tells_another_story_is_refused(
    change: Callable[[Any, str], object], check: str
) -> None:
    """OTHER RUN: tags and parameters of the run must be the bundle's."""
    change(connect().MlflowClient(), tracking.ensure_run(Bundle.load(BUNDLE)))
    assert refused().refused_by == (check,)


def test_a_silent_tracking_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that cannot be asked is not aligned; all other checks are measured."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    names = ("run_metrics", "run_parameters", "run_tags", "run_artifact")
    report = refused()
    assert report.refused_by == names
    assert {statuses(report)[name] for name in names} == {"not measured"}


def test_drifted_data_are_refused() -> None:
    """DRIFTED DATA: everything agrees, but the test side is not like the train side."""

    def shift(table: pa.Table) -> pa.Table:
        place = table.column_names.index("EXT_SOURCE_2")
        return table.set_column(place, "EXT_SOURCE_2", pa.nulls(table.num_rows, pa.float64()))

    rewrite(TEST_SIDE, shift)
    tracking.log_metrics(tracking.ensure_run(Bundle.load(BUNDLE)), {}, "test")
    gather(Side.TEST)
    report = refused()
    assert {"score_stability", "input_stability"} <= set(report.refused_by)
    assert "EXT_SOURCE_2" in (report.check("input_stability").reason or "")
    assert "artefact_hashes" not in report.refused_by


def test_a_drift_report_of_other_rows_is_refused() -> None:
    """DRIFTED DATA: a comparison of another sample says nothing of this test side."""
    monitor_drift.main(current=Path("data/splits/validation.parquet"))
    report = refused()
    assert report.refused_by == ("score_stability", "input_stability")
    assert "is about sample" in (report.check("score_stability").reason or "")


def test_a_miscalibrated_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """MISCALIBRATED MODEL: PDs of a third of the risk rank as well as true ones, and fail."""
    fit = estimators.fit_platt

    def too_low(*arguments: Any) -> AffineCalibration:
        fitted = fit(*arguments)
        return AffineCalibration(slope=fitted.slope, intercept=fitted.intercept - 1.1)

    monkeypatch.setattr(estimators, "fit_platt", too_low)
    train_creditrisk_pd.main()
    gather(Side.TRAIN, Side.TEST)
    report = refused()
    failed = {"grade_calibration", "observed_expected", "segment_calibration", "group_calibration"}
    assert failed | {"ece"} <= set(report.refused_by)
    found = statuses(report)
    assert {found[check] for check in failed} == {"failed"}
    assert found["roc_auc"] == found["lineage_complete"] == found["run_metrics"] == "passed"


def test_a_prohibited_feature_is_refused() -> None:
    """PROHIBITED FEATURE: a model trained under a laxer policy fails under this one."""
    set_settings("policy: {prohibited_inputs: {}}\n")
    train_creditrisk_pd.main()
    gather(Side.TRAIN, Side.TEST)
    set_settings("")
    report = refused()
    assert "prohibited_features" in report.refused_by
    assert "CODE_GENDER (reads CODE_GENDER)" in (report.check("prohibited_features").reason or "")
    proxies = report.check("proxy_strength").details
    assert proxies is not None
    assert "gender" in getattr(proxies, "inputs_themselves", ())


def test_a_missing_side_leaves_its_checks_unmeasured() -> None:
    """Without the test side no PD can be checked, and the refusal names the file."""
    TEST_SIDE.unlink()
    report = refused()
    assert report.check("grade_calibration").reason == f"{TEST_SIDE} does not exist"
    assert report.check("bundle_sound").status == "passed"


def test_an_error_inside_a_check_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of the validation itself refuses too; the other checks are attempted."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("nothing to divide")

    monkeypatch.setattr("creditrisk.testing.validation.grades.hosmer_lemeshow", broken)
    monkeypatch.setattr("creditrisk.testing.validation.grades.jeffreys_test", broken)
    report = refused()
    assert report.check("hosmer_lemeshow").status == "not measured"
    assert report.refused_by == ("grade_calibration",)
    assert report.check("grade_calibration").reason == "ZeroDivisionError: nothing to divide"


def test_an_informational_check_refuses_nothing() -> None:
    """A bar that cannot be met refuses where the check is required, else it is only shown."""
    bar = "  calibration: {hosmer_lemeshow_p: 1.0}\n"
    set_settings(bar)
    validate_model.main()
    shown = PostTrainingValidation.read(REPORT).check("hosmer_lemeshow")
    assert (shown.status, shown.required) == ("failed", False)
    set_settings(bar + "  informational: []\n")
    assert "hosmer_lemeshow" in refused().refused_by


@pytest.mark.parametrize("name", ["lineage_complete", "no_such_check"])
def test_what_must_be_required_cannot_be_made_informational(name: str) -> None:
    """A comparison of content is no matter of policy; an unknown name is misuse."""
    set_settings(f"  informational: [{name}]\n")
    with pytest.raises(UnknownChecks, match=name):
        validate_model.main()
    assert not REPORT.exists()


def test_a_refusal_exits_1_and_lists_what_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with code 1, one line a check, and where the report lies."""
    Path("reports/drift_report.json").unlink()
    monkeypatch.setattr(sys, "argv", ["validate-model"])
    with pytest.raises(SystemExit) as end:
        run(validate_model.main)
    shown = capsys.readouterr().err
    assert end.value.code == 1
    assert "2 required checks did not pass" in shown
    assert "not measured score_stability: reports/drift_report.json does not exist" in shown
    assert f"See {REPORT}" in shown
    assert REPORT.exists()


def test_thresholds_are_policy_and_never_law() -> None:
    """The report calls every chosen bar policy and holds the settings that were applied."""
    validate_model.main()
    report = PostTrainingValidation.read(REPORT)
    fairness = [check for check in report.checks if check.family == "fairness"]
    assert {check.basis for check in fairness} == {"policy"}
    assert report.settings["validate_model"]["fairness"]["min_adverse_impact_ratio"] == 0.8
    assert np.all([" law" not in check.bar for check in report.checks])
