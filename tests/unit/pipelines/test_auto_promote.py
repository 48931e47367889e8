"""Promotion and rollback through their commands: what refuses, what moves, what is recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promotable as given
import pytest
from simulated_lending import sealed

from creditrisk.core.settings import load_settings
from creditrisk.ledger import Ledger
from creditrisk.ledger.errors import LedgerUnavailable
from creditrisk.mlops import aliases
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.versions import by_alias
from creditrisk.pipelines import auto_promote, promote_model, rollback_model
from creditrisk.testing import promotion
from creditrisk.testing.post_training import PostTrainingValidation
from creditrisk.testing.promotion import (
    KIND,
    DecisionRecord,
    MissingApproval,
    RegistryTransition,
    TransitionRefused,
)

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")

A_PERSON = {"approved_by": "Ada", "reason": "the committee agreed"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """Two models."""
    folder = tmp_path_factory.mktemp("bundles")
    return sealed(folder / "first"), sealed(folder / "second", "logistic")


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store of these tests' own."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's folder on a person's machine, with a ledger of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI", "CREDITRISK_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("URL", "KEY", "ANCHOR"):
        monkeypatch.delenv(f"CREDITRISK_LEDGER_{name}", raising=False)
    yield tmp_path
    if Path("ledger").exists():
        with Ledger.open() as ledger:
            assert ledger.verify().is_whole


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model name of the test's own."""
    return "".join(letter if letter.isalnum() else " " for letter in request.node.name)[:60]


def steps() -> list[str]:
    """What the ledger says happened."""
    with Ledger.open() as ledger:
        return [DecisionRecord.of(entry).step for entry in ledger.entries(KIND)]


def champion(name: str) -> str | None:
    """The version in production."""
    known = by_alias(name, "champion")
    return known.version if known else None


def refused(command: Callable[[], None], *reasons: str) -> RegistryTransition:
    """The report of a refusal that names exactly these reasons, in order, and is recorded."""
    with pytest.raises(TransitionRefused) as refusal:
        command()
    assert refusal.value.exit_code == 1
    report = RegistryTransition.read(given.TRANSITION)
    assert report.decision == "refused"
    assert len(report.reasons) == len(reasons), report.reasons
    for reason, seen in zip(reasons, report.reasons, strict=True):
        assert reason in seen
        assert seen in str(refusal.value)
    assert steps()[-1] == "refused"
    return report


def someone_else_s_refusal(name: str) -> DecisionRecord:
    """What another process might record meanwhile."""
    nothing = dict.fromkeys(
        ("from_version", "to_version", "run_id", "bundle_sha256", "approved_by", "reason")
    )
    fields = {"action": "promotion", "step": "refused", "model_name": name, "evidence": {}}
    return DecisionRecord.model_validate({**fields, **nothing})


def by_person() -> None:
    """A person promotes."""
    promote_model.main(**A_PERSON)


