from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from creditrisk.core.errors import CreditRiskError, MissingFile, UnreadableReport
from creditrisk.core.settings import EvaluateSettings
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.hold_out import HoldOutUnproven
from creditrisk.mlops.registry import CandidateRefused, RegistryPromotion, UnknownMetric
from creditrisk.mlops.store import connect
from creditrisk.mlops.versions import standing
from creditrisk.pipelines import register_candidate
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.evaluation import EvaluationReport, evaluate
from creditrisk.testing.post_training import PostTrainingValidation
from creditrisk.testing.scored_split import read_split, score_split

METRICS = Path("reports/test_metrics.json")
PROMOTION = Path("reports/registry_promotion.json")
VALIDATION = Path("reports/post_training_validation.json")

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture
def evaluated(trained: Path) -> Path:
    """A trained project with its test metrics."""
    bundle = Bundle.load(Path("models/credit_risk_pd"))
    side = Path("data/splits/test.parquet")
    table = read_split(side, [feature.name for feature in bundle.manifest.features])
    scored = score_split(side, table, Scorer.load(bundle.folder))
    evaluate(
        "test",
        scored,
        bundle_sha256=bundle.sha256,
        threshold=bundle.manifest.threshold.value,
        settings=EvaluateSettings(),
    ).write(METRICS)
    return trained


def set_registry(folder: Path, **changes: Any) -> None:
    """Change the registry's settings."""
    path = folder / "params.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["registry"] = {**settings["registry"], **changes}
    path.write_text(yaml.safe_dump(settings))


def edit_metrics(**changes: Any) -> None:
    """Change fields of the test metrics."""
    METRICS.write_text(json.dumps({**json.loads(METRICS.read_text()), **changes}))


def versions(name: str) -> list[Any]:
    """All versions of a model."""
    client = connect().MlflowClient()
    return list(client.search_model_versions(f"name = '{name}'"))


