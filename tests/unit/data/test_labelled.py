"""Labelled snapshots are added whole and verified, and nobody comes in twice."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from creditrisk.contracts.tables import RAW_FILES, TARGET, raw_tables
from creditrisk.core.errors import CreditRiskError, MissingFile, UnreadableReport
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import IngestSettings, ResourceSettings, SyntheticSettings
from creditrisk.data.ingestion import Folders, IngestionSummary, ingest
from creditrisk.data.labelled import (
    MANIFEST,
    DamagedSnapshot,
    LabelledSnapshots,
    SnapshotFile,
    SnapshotManifest,
    listed_snapshots,
)
from creditrisk.data.labelled_rows import OverlappingSnapshots

CELLS = {"integer": "1", "real": "1.5", "category": "x"}
Keys = Mapping[str, int]


def keys_of(applicant: int, **others: int) -> Keys:
    made = {"SK_ID_BUREAU": applicant * 10, "SK_ID_PREV": applicant * 10 + 1}
    return {"SK_ID_CURR": applicant} | made | others


def write_tables(folder: Path, applicants: Iterable[Keys], *, ending: str = "\n") -> Path:
    """The seven files with one row for each applicant."""
    folder.mkdir(parents=True, exist_ok=True)
    everyone = list(applicants)
    for name, table in RAW_FILES.items():
        columns = raw_tables()[table].columns
        plain = {column.name: CELLS[column.type] for column in columns}
        with (folder / name).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, plain, lineterminator=ending)
            writer.writeheader()
            for keys in everyone:
                own = {column: str(value) for column, value in keys.items() if column in plain}
                writer.writerow(plain | own)
    return folder


def write_snapshot(root: Path, *applicants: Keys) -> str:
    """A sound snapshot under its name, which is returned."""
    draft = write_tables(root / "draft", applicants)
    files = {
        name: SnapshotFile(
            rows=len(applicants),
            bytes=(draft / name).stat().st_size,
            sha256=sha256_of(draft / name),
        )
        for name in RAW_FILES
    }
    SnapshotManifest(
        applicants=len(applicants),
        defaults=len(applicants),
        first_decided_at="2026-01-01T00:00:00+00:00",
        last_decided_at="2026-01-02T00:00:00+00:00",
        files=files,
    ).write(draft / MANIFEST)
    name = sha256_of(draft / MANIFEST)
    draft.rename(root / name)
    return name


def folders(root: Path) -> Folders:
    return Folders(root / "data/raw", root / "data/truth", root / "reports/ingestion_summary.json")


def listed(root: Path, *names: str) -> Path:
    path = root / "labelled.json"
    LabelledSnapshots(snapshots=names).write(path)
    return path


def take_in(root: Path, source: object, *names: str, **settings: Any) -> IngestionSummary:
    snapshots = listed_snapshots(listed(root, *names), root / "labelled")
    chosen = IngestSettings(source=str(source), **settings)
    return ingest(chosen, ResourceSettings(threads=1), folders(root), snapshots)


def rows(root: Path, name: str) -> list[dict[str, str]]:
    with (root / "data/raw" / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def applicants_in(root: Path) -> list[int]:
    return [int(row["SK_ID_CURR"]) for row in rows(root, "application_train.csv")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tables(tmp_path / "source", map(keys_of, (1, 2)))


def test_rows_are_appended_to_every_table(tmp_path: Path, source: Path) -> None:
    """Each table holds the source's rows as they were, then the snapshots' in the listed order."""
    first = write_snapshot(tmp_path / "labelled", keys_of(9), keys_of(8))
    second = write_snapshot(tmp_path / "labelled", keys_of(3))
    take_in(tmp_path, source, first, second)
    assert applicants_in(tmp_path) == [1, 2, 9, 8, 3]
    bureau = [row["SK_ID_BUREAU"] for row in rows(tmp_path, "bureau_balance.csv")]
    assert bureau == ["10", "20", "90", "80", "30"]
    for name in RAW_FILES:
        assert (tmp_path / "data/raw" / name).read_text().startswith((source / name).read_text())


def test_the_summary_lists_what_was_added(tmp_path: Path, source: Path) -> None:
    """Checksums and rows are of the files as they lie there now; the snapshot stands beside them."""
    name = write_snapshot(tmp_path / "labelled", keys_of(9), keys_of(8))
    summary = take_in(tmp_path, source, name)
    (added,) = summary.snapshots
    assert (added.sha256, added.applicants, added.left_out) == (name, 2, {})
    assert set(added.rows.values()) == {2}
    content = (tmp_path / "data/raw/bureau.csv").read_bytes()
    entry = summary.tables[1]
    assert (entry.rows, entry.bytes) == (4, len(content))
    assert entry.sha256 == hashlib.sha256(content).hexdigest()
    assert entry.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert summary.total_rows == 28


def test_an_empty_list_changes_nothing(tmp_path: Path, source: Path) -> None:
    """Without snapshots the files and their facts are the source's; without a list too."""
    take_in(tmp_path, source)
    before = (tmp_path / "data/raw/bureau.csv").read_bytes()
    assert before == (source / "bureau.csv").read_bytes()
    assert listed_snapshots(tmp_path / "absent.json", tmp_path) == ()


