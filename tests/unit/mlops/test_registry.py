from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulated_lending import sealed

from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops import registry, tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import (
    CandidateRefused,
    MeasuredBundle,
    RegistryPromotion,
    UnknownMetric,
    data_snapshot_sha256,
)
from creditrisk.mlops.store import connect
from creditrisk.mlops.versions import version_of

HOLD_OUT = HoldOut(seed=7, test_share=0.2)
KNOWN = ("roc_auc", "gini")

# MLflow's tables use a loader that SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with another model."""
    return sealed(tmp_path_factory.mktemp("other"), "logistic")


@pytest.fixture(autouse=True)
def store(shared_store: Path) -> None:
    """A registry that the tests of this package share."""


def settings(name: str = "CreditRiskPD", **changes: Any) -> RegistrySettings:
    """The registry's settings; each test has a model name of its own."""
    fields = {"model_name": name, "promote_on_metric": "roc_auc", "promote_min_value": 0.7}
    return RegistrySettings.model_validate({**fields, **changes})


def evidence(bundle: Bundle, **changes: Any) -> MeasuredBundle:
    """Test metrics of that bundle."""
    return replace(MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75}), **changes)


def registered(bundle: Bundle, run_id: str, name: str) -> RegistryPromotion:
    """The bundle's registration under that name."""
    return registry.register(bundle, run_id, evidence(bundle), HOLD_OUT, settings(name))


def version(name: str, alias: str = "candidate") -> Any:
    """The version behind an alias."""
    return connect().MlflowClient().get_model_version_by_alias(name, alias)


def versions(name: str) -> list[Any]:
    """All versions of a model."""
    return list(connect().MlflowClient().search_model_versions(f"name = '{name}'"))


@pytest.mark.parametrize("bar", [0.7, 0.75])
def test_a_value_at_or_above_the_bar_is_enough(bundle: Bundle, bar: float) -> None:
    """The bar is reached, not exceeded."""
    found = registry.judge(evidence(bundle), bundle, settings(promote_min_value=bar), KNOWN)
    assert found == 0.75


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": {"roc_auc": 0.6999}}, r"roc_auc 0\.6999 is below 0\.7 .*promote_min_value"),
        ({"metrics": {"gini": 0.9}}, "roc_auc was not measured"),
        ({"split": "train"}, "the train side, those of the test side are required"),
        ({"bundle_sha256": "f" * 64}, "the test metrics are of bundle ffffffffffff"),
    ],
    ids=["below", "unmeasured", "train side", "another bundle"],
)
def test_a_candidate_needs_evidence_about_itself(
    bundle: Bundle, changes: dict[str, Any], message: str
) -> None:
    """Too little, none, of other rows or of another model: each refuses with exit code 1."""
    with pytest.raises(CandidateRefused, match=message) as refusal:
        registry.judge(evidence(bundle, **changes), bundle, settings(), KNOWN)
    assert refusal.value.exit_code == 1


def test_an_unknown_metric_is_misuse(bundle: Bundle) -> None:
    """The refusal names the metrics that may be used, and exits with 2."""
    wanted = settings(promote_on_metric="accuracy")
    with pytest.raises(UnknownMetric, match=r"'accuracy'.*one of roc_auc, gini") as refusal:
        registry.judge(evidence(bundle), bundle, wanted, KNOWN)
    assert refusal.value.exit_code == 2


def test_a_registered_version_says_what_let_it_in(bundle: Bundle) -> None:
    """Alias, tags and description name the run, the bundle, the metric and the bar."""
    run_id = tracking.ensure_run(bundle)
    promotion = registered(bundle, run_id, "Documented")
    found = version("Documented")
    model = connect().MlflowClient().get_registered_model("Documented")
    assert "champion (in production)" in model.description
    assert promotion.decision == "registered"
    assert (promotion.run_id, promotion.version) == (run_id, str(found.version))
    assert found.run_id == run_id
    assert found.tags["bundle_sha256"] == bundle.sha256
    assert (found.tags["bar_metric"], found.tags["bar_value"]) == ("roc_auc", "0.7")
    assert found.tags["metric_roc_auc"] == "0.75"
    assert found.tags["evidence"] == "registered"
    assert found.tags["feature_set_sha256"] == bundle.manifest.feature_set_sha256
    assert found.tags["data_snapshot_sha256"] == data_snapshot_sha256(bundle.manifest.snapshot)
    assert found.tags["stage"] == "None"
    assert len(found.tags["git_commit"]) in {7, 40}
    assert "bar 0.7" in found.description


