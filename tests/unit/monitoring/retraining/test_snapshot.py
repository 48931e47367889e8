"""Snapshots hold what was decided on, each applicant once, and nothing of killed attempts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

from later_applicants import (
    PORTFOLIO,
    Source,
    applications,
    decided,
    decisions,
    features_of,
    later_ids,
)
from pyarrow import parquet

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.settings import ContractSettings, IngestSettings, ResourceSettings
from creditrisk.data.ingestion import Folders, ingest
from creditrisk.data.labelled import LabelledSnapshots, Snapshot, listed_snapshots
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.feature_store import build_feature_store, validation_runner
from creditrisk.monitoring.retraining.snapshot import NewData, SnapshotPlaces, take_snapshot

HERE = Path(__file__).parent


def places(root: Path) -> SnapshotPlaces:
    return SnapshotPlaces(root / "snapshots/labelled.json", root / "data/labelled")


def take(root: Path, source: Source) -> NewData:
    return take_snapshot(source, places(root), ContractSettings())


def only_snapshot(root: Path) -> Snapshot:
    (found,) = listed_snapshots(places(root).pointer, places(root).folder)
    return found


def feature_rows(root: Path) -> dict[int, dict[str, Any]]:
    """The feature table of the generated portfolio with the listed snapshots."""
    resources = ResourceSettings(threads=1)
    listed = listed_snapshots(places(root).pointer, places(root).folder)
    folders = Folders(root / "data/raw", root / "data/truth", root / "ingestion_summary.json")
    ingest(IngestSettings(synthetic=PORTFOLIO), resources, folders, listed)
    build_feature_store(
        folders.raw,
        root / "features.parquet",
        root / "features.json",
        validation_out=root / "verdict.json",
        summary_out=root / "summary.json",
        resources=resources,
        runner=validation_runner(ContractSettings()),
    )
    rows = parquet.read_table(root / "features.parquet").to_pylist()
    return {row["SK_ID_CURR"]: row for row in rows}


def test_features_of_training_are_those_of_the_decision(tmp_path: Path) -> None:
    """Decision, snapshot, ingestion, feature table: each feature comes out to the last bit."""
    source = decisions(later_ids())
    done = take(tmp_path, source)
    assert (done.applicants, done.defaults, done.left_out) == (12, 4, {})
    table = feature_rows(tmp_path)
    assert len(table) > done.applicants
    for decision, features in zip(
        source, features_of([one.content["inputs"] for one in source]), strict=True
    ):
        row = table[features["SK_ID_CURR"]]
        assert row["TARGET"] == decision.target
        assert {name: row[name] for name in load_catalogue().names} == {
            name: features[name] for name in load_catalogue().names
        }


def test_the_manifest_describes_the_snapshot(tmp_path: Path) -> None:
    """Rows, defaults and the time of the decisions; the folder's name is the manifest's hash."""
    done = take(tmp_path, decisions(later_ids()[:3]))
    snapshot = only_snapshot(tmp_path)
    manifest = snapshot.manifest
    assert snapshot.sha256 == done.sha256
    assert (manifest.applicants, manifest.defaults) == (3, 1)
    assert manifest.first_decided_at == "2026-01-01T10:00:00+00:00"
    assert manifest.last_decided_at == "2026-01-03T10:00:00+00:00"
    assert list(manifest.files) == list(RAW_FILES)
    assert manifest.files["application_train.csv"].rows == 3


def test_the_same_decisions_give_the_same_snapshot(tmp_path: Path) -> None:
    """A snapshot holds nothing of when or where it was made."""
    one = take(tmp_path / "one", decisions(later_ids()[:4]))
    other = take(tmp_path / "other", decisions(later_ids()[:4]))
    assert one == other


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    """Known applicants are counted and left out; where nobody is new, nothing is listed."""
    first = take(tmp_path, decisions(later_ids()[:4]))
    second = take(tmp_path, decisions(later_ids()[:6]))
    assert (second.applicants, second.left_out) == (2, {"in an earlier snapshot": 4})
    third = take(tmp_path, decisions(later_ids()[:6]))
    assert (third.sha256, third.applicants) == (None, 0)
    listed = LabelledSnapshots.read(places(tmp_path).pointer).snapshots
    assert listed == (first.sha256, second.sha256)
    assert {path.name for path in places(tmp_path).folder.iterdir()} == set(listed)


def test_the_last_decision_counts(tmp_path: Path) -> None:
    """Of two decisions on an applicant the later one is learnt from."""
    (earlier,) = applications(later_ids()[:1])
    later = earlier | {"AMT_CREDIT": earlier["AMT_CREDIT"] + 1000}
    done = take(tmp_path, Source([decided(earlier, 1, 1), decided(later, 2, 0)]))
    assert (done.applicants, done.defaults) == (1, 0)
    assert done.left_out == {"a later decision counts": 1}


def test_an_application_that_breaks_the_contract_is_left_out(tmp_path: Path) -> None:
    """What training would refuse is counted; the others of its chunk are taken."""
    good, bad, other = applications(later_ids()[:3])
    bad = bad | {"CODE_GENDER": "unknown"}
    source = Source([decided(one, number) for number, one in enumerate((good, bad, other), 1)])
    done = take(tmp_path, source)
    assert (done.applicants, done.left_out) == (2, {"breaks the contract": 1})


def test_a_history_belongs_to_one_applicant(tmp_path: Path) -> None:
    """Whoever comes with the credits of another is left out, in one chunk or in two snapshots."""
    (posted,) = [one for one in applications(later_ids()) if one["bureau"]][:1]
    copied = deepcopy(posted) | {"SK_ID_CURR": 999_999_999}
    done = take(tmp_path / "one", Source([decided(posted, 1), decided(copied, 2)]))
    assert done.left_out == {"a history belongs to another applicant": 1}
    take(tmp_path / "two", Source([decided(posted, 1)]))
    done = take(tmp_path / "two", Source([decided(copied, 2)]))
    assert (done.applicants, done.left_out) == (0, {"a history belongs to another applicant": 1})


def test_outcomes_without_inputs_are_counted(tmp_path: Path) -> None:
    """What the source left out stands beside what the snapshot did."""
    source = decisions(later_ids()[:1])
    source.left_out["retired"] = 7
    assert take(tmp_path, source).left_out == {"retired": 7}


def test_nothing_known_is_no_snapshot(tmp_path: Path) -> None:
    """Without a single outcome no list and no folder is made."""
    assert take(tmp_path, Source([])) == NewData(sha256=None, applicants=0, defaults=0, left_out={})
    assert not places(tmp_path).pointer.exists()
    assert not list(places(tmp_path).folder.iterdir())


SLOW_WRITER = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from later_applicants import decisions, later_ids
from creditrisk.core.settings import ContractSettings
from creditrisk.monitoring.retraining import snapshot, snapshot_rows
root = Path(sys.argv[1])
commit = snapshot._commit
def slow(*arguments):
    print("written", flush=True)
    time.sleep(60)
snapshot._commit = slow
places = snapshot.SnapshotPlaces(root / "snapshots/labelled.json", root / "data/labelled")
snapshot.take_snapshot(decisions(later_ids()[:2]), places, ContractSettings())
"""


def test_a_killed_writer_leaves_nothing_listed(tmp_path: Path) -> None:
    """After SIGKILL the list is as before; the next one removes the remains and goes through."""
    words = [sys.executable, "-c", SLOW_WRITER, str(tmp_path), str(HERE), str(HERE.parents[2])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not places(tmp_path).pointer.exists()
    assert list(places(tmp_path).folder.iterdir())
    done = take(tmp_path, decisions(later_ids()[:2]))
    assert [path.name for path in places(tmp_path).folder.iterdir()] == [done.sha256]