@pytest.mark.parametrize(
    ("keys", "file"),
    [
        (keys_of(1), "application_train.csv"),
        (keys_of(7, SK_ID_BUREAU=20), "bureau.csv"),
        (keys_of(7, SK_ID_PREV=21), "previous_application.csv"),
    ],
)
def test_whoever_is_in_the_source_is_left_out(
    tmp_path: Path, source: Path, keys: Keys, file: str
) -> None:
    """One key in the source leaves out the applicant with all rows, counted by the first file."""
    name = write_snapshot(tmp_path / "labelled", keys_of(9), keys)
    (added,) = take_in(tmp_path, source, name).snapshots
    assert applicants_in(tmp_path) == [1, 2, 9]
    assert {len(rows(tmp_path, name)) for name in RAW_FILES} == {3}
    assert (added.applicants, added.left_out) == (1, {file: 1})


def test_an_unlabelled_applicant_of_the_source_is_left_out(tmp_path: Path, source: Path) -> None:
    """Whoever stands in application_test.csv has histories in the source, of another date."""
    lines = (source / "application_train.csv").read_text().splitlines()
    kept = [column for column in lines[0].split(",") if column != TARGET]
    (source / "application_test.csv").write_text(
        ",".join(kept) + "\n" + ",".join("7" for _ in kept) + "\n"
    )
    name = write_snapshot(tmp_path / "labelled", keys_of(7), keys_of(9))
    (added,) = take_in(tmp_path, source, name).snapshots
    assert added.left_out == {"application_test.csv": 1}
    assert applicants_in(tmp_path) == [1, 2, 9]


def test_rows_follow_the_file_they_are_added_to(tmp_path: Path) -> None:
    """Column order, line endings and a missing last line end are the source's."""
    source = write_tables(tmp_path / "source", [keys_of(1)], ending="\r\n")
    path = source / "bureau_balance.csv"
    path.write_bytes(b"STATUS,SK_ID_BUREAU,MONTHS_BALANCE\r\nC,7,-3")
    take_in(tmp_path, source, write_snapshot(tmp_path / "labelled", keys_of(9)))
    written = (tmp_path / "data/raw/bureau_balance.csv").read_bytes()
    assert written == path.read_bytes() + b"\r\nx,90,1\r\n"


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        (keys_of(8), keys_of(8, SK_ID_BUREAU=1, SK_ID_PREV=1), "SK_ID_CURR"),
        (keys_of(8), keys_of(9, SK_ID_BUREAU=80), "SK_ID_BUREAU"),
        (keys_of(8), keys_of(9, SK_ID_PREV=81), "SK_ID_PREV"),
    ],
)
def test_a_key_comes_once(tmp_path: Path, source: Path, one: Keys, other: Keys, key: str) -> None:
    """Two snapshots with a key in common are refused, and the last run's files stay."""
    take_in(tmp_path, source)
    names = [write_snapshot(tmp_path / "labelled", keys) for keys in (one, other)]
    with pytest.raises(OverlappingSnapshots, match=f"1 values of {key}"):
        take_in(tmp_path, source, *names)
    assert applicants_in(tmp_path) == [1, 2]