def test_a_version_knows_which_applicants_it_never_saw(bundle: Bundle) -> None:
    """The rule of its test side is registered with it and read back as it was."""
    registered(bundle, tracking.ensure_run(bundle), "Holding")
    found = version_of("Holding", bundle.sha256)
    assert found is not None
    assert found.hold_out == HOLD_OUT


def test_only_headline_metrics_become_tags(bundle: Bundle) -> None:
    """The run holds all metrics; the version shows those that a person decides by."""
    metrics = {"roc_auc": 0.75, "ks": 0.4, "brier_score": 0.07, "rows": 6_000}
    registry.register(
        bundle,
        tracking.ensure_run(bundle),
        evidence(bundle, metrics=metrics),
        HOLD_OUT,
        settings("Shown"),
    )
    shown = {name for name in version("Shown").tags if name.startswith("metric_")}
    assert shown == {"metric_roc_auc", "metric_ks", "metric_brier_score"}


def test_a_data_snapshot_is_its_raw_files(bundle: Bundle) -> None:
    """Its hash changes with a file's content and with a file's name, and with nothing else."""
    snapshot = bundle.manifest.snapshot
    hashes = {
        data_snapshot_sha256(snapshot.model_copy(update=changes))
        for changes in (
            {},
            {"catalogue": "0" * 64},
            {"raw": {"application_train.csv": "0" * 64}},
            {"raw": {"bureau.csv": "1" * 64}},
        )
    }
    assert len(hashes) == 3


def test_a_bundle_is_registered_once(bundle: Bundle) -> None:
    """The second call finds the version and says so."""
    run_id = tracking.ensure_run(bundle)
    first = registered(bundle, run_id, "Once")
    second = registered(bundle, run_id, "Once")
    assert (first.decision, second.decision) == ("registered", "already registered")
    assert first.version == second.version
    assert len(versions("Once")) == 1


def test_the_alias_follows_the_latest_candidate(bundle: Bundle, other_bundle: Bundle) -> None:
    """A new bundle takes the alias; going back to the old one moves it back, without a version."""
    for model in (bundle, other_bundle):
        registered(model, tracking.ensure_run(model), "Moving")
    assert version("Moving").tags["bundle_sha256"] == other_bundle.sha256
    registered(bundle, tracking.ensure_run(bundle), "Moving")
    assert version("Moving").tags["bundle_sha256"] == bundle.sha256
    assert len(versions("Moving")) == 2


def test_the_candidate_loads_and_predicts(bundle: Bundle) -> None:
    """`models:/NAME@candidate` is the bundle's pipeline."""
    import mlflow.sklearn
    from simulated_lending import ENCODING, unseen

    registered(bundle, tracking.ensure_run(bundle), "Loadable")
    connect()
    pipeline = mlflow.sklearn.load_model("models:/Loadable@candidate")
    rows = unseen().slice(0, 20)
    seen = pipeline.predict_proba(rows.select(ENCODING.names).to_pandas())[:, 1]
    assert seen.tolist() == bundle.serving_form().probabilities(rows).tolist()


def test_a_run_knows_its_metrics(bundle: Bundle) -> None:
    """Whether a run made anew still lacks the test metrics can be asked."""
    run_id = tracking.ensure_run(bundle)
    assert not registry.has_metric(run_id, "test_ks")
    tracking.log_metrics(run_id, {"ks": 0.4}, "test")
    assert registry.has_metric(run_id, "test_ks")


def test_a_run_that_is_gone_is_said_in_one_sentence(bundle: Bundle) -> None:
    """What MLflow refuses reaches the reader as a refusal of ours."""
    with pytest.raises(TrackingUnavailable, match="cannot be used"):
        registered(bundle, "0" * 32, "Orphan")


def test_a_run_without_a_model_is_refused(bundle: Bundle) -> None:
    """A run that logged no pipeline gives nothing to register."""
    client = connect().MlflowClient()
    run = client.create_run(tracking.open_experiment())
    with pytest.raises(CandidateRefused, match="holds no logged model"):
        registered(bundle, run.info.run_id, "Empty")


def test_the_report_survives_its_file(tmp_path: Path) -> None:
    """A refusal without run and version is a valid report too."""
    promotion = registry.RegistryPromotion(
        model_name="CreditRiskPD", decision="refused", reason="r", metric="roc_auc", bar=0.7
    )
    promotion.write(tmp_path / "registry_promotion.json")
    assert registry.RegistryPromotion.read(tmp_path / "registry_promotion.json") == promotion
