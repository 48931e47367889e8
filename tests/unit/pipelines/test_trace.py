from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from decided import (
    FEATURES_ID,
    copy_to_work_in,
    deciding_project,
    decision,
    record,
    write_raw_rows,
)
from registered import BUNDLE, promote, retrain

from creditrisk.core.files import sha256_of
from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.ledger.errors import DamagedDecision, InvalidDecisionId, UnknownDecision
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.served import read_served, unregistered
from creditrisk.pipelines import trace, watch_registry
from creditrisk.scoring.batch.record import BatchInput, BatchOutput, BatchRecord, ChunkProof
from creditrisk.scoring.decision_record import (
    Origin,
    PolicyBands,
    RefusalRecord,
    RefusedRule,
    ShadowRecord,
)

SERVED = Path("models/served")
OUTPUT = Path("answers.parquet")
BATCH = "batch-2026-11"

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::sqlalchemy")


@pytest.fixture(scope="module")
def decided_once(finished_training: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose champion has made a decision that the ledger holds; tests copy it."""
    with deciding_project(finished_training, tmp_path_factory) as folder:
        serve_and_decide("Traced")
    return folder


@pytest.fixture
def place(decided_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    return copy_to_work_in(decided_once, tmp_path, monkeypatch)


def serve_and_decide(model_name: str, decision_id: str = FEATURES_ID) -> None:
    """Promote the bundle under a name, publish it, and let it decide."""
    promote(model_name)
    watch_registry.main(once=True)
    content = decision(read_served(SERVED)).to_json()
    record(NewDecision("decision", decision_id, "request-1", content))


def traced(
    capsys: pytest.CaptureFixture[str], decision_id: str = FEATURES_ID, **flags: Any
) -> dict[str, Any]:
    """The trace as JSON."""
    capsys.readouterr()
    trace.main(decision_id, as_json=True, **flags)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refuted(
    capsys: pytest.CaptureFixture[str], decision_id: str = FEATURES_ID, **flags: Any
) -> dict[str, str]:
    """What is said of the links of a chain that does not hold; it must be exit code 1."""
    capsys.readouterr()
    with pytest.raises(typer.Exit) as exit_code:
        trace.main(decision_id, as_json=True, **flags)
    assert exit_code.value.exit_code == 1
    return verdicts(json.loads(capsys.readouterr().out))


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    """Verdict by subject."""
    return {check["subject"]: check["verdict"] for check in found["checks"]}


def tamper(statement: str, *values: object) -> None:
    """Change the ledger's database past its triggers, as someone with its file could."""
    with closing(sqlite3.connect("ledger/ledger.db")) as connection:
        names = "select name from sqlite_master where type = 'trigger'"
        for (name,) in connection.execute(names).fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute(statement, values)
        connection.commit()


def batch(model: Any, output: Path, rows: int = 5) -> BatchRecord:
    """A batch of so many rows."""
    return BatchRecord(
        batch_id=BATCH,
        started_at="2026-11-23T10:00:00+00:00",
        finished_at="2026-11-23T10:01:00+00:00",
        input=BatchInput(
            form="features",
            place="in.csv",
            files={"in.csv": "e" * 64},
            applications=None,
            rows=rows,
        ),
        output=BatchOutput(place=str(output), sha256=sha256_of(output), rows=rows - 1),
        rejects=1,
        rejects_by_rule={"features.unknown": 1},
        reasons=False,
        threshold=0.1,
        policy=PolicyBands(approve_below=0.1, decline_from=0.2, grades={"A": 1.0}),
        model=model,
        chunk_rows=100,
        chunks=(ChunkProof(first_row=1, last_row=rows, scored=rows - 1, sha256="f" * 64),),
    )


def record_batch() -> None:
    """A batch whose third row was rejected, with its output."""
    rows = [
        {
            "SK_ID_CURR": 500 + row,
            "decision_id": f"{BATCH}-{row}",
            "probability": row / 100,
            "prediction": 0,
            "decision": "approve",
            "grade": "A",
        }
        for row in (1, 2, 4, 5)
    ]
    pq.write_table(pa.Table.from_pylist(rows), OUTPUT)
    record(NewDecision("batch", BATCH, BATCH, batch(read_served(SERVED), OUTPUT).to_json()))


@pytest.mark.usefixtures("place")
def test_a_decision_leads_to_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    """PD, version, run, commit, settings and checksums, each as it was recorded where it arose."""
    found = traced(capsys)
    bundle = Bundle.load(BUNDLE)
    model = read_served(SERVED)
    assert found["decision"]["origin"]["caller"] == "shop"
    assert found["decision"]["decision"] == "decline"
    assert found["decision"]["reasons"]
    assert found["ledger"]["sequence"] == 2
    assert (found["model"]["version"], found["model"]["bundle_sha256"]) == ("1", bundle.sha256)
    assert found["registry"]["aliases"] == ["candidate", "champion"]
    assert found["run"]["run_id"] == model.run_id
    assert found["run"]["git_commit"] == model.git_commit
    assert found["run"]["parameters"]["max_trees"] == "40"
    assert found["settings"] == bundle.manifest.params
    assert found["snapshot"] == bundle.manifest.snapshot.model_dump()


@pytest.mark.usefixtures("place")
def test_what_holds_is_verified_and_the_rest_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Raw files that are not here are not verified, never assumed."""
    found = verdicts(traced(capsys))
    assert found.pop("raw rows") == found.pop("raw files") == "not verified"
    found.pop("commit", None)
    assert found == dict.fromkeys(
        (
            "entry",
            "place in the chain",
            "bundle",
            "model version",
            "run",
            "source code",
            "data snapshot",
        ),
        "verified",
    )


@pytest.mark.usefixtures("place")
def test_a_person_reads_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The text has the facts of the JSON, and a mark at each check."""
    found = traced(capsys)
    trace.main(FEATURES_ID)
    text = capsys.readouterr().out
    for fact in (
        repr(found["decision"]["probability"]),
        found["decision"]["reasons"][0]["words"],
        found["ledger"]["sha256"],
        found["model"]["bundle_sha256"],
        found["run"]["run_id"],
        found["snapshot"]["feature_store"],
        "max_trees",
        "?   raw files",
        "ok  bundle",
    ):
        assert fact in text


@pytest.mark.usefixtures("place")
def test_raw_rows_of_the_applicant_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Table by table, of the files that are here; a bureau month is found by its credit."""
    applicant = traced(capsys)["decision"]["sk_id_curr"]
    names = ["application_train.csv", "bureau.csv", "bureau_balance.csv"]
    write_raw_rows(Path("data/raw"), applicant, names)
    assert traced(capsys)["raw_rows"] == dict.fromkeys(names, 1)
    assert traced(capsys, raw_rows=False)["raw_rows"] is None


@pytest.mark.usefixtures("place")
def test_raw_files_are_compared_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Another file than the model was trained on is no longer its data."""
    write_raw_rows(Path("data/raw"), 1, ["application_train.csv"])
    found = refuted(capsys, check_files=True)
    assert found["raw file application_train.csv"] == "refuted"


@pytest.mark.usefixtures("place")
def test_without_a_registry_the_record_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What MLflow would say is not verified; nothing is made where there is no store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    found = traced(capsys)
    assert found["registry"] is found["run"] is None
    assert found["model"]["version"] == "1"
    assert found["snapshot"]
    assert (verdicts(found)["model version"], verdicts(found)["run"]) == ("not verified",) * 2
    assert not (tmp_path / "none.db").exists()


@pytest.mark.usefixtures("place")
def test_a_silent_registry_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its failure stands beside what it could not confirm."""
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    details = {check["subject"]: check["detail"] for check in traced(capsys)["checks"]}
    assert "cannot be used" in details["model version"]


@pytest.mark.usefixtures("place")
def test_a_bundle_of_the_registry_alone_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A pruned archive costs a download; the trace keeps no copy."""
    shutil.rmtree(SERVED)
    found = traced(capsys)
    assert found["snapshot"]
    assert verdicts(found)["bundle"] == "verified"
    assert not SERVED.exists()


@pytest.mark.usefixtures("place")
def test_a_damaged_archive_is_refuted(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not repaired in passing, and the registry's copy speaks for the data."""
    damaged = SERVED / read_served(SERVED).bundle / "encoding.json"
    damaged.write_text("{}")
    found = refuted(capsys)
    assert (found["archive"], found["data snapshot"]) == ("refuted", "verified")
    assert damaged.read_text() == "{}"


@pytest.mark.usefixtures("place")
def test_a_record_that_the_registry_contradicts_is_refuted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who claims another version's bundle is found out."""
    model = read_served(SERVED).model_copy(update={"run_id": "0" * 32})
    record(NewDecision("decision", "contradicted", "r", decision(model).to_json()))
    found = refuted(capsys, "contradicted")
    assert (found["model version"], found["run"]) == ("refuted", "not verified")


@pytest.mark.usefixtures("place")
def test_a_later_champion_does_not_change_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the one that decided; what became of it is said beside it."""
    serve_and_decide("Traced later", "before-the-next")
    retrain()
    promote("Traced later", "1")
    found = traced(capsys, "before-the-next")
    assert found["model"]["aliases"] == ["candidate", "champion"]
    assert found["registry"]["aliases"] == ["previous"]
    assert not {"refuted"} & set(verdicts(found).values())


@pytest.mark.usefixtures("place")
def test_a_bundle_of_no_registry_is_traced_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Its version, run and commit are unknown, and said to be."""
    own = unregistered(Bundle.load(BUNDLE))
    record(NewDecision("decision", "unregistered", "r", decision(own).to_json()))
    found = traced(capsys, "unregistered")
    assert (found["registry"], found["run"]) == (None, None)
    assert verdicts(found)["model version"] == verdicts(found)["commit"] == "not verified"


@pytest.mark.usefixtures("place")
def test_a_neighbour_that_does_not_fit_is_refuted(capsys: pytest.CaptureFixture[str]) -> None:
    """An entry that is whole by itself may stand in a chain that is not."""
    tamper("update decisions set sha256 = ? where sequence = 1", "0" * 64)
    assert refuted(capsys)["place in the chain"] == "refuted"


@pytest.mark.usefixtures("place")
def test_a_changed_entry_is_not_traced() -> None:
    """Nothing is shown of a record that is not what was recorded."""
    tamper("update decisions set request_id = 'forged' where sequence = 2")
    with pytest.raises(DamagedDecision):
        trace.main(FEATURES_ID)


@pytest.mark.usefixtures("place")
def test_a_decision_without_content_keeps_its_proof(capsys: pytest.CaptureFixture[str]) -> None:
    """The entry is verified; what it said is gone, and so is the way to its model."""
    tamper("delete from decision_contents where sequence = 2")
    found = traced(capsys)
    assert found["decision"] is found["model"] is None
    assert verdicts(found) == {
        "entry": "verified",
        "place in the chain": "verified",
        "content": "not verified",
    }


@pytest.mark.usefixtures("place")
def test_a_row_of_a_batch_is_traced(capsys: pytest.CaptureFixture[str]) -> None:
    """To the batch, the hashes of its files, and its own line in the output."""
    record_batch()
    found = traced(capsys, f"{BATCH}-4")
    assert (found["batch"]["row"], found["batch"]["answer"]["SK_ID_CURR"]) == (4, 504)
    assert found["batch"]["answer"]["probability"] == 0.04
    assert found["batch"]["input"]["files"] == {"in.csv": "e" * 64}
    assert found["batch"]["chunk"]["sha256"] == "f" * 64
    assert found["model"]["version"] == "1"
    assert verdicts(found)["output file"] == "verified"
    trace.main(f"{BATCH}-4")
    assert "SK_ID_CURR" in capsys.readouterr().out


@pytest.mark.usefixtures("place")
def test_a_rejected_row_has_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The batch had the row, and gave it no decision."""
    record_batch()
    found = traced(capsys, f"{BATCH}-3")
    assert found["batch"]["answer"] is None
    assert "was rejected" in str(found["checks"])


@pytest.mark.usefixtures("place")
def test_a_batch_is_traced_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Its id alone leads to its files and its model."""
    record_batch()
    found = traced(capsys, BATCH)
    assert (found["batch"]["row"], found["batch"]["output"]["rows"]) == (None, 4)


@pytest.mark.usefixtures("place")
def test_a_row_that_the_batch_never_had_is_refuted(capsys: pytest.CaptureFixture[str]) -> None:
    """A number past the end is nobody's decision."""
    record_batch()
    assert refuted(capsys, f"{BATCH}-6")["row"] == "refuted"


@pytest.mark.usefixtures("place")
def test_a_changed_output_is_refuted(capsys: pytest.CaptureFixture[str]) -> None:
    """A row of a file with another hash proves nothing, so it is not shown."""
    record_batch()
    pq.write_table(pq.read_table(OUTPUT).slice(0, 2), OUTPUT)
    assert refuted(capsys, f"{BATCH}-1")["output file"] == "refuted"
    OUTPUT.unlink()
    found = traced(capsys, f"{BATCH}-1")
    assert verdicts(found)["output file"] == "not verified"
    assert found["batch"]["answer"] is None


@pytest.mark.usefixtures("place")
def test_a_refusal_names_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody was decided on, so there is no model behind it."""
    origin = Origin(request_id="r", caller="shop", received_at="2026-11-23T10:00:00+00:00")
    rule = RefusedRule(
        record=0, applicant=1, path="/features/0", column="X", rule="x.unknown", required="none"
    )
    content = RefusalRecord(
        origin=origin, body_sha256="d" * 64, violations=(rule, rule), unlisted=0
    )
    record(NewDecision("refusal", "refused-1", "r", content.model_dump_json().encode()))
    found = traced(capsys, "refused-1")
    assert found["refusal"]["rules"] == {"x.unknown": 2}
    assert found["model"] is None
    trace.main("refused-1")
    assert "x.unknown" in capsys.readouterr().out


@pytest.mark.usefixtures("place")
def test_a_shadow_is_no_decision_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    """It names the decision beside which it was computed."""
    given = decision(read_served(SERVED))
    content = ShadowRecord(
        beside=FEATURES_ID,
        request_id="request-1",
        sk_id_curr=given.sk_id_curr,
        probability=0.5,
        prediction=1,
        threshold=0.1,
        decision="decline",
        grade="G",
        model=given.model,
    )
    record(NewDecision("shadow", "shadow-1", "request-1", content.model_dump_json().encode()))
    facts = traced(capsys, "shadow-1")["decision"]
    assert (facts["kind"], facts["beside"]) == ("shadow", FEATURES_ID)


@pytest.mark.usefixtures("place")
def test_a_content_of_another_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is not guessed at."""
    record(NewDecision("decision", "from-the-future", "r", b'{"kind":"decision"}'))
    found = traced(capsys, "from-the-future")
    assert found["decision"] is None
    assert verdicts(found)["content"] == "not verified"


@pytest.mark.usefixtures("place")
def test_an_unknown_decision_is_a_refusal() -> None:
    """An id of nothing, a row of no batch, and what is no id at all."""
    for unknown in ("no-such-decision", "no-such-batch-7"):
        with pytest.raises(UnknownDecision, match=unknown):
            trace.main(unknown)
    with pytest.raises(InvalidDecisionId):
        trace.main("../../etc/passwd")


@pytest.mark.usefixtures("place")
def test_every_path_is_a_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ledger, archive, raw files and settings may lie anywhere."""
    for name in ("ledger", "models", "params.yaml"):
        Path(name).rename(tmp_path / name)
    found = traced(
        capsys,
        served=tmp_path / "models/served",
        raw=tmp_path,
        url=f"sqlite:///{tmp_path}/ledger/ledger.db",
        anchor=tmp_path / "ledger/decisions_anchor.json",
        params=tmp_path / "params.yaml",
    )
    assert found["raw_rows"] == {}
    assert not Path("ledger").exists()


@pytest.mark.usefixtures("place")
def test_tracing_changes_no_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads the ledger adds nothing to it."""
    with DecisionLedger.open(create=False) as ledger:
        before = ledger.after(0)
        traced(capsys)
        assert ledger.after(0) == before
