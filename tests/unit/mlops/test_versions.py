from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from simulated_lending import sealed

from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops import aliases, registry, tracking, versions
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle
from creditrisk.mlops.store import connect
from creditrisk.mlops.versions import NoChampion, RegisteredBundleUnavailable

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


@pytest.fixture(autouse=True)
def store_in_use(shared_store: Path) -> None:
    """A registry that the tests of this package share."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture
def own_bundle(bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle whose run the test may change: the same model with another snapshot."""
    folder = tmp_path / "own"
    shutil.copytree(bundle.folder, folder)
    snapshot = bundle.manifest.snapshot.model_copy(update={"feature_store": str(tmp_path)})
    bundle.manifest.model_copy(update={"snapshot": snapshot}).write(folder / "manifest.json")
    return Bundle.load(folder)


def champion(bundle: Bundle, name: str) -> versions.RegisteredVersion:
    """The bundle as the champion of a model of that name."""
    measured = MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75})
    settings = RegistrySettings(model_name=name)
    rule = HoldOut(seed=7, test_share=0.2)
    registry.register(bundle, tracking.ensure_run(bundle), measured, rule, settings)
    now = aliases.promote(name, "1", bundle_sha256=bundle.sha256, expected_champion=None)
    assert now.champion is not None
    return now.champion


def stored(version: versions.RegisteredVersion) -> Path:
    """Where the store keeps the version's bundle."""
    run: Any = connect().MlflowClient().get_run(version.run_id)
    return Path(run.info.artifact_uri.removeprefix("file://")) / "bundle"


def test_an_unknown_model_has_no_versions() -> None:
    """Before the first registration there is nothing, and that is no error."""
    assert versions.versions("Nobody") == ()
    assert versions.by_alias("Nobody", "champion") is None
    assert versions.version_of("Nobody", "1" * 64) is None


def test_a_version_is_found_by_bundle_and_by_alias(bundle: Bundle) -> None:
    """Both ways lead to one record, with run, bundle and all aliases."""
    found = champion(bundle, "Found")
    assert versions.version_of("Found", bundle.sha256) == found
    assert versions.by_alias("Found", "candidate") == found
    assert found.aliases == ("candidate", "champion")
    assert found.run_id == tracking.ensure_run(bundle)
    assert (found.evidence, found.predecessor, found.rolled_back) == ("promoted", None, False)


def test_the_champion_s_bundle_comes_out_of_its_run(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the bundle that was registered, file by file; no bar of MLflow's is drawn."""
    registered = champion(bundle, "Fetched")
    found, fetched = versions.champion_bundle("Fetched", tmp_path / "champion")
    assert found == registered
    assert fetched.folder == tmp_path / "champion"
    assert (fetched.sha256, fetched.contents) == (bundle.sha256, bundle.contents)
    assert "Downloading" not in capsys.readouterr().err


def test_without_a_champion_there_is_no_bundle(tmp_path: Path) -> None:
    """The refusal names the model."""
    with pytest.raises(NoChampion, match="Nobody has no champion"):
        versions.champion_bundle("Nobody", tmp_path / "champion")


def test_a_changed_file_in_the_store_is_refused(own_bundle: Bundle, tmp_path: Path) -> None:
    """Nothing of it is left for anyone to read."""
    (stored(champion(own_bundle, "Changed")) / "encoding.json").write_text("{}")
    with pytest.raises(RegisteredBundleUnavailable, match=r"SHA-256 of encoding\.json"):
        versions.champion_bundle("Changed", tmp_path / "champion")
    assert not (tmp_path / "champion").exists()


def test_a_swapped_bundle_in_the_store_is_refused(
    own_bundle: Bundle, bundle: Bundle, tmp_path: Path
) -> None:
    """A sound bundle that is not the registered one is as bad as a broken one."""
    folder = stored(champion(own_bundle, "Swapped"))
    shutil.rmtree(folder)
    shutil.copytree(bundle.folder, folder)
    with pytest.raises(RegisteredBundleUnavailable, match="registered with"):
        versions.champion_bundle("Swapped", tmp_path / "champion")


def test_a_bundle_that_is_gone_is_refused(own_bundle: Bundle, tmp_path: Path) -> None:
    """The run still is there, its artifact is not."""
    shutil.rmtree(stored(champion(own_bundle, "Gone")))
    with pytest.raises(RegisteredBundleUnavailable, match="has no artifact 'bundle'"):
        versions.champion_bundle("Gone", tmp_path / "champion")


def test_a_silent_registry_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What MLflow refuses reaches the reader as a refusal of ours."""
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingUnavailable, match="cannot be used"):
        versions.standing("CreditRiskPD")