def damage(folder: Path, what: str) -> None:
    if what == "a row":
        (folder / "bureau.csv").write_text((folder / "bureau.csv").read_text() + "x\n")
    elif what == "a file":
        (folder / "bureau.csv").unlink()
    elif what == "the manifest":
        (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace("01-01", "01-02"))


@pytest.mark.parametrize("what", ["a row", "a file", "the manifest"])
def test_a_changed_snapshot_is_refused(tmp_path: Path, source: Path, what: str) -> None:
    """Whatever was changed in a snapshot, it is not taken in."""
    name = write_snapshot(tmp_path / "labelled", keys_of(9))
    damage(tmp_path / "labelled" / name, what)
    with pytest.raises(DamagedSnapshot):
        take_in(tmp_path, source, name)


def test_a_table_that_lies_about_itself_is_refused(tmp_path: Path, source: Path) -> None:
    """A snapshot whose hashes agree must still hold tables of the declared types."""
    name = write_snapshot(tmp_path / "labelled", keys_of(9) | {"MONTHS_BALANCE": "soon"})  # type: ignore[dict-item]
    with pytest.raises(DamagedSnapshot, match="MONTHS_BALANCE"):
        take_in(tmp_path, source, name)


def test_an_absent_snapshot_is_refused(tmp_path: Path, source: Path) -> None:
    """A listed snapshot that is not there is not skipped."""
    with pytest.raises(MissingFile, match="labelled snapshot"):
        take_in(tmp_path, source, "a" * 64)


@pytest.mark.parametrize(
    "content", ["", "[]", {"snapshots": ["x"]}, {"snapshots": ["a" * 64, "a" * 64]}]
)
def test_a_damaged_list_is_refused(tmp_path: Path, content: object) -> None:
    """A list that cannot be read is not taken for an empty one."""
    path = tmp_path / "labelled.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UnreadableReport):
        listed_snapshots(path, tmp_path)


def test_nothing_is_added_to_the_source_itself(tmp_path: Path) -> None:
    """A raw folder that is its own source would grow with every run; it is refused unchanged."""
    source = write_tables(tmp_path / "data/raw", [keys_of(1)])
    name = write_snapshot(tmp_path / "labelled", keys_of(9))
    with pytest.raises(CreditRiskError, match="a source elsewhere"):
        take_in(tmp_path, source, name)
    assert applicants_in(tmp_path) == [1]


GENERATED = SyntheticSettings(applicants=40, months=1, month_applicants=5)


def truths(root: Path, name: str = "application_train") -> dict[int, float]:
    table = parquet.read_table(root / f"data/truth/{name}.parquet")
    return {row["SK_ID_CURR"]: row["TRUE_PD"] for row in table.to_pylist()}


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    take_in(tmp_path, "synthetic", synthetic=GENERATED)
    return tmp_path


def test_true_pds_of_later_months_come_along(generated: Path) -> None:
    """Applicants of a generated month bring the true PDs that they were drawn with."""
    known = truths(generated, "production/month_01")
    before = truths(generated)
    name = write_snapshot(generated / "labelled", *map(keys_of, known))
    take_in(generated, "synthetic", name, synthetic=GENERATED)
    assert truths(generated) == before | known


def test_unknown_truth_empties_the_table(generated: Path) -> None:
    """With one applicant whose true PD nobody knows there is no truth to compare with."""
    name = write_snapshot(generated / "labelled", keys_of(5))
    take_in(generated, "synthetic", name, synthetic=GENERATED)
    assert truths(generated) == {}
