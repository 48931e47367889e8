from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from decided import FEATURES_ID, copy_to_work_in, deciding_project, decision, record
from registered import BUNDLE, promote, retrain

from creditrisk.core.errors import MissingFile, Misuse
from creditrisk.ledger import NewDecision
from creditrisk.ledger.errors import InvalidDecisionId, UnknownDecision
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.served import BundleNotFound, read_served, unregistered
from creditrisk.pipelines import replay, watch_registry
from creditrisk.pipelines.replay import NotReplayable, UnreadableInputs
from creditrisk.scoring.decision_record import DecisionRecord
from creditrisk.scoring.replay import InputsNeeded, OtherInputs, OtherModel

SERVED = Path("models/served")

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(scope="module")
def decided_once(finished_training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose champion has made two decisions, of one only the inputs' hash is kept."""
    with deciding_project(finished_training, tmp_path_factory) as folder:
        promote("Replayed")
        watch_registry.main(once=True)
        model = read_served(SERVED)
        put(FEATURES_ID, decision(model))
        put("hash-only", decision(model, store_inputs=False))
    return folder


@pytest.fixture(autouse=True)
def place(decided_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    return copy_to_work_in(decided_once, tmp_path, monkeypatch)


def put(decision_id: str, made: DecisionRecord) -> None:
    """Record a decision under an id."""
    record(NewDecision("decision", decision_id, "request-1", made.to_json()))


def replayed(
    capsys: pytest.CaptureFixture[str], decision_id: str = FEATURES_ID, **flags: Any
) -> dict[str, Any]:
    """The result as JSON."""
    capsys.readouterr()
    replay.main(decision_id, as_json=True, **flags)
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def handed_in(**changes: Any) -> Path:
    """The inputs of the decision in a file."""
    path = Path("inputs.json")
    inputs = decision(read_served(SERVED)).inputs or {}
    path.write_text(json.dumps({**inputs, **changes}))
    return path


def test_a_decision_comes_out_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """PD, decision and reasons, to the last bit; a person is told so in words."""
    result = replayed(capsys)
    assert (result["verdict"], result["differing"]) == ("identical", [])
    assert result["replayed_probability"] == result["recorded_probability"]
    assert result["compared"] > 5
    replay.main(FEATURES_ID)
    assert f"{FEATURES_ID}  identical to the last bit\n" in capsys.readouterr().out


def test_what_comes_out_otherwise_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and each fact that differs with both its values."""
    true = decision(read_served(SERVED))
    put("forged-grade", true.model_copy(update={"grade": "A", "probability": 0.01}))
    with pytest.raises(typer.Exit) as exit_code:
        replay.main("forged-grade")
    assert exit_code.value.exit_code == 1
    told = capsys.readouterr().out
    assert told.startswith("forged-grade  different\n")
    assert f"grade: 'A' -> {true.grade!r}" in told
    assert f"probability: 0.01 -> {true.probability!r}" in told


def test_the_last_bits_of_another_machine_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A difference below 1e-12 is neither identity nor a failure."""
    true = decision(read_served(SERVED))
    put("last-bit", true.model_copy(update={"probability": true.probability * (1 + 1e-15)}))
    assert replayed(capsys, "last-bit")["verdict"] == "within 1e-12"


def test_inputs_that_were_not_stored_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Their hash says whether they are the ones."""
    with pytest.raises(InputsNeeded, match="were not stored"):
        replay.main("hash-only")
    assert replayed(capsys, "hash-only", inputs=handed_in())["inputs"] == "handed in"
    with pytest.raises(OtherInputs):
        replay.main("hash-only", inputs=handed_in(EXT_SOURCE_2=0.02))


@pytest.mark.parametrize("content", ["{", "[]", "5", '"text"'])
def test_a_file_that_is_no_applicant_is_misuse(content: str) -> None:
    """The refusal says what is required."""
    Path("inputs.json").write_text(content)
    with pytest.raises(UnreadableInputs, match="Required is the JSON object") as refusal:
        replay.main("hash-only", inputs=Path("inputs.json"))
    assert isinstance(refusal.value, Misuse)


def test_a_file_that_is_not_there_is_said() -> None:
    """By its name."""
    with pytest.raises(MissingFile, match=r"nowhere\.json"):
        replay.main("hash-only", inputs=Path("nowhere.json"))


def test_a_former_champion_still_replays(capsys: pytest.CaptureFixture[str]) -> None:
    """Its bundle stays in the archive when the next one is published."""
    promote("Replayed former")
    retrain()
    promote("Replayed former", "1")
    watch_registry.main(once=True)
    assert read_served(SERVED).bundle_sha256 == Bundle.load(BUNDLE).sha256
    assert replayed(capsys)["verdict"] == "identical"


def test_a_pruned_archive_is_filled_from_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    """The bundle comes out of its run, and stays for the next replay."""
    sha256 = read_served(SERVED).bundle_sha256
    shutil.rmtree(SERVED / sha256)
    assert replayed(capsys)["verdict"] == "identical"
    assert (SERVED / sha256).is_dir()


def test_a_bundle_that_nobody_has_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both places where it was looked for; a bundle may be handed in."""
    shutil.rmtree(SERVED)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(BundleNotFound, match="There is no MLflow store here"):
        replay.main(FEATURES_ID)
    replay.main(FEATURES_ID, bundle=BUNDLE)
    assert not (tmp_path / "none.db").exists()


def test_a_bundle_that_was_never_registered_is_said(tmp_path: Path) -> None:
    """The registry was asked, and has no such version."""
    made = decision(unregistered(Bundle.load(BUNDLE)))
    shutil.rmtree(SERVED)
    put("unregistered", made)
    with pytest.raises(BundleNotFound, match="unregistered has no version with this bundle"):
        replay.main("unregistered", served=tmp_path / "elsewhere")


def test_another_bundle_is_refused() -> None:
    """A decision is replayed by the model that made it."""
    retrain()
    with pytest.raises(OtherModel):
        replay.main(FEATURES_ID, bundle=BUNDLE)


def test_a_tampered_archive_replays_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A changed file is refused before anything in it is used."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    folder = SERVED / read_served(SERVED).bundle
    (folder / "encoding.json").write_text("{}")
    with pytest.raises(BundleNotFound, match=r"SHA-256 of encoding\.json"):
        replay.main(FEATURES_ID)
    with pytest.raises(BundleRefused):
        replay.main(FEATURES_ID, bundle=folder)


def test_what_is_no_decision_is_not_replayed() -> None:
    """A refusal has no PD; a batch keeps no rows, and it is said what to do instead."""
    record(NewDecision("batch", "batch-2026", "batch-2026", b'{"kind":"batch"}'))
    with pytest.raises(NotReplayable, match="it is a refusal"):
        replay.main("before-0000")
    for name in ("batch-2026", "batch-2026-7"):
        with pytest.raises(NotReplayable, match="creditrisk batch-predict"):
            replay.main(name)


def test_an_unknown_decision_is_a_refusal() -> None:
    """As is a row of no batch, and what is no id at all."""
    for unknown in ("no-such-decision", "no-such-batch-7"):
        with pytest.raises(UnknownDecision):
            replay.main(unknown)
    with pytest.raises(InvalidDecisionId):
        replay.main("../../etc/passwd")


def test_every_path_is_a_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ledger and archive may lie anywhere."""
    Path("ledger").rename(tmp_path / "ledger")
    SERVED.rename(tmp_path / "served")
    result = replayed(
        capsys,
        served=tmp_path / "served",
        url=f"sqlite:///{tmp_path}/ledger/ledger.db",
        anchor=tmp_path / "ledger/decisions_anchor.json",
    )
    assert result["verdict"] == "identical"