def test_the_first_model_is_promoted(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """With all evidence the candidate becomes the champion, recorded before and after."""
    given.prepare(bundles[0], name)
    auto_promote.main()
    report = RegistryTransition.read(given.TRANSITION)
    assert (report.decision, report.from_version, report.to_version) == ("promoted", None, "1")
    assert report.bundle_sha256 == bundles[0].sha256
    assert report.evidence[given.VALIDATION.as_posix()]
    assert (report.ledger_sequence, steps()) == (2, ["intended", "promoted"])
    assert champion(name) == "1"
    assert given.RECEIPT.read_text().strip() == bundles[0].sha256


def test_a_challenger_replaces_the_champion(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """The champion before becomes the previous one."""
    for bundle in bundles:
        given.prepare(bundle, name)
        auto_promote.main()
    previous = by_alias(name, "previous")
    assert champion(name) == "2"
    assert previous
    assert previous.version == "1"


def test_a_champion_runs_through(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A pipeline that runs again decides nothing anew and points at the old decision."""
    given.prepare(bundles[0], name)
    auto_promote.main()
    given.write_canary(bundles[0], name)
    auto_promote.main()
    report = RegistryTransition.read(given.TRANSITION)
    assert (report.decision, report.ledger_sequence) == ("already champion", 2)
    assert steps() == ["intended", "promoted"]


@pytest.mark.parametrize(
    "path",
    [given.VALIDATION, given.REGISTRATION, given.CANARY, given.DRIFT],
    ids=["validation", "registration", "canary", "drift"],
)
def test_a_deleted_report_refuses(bundles: tuple[Bundle, Bundle], name: str, path: Path) -> None:
    """Evidence that is not there speaks against, and nothing moves."""
    given.prepare(bundles[0], name)
    path.unlink()
    with pytest.raises(TransitionRefused, match=f"{path} does not exist"):
        auto_promote.main()
    assert champion(name) is None
    assert steps() == ["refused"]


def test_an_unreadable_report_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Half a report is no report."""
    given.prepare(bundles[0], name)
    given.CANARY.write_bytes(b'{"decision": "passed\xff')
    refused(auto_promote.main, "reports/canary_report.json is not a valid CanaryReport")


def test_an_edited_metric_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Metrics that changed after validation are not what was validated."""
    given.prepare(bundles[0], name)
    given.METRICS.write_text('{"roc_auc": 0.99}')
    refused(auto_promote.main, "reports/test_metrics.json has changed since it was evidence")


def test_an_edited_registration_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """The value that cleared the bar must be the one the registry holds."""
    given.prepare(bundles[0], name)
    given.edit(given.REGISTRATION, value=0.99)
    refused(auto_promote.main, "states roc_auc 0.99, version 1 is registered with 0.75")


def test_a_swapped_bundle_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Another model in the same place has none of the evidence."""
    given.prepare(bundles[0], name)
    shutil.rmtree(given.BUNDLE)
    shutil.copytree(bundles[1].folder, given.BUNDLE)
    refused(
        auto_promote.main,
        "registry_promotion.json is about bundle",
        "version 1 is registered with bundle",
        "post_training_validation.json is about bundle",
        "canary_report.json is about bundle",
        "drift_report.json is about bundle",
        "manifest.json has changed since it was evidence",
    )


def test_a_damaged_bundle_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A model whose files are not those that were sealed is no model."""
    given.prepare(bundles[0], name)
    next(path for path in given.BUNDLE.iterdir() if path.name != "manifest.json").write_text("x")
    refused(auto_promote.main, "Model bundle models/credit_risk_pd refused")


def test_stale_lineage_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A chain that was recorded anew after validation was not validated."""
    given.prepare(bundles[0], name)
    given.LINEAGE.write_text('{"raw": "2"}')
    refused(auto_promote.main, "reports/data_lineage.json has changed since it was evidence")


def test_deleted_evidence_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """What validation rested on must still be there."""
    given.prepare(bundles[0], name)
    given.LINEAGE.unlink()
    refused(auto_promote.main, "reports/data_lineage.json does not exist")


def test_another_run_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Metrics of another run let nobody in."""
    given.prepare(bundles[0], name)
    given.edit(given.REGISTRATION, run_id="f" * 32)
    refused(auto_promote.main, "is about run ffff", "canary_report.json is about run")


@pytest.mark.parametrize("status", ["drifted", "not measured"])
@pytest.mark.parametrize("subject", ["PD", "EXT_SOURCE_2"])
def test_drifted_data_refuses(
    bundles: tuple[Bundle, Bundle], name: str, subject: str, status: str
) -> None:
    """Drift that is large or was not measured refuses, of the score as of an input."""
    given.prepare(bundles[0], name)
    given.write_drift(bundles[0], **{subject: status})
    given.write_validation(bundles[0], load_settings())
    refused(auto_promote.main, f"reports/drift_report.json: {subject} {status}")


def test_a_wrong_version_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A registration that points at another version is caught in the registry."""
    for bundle in reversed(bundles):
        given.prepare(bundle, name)
    given.edit(given.REGISTRATION, version="1")
    report = refused(
        auto_promote.main,
        "version 1 is registered with bundle",
        "version 1 is registered from run",
        "version 1 is no candidate any more",
        "canary_report.json is about version 2, required: 1",
    )
    assert report.to_version == "1"


def test_a_version_that_is_not_registered_refuses(
    bundles: tuple[Bundle, Bundle], name: str
) -> None:
    """A version must exist."""
    given.prepare(bundles[0], name)
    given.edit(given.REGISTRATION, version="9")
    refused(auto_promote.main, "version 9 is not in the registry", "required: 9")


def test_a_failed_canary_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A candidate that fell behind is not promoted, and the check that says so is named."""
    given.prepare(bundles[0], name)
    failed = given.check(id="auc_change", status="failed", reason="surely worse")
    given.write_canary(bundles[0], name, decision="refused", checks=(failed,))
    refused(auto_promote.main, "failed       auc_change: surely worse")
    assert not given.RECEIPT.exists()


def test_a_canary_that_could_not_compare_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A refusal without checks gives its reason."""
    given.prepare(bundles[0], name)
    given.write_canary(bundles[0], name, decision="refused", reason="the registry was silent")
    refused(auto_promote.main, "the registry was silent")


def test_a_stale_canary_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A comparison with a champion that is none any more says nothing."""
    given.prepare(bundles[0], name)
    auto_promote.main()
    given.prepare(bundles[1], name)
    given.write_canary(bundles[1], name, decision="no champion", champion=None, checks=())
    refused(auto_promote.main, "is stale: it compared with champion none, the champion is 1")


def test_a_failed_validation_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Every required check that did not pass is named, the unmeasured ones too."""
    given.prepare(bundles[0], name)
    passed = PostTrainingValidation.read(given.VALIDATION).checks
    checks = (
        *passed,
        given.check(id="a_floor", status="failed", reason="too low"),
        given.check(id="fairness", status="not measured", reason="no groups"),
        given.check(id="shown", required=False, status="failed", reason="not counted"),
    )
    given.write_validation(bundles[0], load_settings(), decision="refused", checks=checks)
    refused(auto_promote.main, "a_floor: too low", "fairness: no groups")


def test_a_verdict_that_its_checks_deny_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A report whose decision was edited is judged by its checks."""
    given.prepare(bundles[0], name)
    passed = PostTrainingValidation.read(given.VALIDATION).checks
    failed = given.check(id="a_floor", status="failed", reason="too low")
    given.write_validation(bundles[0], load_settings(), decision="passed", checks=(*passed, failed))
    refused(auto_promote.main, "a_floor: too low")


def test_a_validation_without_checks_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Nothing measured is nothing shown."""
    given.prepare(bundles[0], name)
    given.write_validation(bundles[0], load_settings(), checks=())
    refused(
        auto_promote.main,
        "holds no check",
        "does not rest on models/credit_risk_pd/manifest.json",
        "does not rest on reports/drift_report.json",
    )


def test_lowered_bars_refuse(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A validation under other bars than those of now does not count."""
    given.prepare(bundles[0], name)
    given.configure(name, policy={"approve_below": 0.15})
    refused(auto_promote.main, "was made with other bars or another policy")


def test_a_refused_registration_refuses(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A model below the bar is nobody's candidate."""
    given.prepare(bundles[0], name)
    given.edit(given.REGISTRATION, decision="refused", reason="roc_auc 0.6 is below 0.7")
    refused(auto_promote.main, "registration was refused, roc_auc 0.6 is below 0.7")


def test_every_reason_is_given_at_once(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Whoever is refused learns everything that is wrong."""
    given.prepare(bundles[0], name, promotion={"automatic": False})
    given.CANARY.unlink()
    given.METRICS.write_text("{}")
    given.edit(given.REGISTRATION, value=0.9)
    refused(
        auto_promote.main,
        "canary_report.json does not exist",
        "states roc_auc 0.9",
        "test_metrics.json has changed",
        "promotion.automatic is false",
    )


def test_a_ci_runner_s_own_store_refuses(
    bundles: tuple[Bundle, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would vanish with the runner is no promotion."""
    given.prepare(bundles[0], name)
    monkeypatch.setenv("CI", "true")
    refused(auto_promote.main, "this is a CI runner")
    assert champion(name) is None


def test_a_silent_registry_refuses(
    bundles: tuple[Bundle, Bundle], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who the champion is must be known; the refusal is recorded."""
    given.prepare(bundles[0], name)
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    refused(auto_promote.main, "cannot be used")


def test_without_a_ledger_nothing_moves(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A decision that cannot be recorded is not carried out; the report says so."""
    given.prepare(bundles[0], name)
    Path("ledger").write_text("in the way")
    with pytest.raises(LedgerUnavailable):
        auto_promote.main()
    Path("ledger").unlink()
    report = RegistryTransition.read(given.TRANSITION)
    assert (report.decision, report.ledger_sequence) == ("refused", None)
    assert champion(name) is None


def test_a_person_promotes_what_the_pipeline_may_not(
    bundles: tuple[Bundle, Bundle], name: str
) -> None:
    """With automatic promotion switched off a person promotes, by name and with a reason."""
    given.prepare(bundles[0], name, promotion={"automatic": False})
    refused(auto_promote.main, "promotion.automatic is false")
    by_person()
    report = RegistryTransition.read(given.TRANSITION)
    assert (report.decision, report.approved_by) == ("promoted", "Ada")
    assert steps() == ["refused", "intended", "promoted"]


def test_a_person_decides_on_the_first_model_where_the_rule_says_so(
    bundles: tuple[Bundle, Bundle], name: str
) -> None:
    """The pipeline leaves it, the person takes it."""
    given.prepare(bundles[0], name, canary={"without_champion": "refuse"})
    refused(auto_promote.main, "the first model is left to a person")
    by_person()
    assert champion(name) == "1"


def test_a_person_overrides_no_failed_check(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """A required check that failed binds a person as well."""
    given.prepare(bundles[0], name)
    failed = given.check(id="auc_change", status="failed", reason="surely worse")
    given.write_canary(bundles[0], name, decision="refused", checks=(failed,))
    assert refused(by_person, "surely worse").approved_by == "Ada"


@pytest.mark.parametrize("missing", ["approved_by", "reason"])
@pytest.mark.parametrize("command", [promote_model.main, rollback_model.main])
def test_a_person_says_who_and_why(command: Callable[..., None], missing: str) -> None:
    """Without a name or a reason it is misuse, and nothing is recorded."""
    with pytest.raises(MissingApproval) as misuse:
        command(**{**A_PERSON, missing: "  "})
    assert misuse.value.exit_code == 2
    assert not Path("ledger").exists()


def test_a_rollback_returns_to_the_champion_before(
    bundles: tuple[Bundle, Bundle], name: str
) -> None:
    """A person takes the champion back; the pipeline does not bring it in again by itself."""
    for bundle in bundles:
        given.prepare(bundle, name)
        auto_promote.main()
    rollback_model.main(**A_PERSON)
    report = RegistryTransition.read(given.TRANSITION)
    assert (report.decision, report.from_version, report.to_version) == ("rolled back", "2", "1")
    assert champion(name) == "1"
    given.write_canary(bundles[1], name)
    refused(auto_promote.main, "version 2 was rolled back")
    by_person()
    assert champion(name) == "2"


def test_a_rollback_without_a_champion_before_refuses(
    bundles: tuple[Bundle, Bundle], name: str
) -> None:
    """There is nothing to return to, and that is recorded."""
    given.prepare(bundles[0], name)
    auto_promote.main()
    with pytest.raises(TransitionRefused, match="rollback of version 1 refused"):
        rollback_model.main(**A_PERSON)
    assert "no champion came before it" in RegistryTransition.read(given.TRANSITION).reasons[0]
    assert steps() == ["intended", "promoted", "refused"]
    assert champion(name) == "1"


class Killed(BaseException):
    """The process ended here."""


def killed(*_: object, **__: object) -> None:
    """End the process."""
    raise Killed


def interrupted(
    monkeypatch: pytest.MonkeyPatch, move: Callable[..., object], error: type[BaseException]
) -> None:
    """Promote with another move of the aliases, which ends in that error."""
    with monkeypatch.context() as patch:
        patch.setattr(aliases, "promote", move)
        with pytest.raises(error):
            auto_promote.main()


def test_a_kill_before_the_move_is_told_and_repeated(
    bundles: tuple[Bundle, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open intent is abandoned by the next decision, which then goes its own way."""
    given.prepare(bundles[0], name)
    interrupted(monkeypatch, killed, Killed)
    assert (steps(), champion(name)) == (["intended"], None)
    auto_promote.main()
    assert steps() == ["intended", "abandoned", "intended", "promoted"]


def test_a_kill_after_the_move_is_completed(
    bundles: tuple[Bundle, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next decision finds the aliases moved and records that; the report says promoted."""
    given.prepare(bundles[0], name)
    move = aliases.promote
    interrupted(monkeypatch, lambda *a, **k: (move(*a, **k), killed()), Killed)
    assert (steps(), champion(name)) == (["intended"], "1")
    auto_promote.main()
    assert steps() == ["intended", "promoted"]
    assert RegistryTransition.read(given.TRANSITION).decision == "promoted"


def test_a_registry_that_falls_silent_leaves_the_intent_open(
    bundles: tuple[Bundle, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it moved is not known then; the next decision finds out, refusals do not hide it."""
    given.prepare(bundles[0], name)

    def silent(*_: object, **__: object) -> None:
        raise TrackingUnavailable("somewhere", "no answer")

    interrupted(monkeypatch, silent, TrackingUnavailable)
    assert RegistryTransition.read(given.TRANSITION).decision == "refused"
    given.CANARY.rename("aside")
    with pytest.raises(TransitionRefused):
        auto_promote.main()
    assert steps() == ["intended", "abandoned", "refused"]


def test_a_decision_that_came_between_refuses(
    bundles: tuple[Bundle, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where turns fail to keep two deciders apart the ledger does: the later one moves nothing."""
    given.prepare(bundles[0], name)
    judge = promotion.objections

    def overtaken(*arguments: Any, **options: Any) -> tuple[str, ...]:
        with Ledger.open() as ledger:
            ledger.append(KIND, someone_else_s_refusal(name).model_dump(mode="json"))
        return judge(*arguments, **options)

    monkeypatch.setattr(promotion, "objections", overtaken)
    refused(auto_promote.main, "Another decision came first")
    assert champion(name) is None


@pytest.mark.slow
def test_of_two_promotions_at_once_one_wins(bundles: tuple[Bundle, Bundle], name: str) -> None:
    """Two processes with two sound candidates: one is promoted, the other is refused."""
    given.prepare(bundles[0], name)
    auto_promote.main()
    for place in ("one", "other"):
        given.prepare(bundles[1], name)
        shutil.copytree(".", f"../{place}", ignore=shutil.ignore_patterns("ledger"))
    environment = {
        **os.environ,
        "CREDITRISK_LEDGER_URL": f"sqlite:///{Path('ledger/ledger.db').resolve()}",
        "CREDITRISK_LEDGER_ANCHOR": str(Path("ledger/anchor.json").resolve()),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "creditrisk.pipelines.auto_promote"],
            cwd=Path("..") / place,
            env=environment,
        )
        for place in ("one", "other")
    ]
    assert sorted(process.wait() for process in processes) == [0, 1]
    assert steps() == ["intended", "promoted", "intended", "promoted", "refused"]
    assert champion(name) == "2"
