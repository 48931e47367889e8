from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from simulated_lending import FEATURES, SNAPSHOT, sealed, settings, tables, unseen

from creditrisk.core.settings import CanarySettings, PolicySettings, RegistrySettings
from creditrisk.mlops import aliases, registry, tracking
from creditrisk.mlops.bundle import Bundle, seal
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle
from creditrisk.mlops.store import connect
from creditrisk.mlops.versions import NotRegistered, RegisteredBundleUnavailable, version_of
from creditrisk.models.training import train
from creditrisk.testing.canary import (
    CanaryRefused,
    CanaryReport,
    CanarySubject,
    NotOnTrial,
    refusal,
    run_canary,
)
from creditrisk.testing.reference_set import UnusableReferenceSet

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

EVERYBODY = HoldOut(seed=7, test_share=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a test side and a registry of its own, on no CI runner."""
    place = tmp_path_factory.mktemp("canary")
    parquet.write_table(unseen().drop(["TRUE_PD"]), place / "test.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
        for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI"):
            patch.delenv(name, raising=False)
        yield place


@pytest.fixture(scope="module")
def champion(folder: Path) -> Bundle:
    """The model in production."""
    return sealed(folder / "champion")


@pytest.fixture(scope="module")
def equal(folder: Path) -> Bundle:
    """Another model of about the same quality."""
    return sealed(folder / "equal", "logistic")


@pytest.fixture(scope="module")
def worse(folder: Path) -> Bundle:
    """A model without the best feature."""
    fitted = train(tables(), FEATURES[1:], settings(), threads=1)
    return seal(fitted, tables(), SNAPSHOT, folder / "worse" / "credit_risk_pd")


def register(bundle: Bundle, name: str, rule: HoldOut = EVERYBODY) -> str:
    """The bundle's version under that name."""
    promotion = registry.register(
        bundle,
        tracking.ensure_run(bundle),
        MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75}),
        rule,
        RegistrySettings(model_name=name),
    )
    assert promotion.version
    return promotion.version


def production(bundle: Bundle, name: str, rule: HoldOut = EVERYBODY) -> None:
    """A registry of that name with this bundle as the champion."""
    version = register(bundle, name, rule)
    aliases.promote(name, version, bundle_sha256=bundle.sha256, expected_champion=None)


def subject(bundle: Bundle, name: str, folder: Path, **bars: Any) -> CanarySubject:
    """What the canary compares."""
    canary, policy = CanarySettings(**bars), PolicySettings()
    return CanarySubject(name, bundle.folder, folder / "test.parquet", canary, policy)


def test_a_candidate_as_good_as_the_champion_passes(
    folder: Path, champion: Bundle, equal: Bundle
) -> None:
    """The report names both versions, runs and bundles, the rows, and every check."""
    production(champion, "Equal")
    register(equal, "Equal")
    report = run_canary(subject(equal, "Equal", folder))
    assert (report.decision, report.lets_through) == ("passed", True)
    assert report.candidate
    assert report.champion
    assert (report.candidate.version, report.champion.version) == ("2", "1")
    assert report.champion.bundle_sha256 == champion.sha256
    assert report.bundle_sha256 == report.candidate.bundle_sha256 == equal.sha256
    assert report.reference
    assert report.reference.rows == 20_000
    assert {check.status for check in report.checks} == {"passed"}
    assert len(report.evidence) == 2


def test_both_models_score_the_same_rows(folder: Path, champion: Bundle, equal: Bundle) -> None:
    """Each with its own features; the numbers are those of its own PDs."""
    production(champion, "Same rows")
    register(equal, "Same rows")
    report = run_canary(subject(equal, "Same rows", folder))
    rows = parquet.read_table(folder / "test.parquet")
    values = report.check("mean_pd_change").values
    for role, bundle in (("candidate", equal), ("champion", champion)):
        expected = bundle.serving_form().probabilities(rows).mean()
        assert values[role] == pytest.approx(float(expected), abs=1e-9)


def test_a_worse_candidate_is_refused(folder: Path, champion: Bundle, worse: Bundle) -> None:
    """The refusal names each check that stands in the way."""
    production(champion, "Worse")
    register(worse, "Worse")
    report = run_canary(subject(worse, "Worse", folder))
    assert (report.decision, report.lets_through) == ("refused", False)
    assert "auc_not_worse" in report.reason
    refused = CanaryRefused(report, folder / "canary_report.json")
    assert "failed       auc_not_worse" in str(refused)
    assert "See " in str(refused)


@pytest.mark.parametrize(("rule", "lets_through"), [("pass", True), ("refuse", False)])
def test_the_first_model_follows_an_explicit_rule(
    folder: Path, champion: Bundle, rule: str, *, lets_through: bool
) -> None:
    """Without a champion nothing is measured, and the report says which rule decided."""
    name = f"First {rule}"
    register(champion, name)
    report = run_canary(subject(champion, name, folder, without_champion=rule))
    assert (report.decision, report.lets_through) == ("no champion", lets_through)
    assert f"canary.without_champion is '{rule}'" in report.reason
    assert (report.champion, report.checks) == (None, ())


