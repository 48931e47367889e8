from __future__ import annotations

from pathlib import Path

import pytest
from registered import BUNDLE, promote, register, retrain

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.deployment import DeployManifest, NotTheChampion
from creditrisk.mlops.errors import BundleRefused, TrackingUnavailable
from creditrisk.mlops.served import load_served, read_served
from creditrisk.mlops.versions import NoChampion
from creditrisk.pipelines import deploy_manifest

MANIFEST = Path("reports/deploy_manifest.json")
RECEIPT = Path("reports/receipts/deploy_manifest.txt")

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(autouse=True)
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's machine, wherever the tests run."""
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)


def refused(expected: type[CreditRiskError], match: str) -> None:
    """A run that refuses leaves neither manifest nor receipt, of an earlier run either."""
    with pytest.raises(expected, match=match) as refusal:
        deploy_manifest.main()
    assert refusal.value.exit_code == 1
    assert not MANIFEST.exists()
    assert not RECEIPT.exists()


def test_the_champion_has_a_manifest(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the version, says what is missing, and lets the API on this machine serve it."""
    promote("Deployed")
    deploy_manifest.main()
    manifest = DeployManifest.read(MANIFEST)
    assert (manifest.champion.version, manifest.rollback) == ("1", None)
    assert manifest.bundle.path == "models/credit_risk_pd"
    assert (trained / manifest.bundle.path / "manifest.json").exists()
    assert RECEIPT.read_text() == manifest.bundle.sha256 + "\n"
    served = read_served(Path("models/served"))
    assert (served.version, served.bundle_sha256) == ("1", manifest.bundle.sha256)
    assert load_served(Path("models/served"), served).contents == Bundle.load(BUNDLE).contents
    assert "absent: Dockerfile.api" in capsys.readouterr().out


@pytest.mark.usefixtures("trained")
def test_the_next_champion_s_manifest_leads_back() -> None:
    """Its rollback is the version that it replaced."""
    promote("Next")
    retrain()
    promote("Next", "1")
    deploy_manifest.main()
    manifest = DeployManifest.read(MANIFEST)
    assert manifest.champion.version == "2"
    assert manifest.rollback
    assert manifest.rollback.version == "1"


@pytest.mark.usefixtures("trained")
def test_a_bundle_that_is_not_promoted_has_none() -> None:
    """Nor does the manifest of the champion before stay in its place."""
    register("Unpromoted")
    refused(NoChampion, "no champion")
    promote("Unpromoted")
    deploy_manifest.main()
    retrain()
    register("Unpromoted")
    refused(NotTheChampion, "It is version 2, the champion is version 1")
    assert read_served(Path("models/served")).version == "1"


def test_a_changed_bundle_has_none(trained: Path) -> None:
    """The bundle in the folder must be what was sealed."""
    promote("Changed deployment")
    (trained / BUNDLE / "calibration.json").write_text("{}")
    refused(BundleRefused, r"calibration\.json")


@pytest.mark.usefixtures("trained")
def test_a_silent_registry_gives_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who the champion is must be known."""
    promote("Silent deployment")
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    refused(TrackingUnavailable, "cannot be used")


def test_every_path_is_a_flag(trained: Path, tmp_path: Path) -> None:
    """Outside DVC the stage reads and writes what it is told."""
    promote("Deployment flags")
    (trained / BUNDLE).rename(trained / "bundle")
    (tmp_path / "Dockerfile.api").write_text("FROM scratch\n")
    deploy_manifest.main(
        bundle=Path("bundle"),
        root=tmp_path,
        out=tmp_path / "manifest.json",
        served=tmp_path / "served",
        receipt=tmp_path / "receipt.txt",
        params=Path("params.yaml"),
    )
    manifest = DeployManifest.read(tmp_path / "manifest.json")
    assert "Dockerfile.api" not in manifest.absent
    assert (tmp_path / "receipt.txt").exists()
    assert (tmp_path / "served/champion.json").exists()
    assert not Path("models/served").exists()
