from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.settings import EvaluateSettings
from creditrisk.mlops import aliases
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.versions import NotRegistered, by_alias, standing
from creditrisk.pipelines import canary_validation, register_candidate
from creditrisk.scoring.scorer import Scorer
from creditrisk.testing.canary import CanaryRefused, CanaryReport
from creditrisk.testing.evaluation import evaluate
from creditrisk.testing.scored_split import read_split, score_split

BUNDLE = Path("models/credit_risk_pd")
METRICS = Path("reports/test_metrics.json")
REPORT = Path("reports/canary_report.json")
RECEIPT = Path("reports/receipts/canary_validation.txt")

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's machine, wherever the tests run."""
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def write_metrics() -> None:
    """The test metrics of the bundle that is there."""
    bundle, side = Bundle.load(BUNDLE), Path("data/splits/test.parquet")
    table = read_split(side, [feature.name for feature in bundle.manifest.features])
    evaluate(
        "test",
        score_split(side, table, Scorer.load(BUNDLE)),
        bundle_sha256=bundle.sha256,
        threshold=bundle.manifest.threshold.value,
        settings=EvaluateSettings(),
    ).write(METRICS)


def configure(folder: Path, name: str, **canary: Any) -> None:
    """Settings with a model name of the test's own."""
    path = folder / "params.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["registry"]["model_name"] = name
    settings["canary"] = canary
    path.write_text(yaml.safe_dump(settings))


@pytest.fixture
def registered(trained: Path, request: pytest.FixtureRequest) -> str:
    """The name of a model whose candidate is the trained bundle."""
    name = f"Canary {request.node.name}".replace("[", " ").replace("]", "")
    configure(trained, name)
    write_metrics()
    register_candidate.main()
    return name


def promote(name: str) -> None:
    """Make the candidate the champion."""
    candidate, champion = by_alias(name, "candidate"), by_alias(name, "champion")
    assert candidate
    aliases.promote(
        name,
        candidate.version,
        bundle_sha256=candidate.bundle_sha256,
        expected_champion=champion.version if champion else None,
    )


def retrain() -> None:
    """Another bundle of the same quality: the same model with another source hash."""
    manifest = Bundle.load(BUNDLE).manifest
    manifest.model_copy(update={"source_sha256": "9" * 64}).write(BUNDLE / "manifest.json")
    write_metrics()
    register_candidate.main()


def refused(expected: type[CreditRiskError], match: str) -> CanaryReport:
    """The report of a run that refuses; no later stage may start."""
    with pytest.raises(expected, match=match) as refusal:
        canary_validation.main()
    assert refusal.value.exit_code == 1
    assert not RECEIPT.exists()
    report = CanaryReport.read(REPORT)
    assert not report.lets_through
    return report


def test_the_first_model_passes_by_rule(
    registered: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was compared, so nothing more was earned."""
    canary_validation.main()
    assert CanaryReport.read(REPORT).decision == "no champion"
    assert "candidate version 1: no champion" in capsys.readouterr().out
    assert standing(registered).version("1").evidence == "registered"
    assert RECEIPT.read_text() == Bundle.load(BUNDLE).sha256 + "\n"


def test_the_first_model_can_be_refused_by_rule(registered: str, trained: Path) -> None:
    """The lender may want a person to decide on the first one."""
    configure(trained, registered, without_champion="refuse")
    assert refused(CanaryRefused, "without_champion is 'refuse'").decision == "no champion"


def test_a_challenger_beside_the_champion(registered: str) -> None:
    """A second model is compared with the promoted one, and has earned its grade."""
    promote(registered)
    retrain()
    canary_validation.main()
    report = CanaryReport.read(REPORT)
    assert report.decision == "passed"
    assert report.reference
    assert report.reference.left_out == {"candidate": 0, "champion": 0}
    assert [known.evidence for known in standing(registered).versions] == [
        "promoted",
        "canary passed",
    ]


def test_a_champion_runs_through(registered: str) -> None:
    """A pipeline that runs again after a promotion does not stop here."""
    promote(registered)
    canary_validation.main()
    assert CanaryReport.read(REPORT).decision == "already champion"
    assert RECEIPT.exists()


def test_a_failed_check_refuses(registered: str, trained: Path) -> None:
    """Report first, then exit 1; the version has earned nothing."""
    promote(registered)
    retrain()
    configure(trained, registered, min_outcomes=5_000)
    report = refused(CanaryRefused, "failed       reference_rows")
    assert report.check("reference_rows").refuses
    assert standing(registered).version("2").evidence == "registered"


def test_a_bundle_that_nobody_registered_is_refused(registered: str) -> None:
    """The report of an earlier run does not stay."""
    canary_validation.main()
    manifest = Bundle.load(BUNDLE).manifest
    manifest.model_copy(update={"source_sha256": "9" * 64}).write(BUNDLE / "manifest.json")
    assert registered
    assert refused(NotRegistered, "is not registered").candidate is None


def test_a_missing_test_side_refuses(registered: str) -> None:
    """No rows, no comparison."""
    promote(registered)
    retrain()
    Path("data/splits/test.parquet").unlink()
    assert "does not exist" in refused(MissingFile, r"test\.parquet").reason


def test_a_silent_registry_refuses(
    registered: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who the champion is must be known."""
    assert registered
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert "cannot be used" in refused(TrackingUnavailable, "cannot be used").reason


def test_an_unforeseen_error_refuses_too(registered: str) -> None:
    """Half a Parquet file is no error of ours; the report refuses all the same."""
    promote(registered)
    retrain()
    Path("data/splits/test.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(Exception, match="Parquet"):
        canary_validation.main()
    assert "Parquet" in CanaryReport.read(REPORT).reason


def test_every_path_is_a_flag(registered: str, trained: Path, tmp_path: Path) -> None:
    """Outside DVC the stage reads and writes what it is told."""
    assert registered
    shutil.move(BUNDLE, trained / "bundle")
    shutil.move("data/splits/test.parquet", trained / "side.parquet")
    canary_validation.main(
        bundle=Path("bundle"),
        test_side=Path("side.parquet"),
        out=tmp_path / "canary.json",
        receipt=tmp_path / "receipt.txt",
        params=Path("params.yaml"),
    )
    assert CanaryReport.read(tmp_path / "canary.json").lets_through
    assert (tmp_path / "receipt.txt").exists()