def test_the_champion_is_not_compared_with_itself(folder: Path, champion: Bundle) -> None:
    """A pipeline that runs again after the promotion has nothing to decide."""
    production(champion, "Again")
    report = run_canary(subject(champion, "Again", folder))
    assert (report.decision, report.lets_through) == ("already champion", True)
    assert report.candidate == report.champion


def test_an_unregistered_bundle_is_refused(folder: Path, champion: Bundle, equal: Bundle) -> None:
    """Only a registered candidate may be compared."""
    production(champion, "Unregistered")
    with pytest.raises(NotRegistered, match="Run register_candidate"):
        run_canary(subject(equal, "Unregistered", folder))


def test_a_former_candidate_is_refused(folder: Path, champion: Bundle, equal: Bundle) -> None:
    """A version that another has replaced as the candidate is not on trial."""
    register(champion, "Former")
    register(equal, "Former")
    with pytest.raises(NotOnTrial, match="another version is the candidate"):
        run_canary(subject(champion, "Former", folder))


def test_a_champion_of_unknown_training_rows_is_refused(
    folder: Path, champion: Bundle, equal: Bundle
) -> None:
    """A version that does not say whom it was trained on cannot be compared fairly."""
    production(champion, "Unknown")
    register(equal, "Unknown")
    connect().MlflowClient().delete_model_version_tag("Unknown", "1", "hold_out")
    with pytest.raises(UnusableReferenceSet, match="the champion was not trained on"):
        run_canary(subject(equal, "Unknown", folder))


def test_a_champion_of_another_seed_is_compared_where_it_can_be(
    folder: Path, champion: Bundle, equal: Bundle
) -> None:
    """Only on applicants outside its own training; too few of them refuse."""
    production(champion, "Seed", HoldOut(seed=8, test_share=0.01))
    register(equal, "Seed")
    report = run_canary(subject(equal, "Seed", folder))
    assert report.reference
    assert 100 < report.reference.rows < 300
    assert report.check("reference_rows").refuses
    assert report.decision == "refused"


def own_copy(bundle: Bundle, folder: Path) -> Bundle:
    """The same model with another snapshot, so that it has a run of its own."""
    shutil.copytree(bundle.folder, folder)
    snapshot = bundle.manifest.snapshot.model_copy(update={"feature_store": str(folder)})
    bundle.manifest.model_copy(update={"snapshot": snapshot}).write(folder / "manifest.json")
    return Bundle.load(folder)


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_a_champion_that_cannot_be_vouched_for_refuses(
    folder: Path, champion: Bundle, equal: Bundle, damage: str
) -> None:
    """Whether its bundle is gone from the store or is not what was registered."""
    name = f"Champion {damage}"
    production(own_copy(champion, folder / damage), name)
    register(equal, name)
    found = version_of(name, Bundle.load(folder / damage).sha256)
    assert found
    run: Any = connect().MlflowClient().get_run(found.run_id)
    stored = Path(run.info.artifact_uri.removeprefix("file://")) / "bundle"
    if damage == "removed":
        shutil.rmtree(stored)
    else:
        (stored / "calibration.json").write_text("{}")
    with pytest.raises(RegisteredBundleUnavailable):
        run_canary(subject(equal, name, folder))


def test_a_changed_candidate_is_refused(folder: Path, champion: Bundle, tmp_path: Path) -> None:
    """The bundle in the working folder must be what was sealed."""
    copy = own_copy(champion, tmp_path / "copy")
    (copy.folder / "calibration.json").write_text("{}")
    with pytest.raises(BundleRefused, match=r"calibration\.json"):
        run_canary(subject(copy, "Changed", folder))


def test_a_refusal_without_comparison_is_a_report(
    folder: Path, champion: Bundle, tmp_path: Path
) -> None:
    """It says why nothing was compared, and lets nothing through."""
    of = replace(subject(champion, "Report", folder))
    for error, reason in (
        (NotRegistered("Report", "it"), "is not registered"),
        (OSError("x"), "x"),
    ):
        report = refusal(of, error)
        report.write(tmp_path / "canary_report.json")
        assert CanaryReport.read(tmp_path / "canary_report.json") == report
        assert (report.decision, report.lets_through) == ("refused", False)
        assert reason in report.reason


def test_a_comparison_survives_its_file(
    folder: Path, champion: Bundle, equal: Bundle, tmp_path: Path
) -> None:
    """Rules of both models, rows and checks are read back as they were written."""
    production(champion, "File")
    register(equal, "File")
    report = run_canary(subject(equal, "File", folder))
    report.write(tmp_path / "canary_report.json")
    assert CanaryReport.read(tmp_path / "canary_report.json") == report