def test_a_good_model_becomes_the_candidate(
    evaluated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its version, run and metric stand in the report, and the test metrics in its run."""
    set_registry(evaluated, model_name="Good")
    register_candidate.main()
    promotion = RegistryPromotion.read(PROMOTION)
    report = EvaluationReport.read(METRICS)
    assert (promotion.decision, promotion.alias, promotion.version) == (
        "registered",
        "candidate",
        "1",
    )
    assert (promotion.value, promotion.bar) == (report.roc_auc, 0.6)
    assert promotion.bundle_sha256 == report.bundle_sha256
    run = connect().MlflowClient().get_run(promotion.run_id)
    assert run.data.metrics["test_roc_auc"] == report.roc_auc
    assert "Good version 1 (candidate): registered" in capsys.readouterr().out


def test_running_again_registers_nothing_new(evaluated: Path) -> None:
    """The stage always runs; the second time it finds the version."""
    set_registry(evaluated, model_name="Again")
    register_candidate.main()
    register_candidate.main()
    assert RegistryPromotion.read(PROMOTION).decision == "already registered"
    assert len(versions("Again")) == 1


def refused(expected: type[CreditRiskError], match: str, name: str) -> RegistryPromotion:
    """The report of a run that refuses; nothing is registered."""
    with pytest.raises(expected, match=match):
        register_candidate.main()
    assert versions(name) == []
    promotion = RegistryPromotion.read(PROMOTION)
    assert promotion.decision == "refused"
    assert (promotion.version, promotion.alias) == (None, None)
    return promotion


def test_a_model_below_the_bar_is_refused(evaluated: Path) -> None:
    """Exit code 1, nothing registered, and the report says by how much."""
    set_registry(evaluated, model_name="Below", promote_min_value=0.999)
    promotion = refused(CandidateRefused, r"is below 0\.999", "Below")
    assert "promote_min_value" in promotion.reason
    assert promotion.bar == 0.999


def test_an_unknown_metric_names_the_known_ones(evaluated: Path) -> None:
    """Misuse: exit code 2."""
    set_registry(evaluated, model_name="Unknown", promote_on_metric="auc")
    promotion = refused(UnknownMetric, "one of roc_auc, gini", "Unknown")
    assert promotion.metric == "auc"


def test_metrics_of_another_bundle_are_refused(evaluated: Path) -> None:
    """Evidence about yesterday's model does not let in today's."""
    set_registry(evaluated, model_name="Stale")
    edit_metrics(bundle_sha256="e" * 64)
    refused(CandidateRefused, "of bundle eeeeeeeeeeee", "Stale")


def test_train_metrics_are_refused(evaluated: Path) -> None:
    """A model is not judged on what it was trained on."""
    set_registry(evaluated, model_name="Trained")
    edit_metrics(split="train")
    refused(CandidateRefused, "the train side", "Trained")


def test_an_unmeasured_metric_is_refused(evaluated: Path) -> None:
    """Without a truth there is no share of the attainable Gini to reach a bar."""
    set_registry(evaluated, model_name="Unmeasured", promote_on_metric="share_of_attainable_gini")
    refused(CandidateRefused, "share_of_attainable_gini was not measured", "Unmeasured")


def test_missing_metrics_are_refused(evaluated: Path) -> None:
    """No evidence, no candidate."""
    set_registry(evaluated, model_name="Missing")
    METRICS.unlink()
    refused(MissingFile, r"test_metrics\.json", "Missing")


def test_unreadable_metrics_are_refused(evaluated: Path) -> None:
    """Half a report is no evidence."""
    set_registry(evaluated, model_name="Half")
    METRICS.write_text(METRICS.read_text()[:200])
    refused(UnreadableReport, "EvaluationReport", "Half")


def test_a_changed_bundle_is_refused(evaluated: Path) -> None:
    """A bundle that is not what was sealed is not registered, and its hash is not claimed."""
    set_registry(evaluated, model_name="Changed")
    (evaluated / "models/credit_risk_pd/encoding.json").write_text("{}")
    assert refused(BundleRefused, r"encoding\.json", "Changed").bundle_sha256 is None


def test_a_refusal_replaces_an_earlier_registration(evaluated: Path) -> None:
    """The report never tells of a version that the current evidence does not support."""
    set_registry(evaluated, model_name="Replaced")
    register_candidate.main()
    set_registry(evaluated, promote_min_value=0.999)
    with pytest.raises(CandidateRefused):
        register_candidate.main()
    assert RegistryPromotion.read(PROMOTION).decision == "refused"


def test_a_split_that_is_not_the_model_s_own_is_refused(evaluated: Path) -> None:
    """Which applicants the model never saw must be shown, or no later model can be compared."""
    set_registry(evaluated, model_name="Unproven")
    (evaluated / "data/splits/train.parquet").write_bytes(b"another")
    refused(HoldOutUnproven, "is not the file that it was trained on", "Unproven")


def write_validation(bundle_sha256: str, decision: Literal["passed", "refused"] = "passed") -> None:
    """A validation of that bundle."""
    PostTrainingValidation(
        bundle_sha256=bundle_sha256,
        decision=decision,
        refused_by=(),
        settings={},
        checks=(),
    ).write(VALIDATION)


def test_a_validated_model_becomes_the_challenger(evaluated: Path) -> None:
    """Its validation passed for this very bundle."""
    set_registry(evaluated, model_name="Validated")
    write_validation(EvaluationReport.read(METRICS).bundle_sha256)
    register_candidate.main()
    promotion = RegistryPromotion.read(PROMOTION)
    assert (promotion.alias, promotion.validated) == ("challenger", True)
    (found,) = standing("Validated").versions
    assert (found.aliases, found.evidence) == (("candidate", "challenger"), "validated")


@pytest.mark.parametrize("reason", ["refused", "of another bundle"])
def test_a_model_that_is_not_validated_stays_a_candidate(evaluated: Path, reason: str) -> None:
    """Neither a refused validation nor one of another bundle is its own."""
    set_registry(evaluated, model_name=f"Not validated: {reason}".replace(":", ""))
    sha256 = EvaluationReport.read(METRICS).bundle_sha256
    if reason == "refused":
        write_validation(sha256, "refused")
    else:
        write_validation("e" * 64)
    register_candidate.main()
    promotion = RegistryPromotion.read(PROMOTION)
    assert (promotion.alias, promotion.validated) == ("candidate", False)


def test_an_unreadable_validation_is_refused(evaluated: Path) -> None:
    """Nobody knows what it said."""
    set_registry(evaluated, model_name="Unreadable validation")
    VALIDATION.write_text("{}")
    with pytest.raises(UnreadableReport, match="PostTrainingValidation"):
        register_candidate.main()
    assert RegistryPromotion.read(PROMOTION).decision == "refused"


def test_a_receipt_says_that_the_bundle_was_dealt_with(evaluated: Path) -> None:
    """It stands after a registration; a refusal leaves none."""
    receipt = evaluated / "reports/receipts/register_candidate.txt"
    set_registry(evaluated, model_name="Receipt", promote_min_value=0.999)
    with pytest.raises(CandidateRefused):
        register_candidate.main()
    assert not receipt.exists()
    set_registry(evaluated, promote_min_value=0.6)
    register_candidate.main()
    assert receipt.read_text() == RegistryPromotion.read(PROMOTION).bundle_sha256 + "\n"


def test_every_path_is_a_flag(evaluated: Path, tmp_path: Path) -> None:
    """Outside DVC the stage reads and writes what it is told."""
    set_registry(evaluated, model_name="Flags")
    (evaluated / "models/credit_risk_pd").rename(evaluated / "bundle")
    METRICS.rename(evaluated / "measured.json")
    (evaluated / "data/splits").rename(evaluated / "sides")
    register_candidate.main(
        bundle=Path("bundle"),
        metrics=Path("measured.json"),
        splits=Path("sides"),
        receipt=tmp_path / "receipt.txt",
        out=tmp_path / "promotion.json",
        params=Path("params.yaml"),
    )
    assert RegistryPromotion.read(tmp_path / "promotion.json").decision == "registered"
