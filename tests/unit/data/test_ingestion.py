"""Raw files are taken in whole and checked, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

import creditrisk.data.synthetic
from creditrisk.contracts.tables import RAW_FILES, RawTable, raw_tables, without_target
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import (
    IngestSettings,
    ResourceSettings,
    SourceSettings,
    SyntheticSettings,
)
from creditrisk.data import ingestion
from creditrisk.data.ingestion import Folders, IngestionSummary, ingest
from creditrisk.data.sources.expectation import Expectation
from creditrisk.data.sources.staging import Staging

CELLS = {"integer": "1", "real": "1.5", "category": "x"}


def csv_text(table: RawTable, rows: int = 2) -> str:
    line = ",".join(CELLS[column.type] for column in table.columns)
    return "\n".join([",".join(table.column_names), *[line] * rows]) + "\n"


def portfolio(folder: Path, *, rows: int = 2) -> Path:
    """A source folder with the seven files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in RAW_FILES.items():
        (folder / name).write_text(csv_text(raw_tables()[table], rows))
    return folder


def add_test_applications(folder: Path) -> None:
    table = without_target(raw_tables()["application"])
    (folder / "application_test.csv").write_text(csv_text(table))


def folders(root: Path) -> Folders:
    return Folders(root / "data/raw", root / "data/truth", root / "reports/ingestion_summary.json")


def take_in(root: Path, source: object, **settings: Any) -> IngestionSummary:
    chosen = IngestSettings(source=str(source), **settings)
    return ingest(chosen, ResourceSettings(threads=1), folders(root))


def refusal(root: Path, source: object, **settings: Any) -> str:
    with pytest.raises(CreditRiskError) as caught:
        take_in(root, source, **settings)
    return str(caught.value)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*.csv"))
        if path.is_file()
    }


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of each file: what a copy or a write would alter."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return portfolio(tmp_path / "source")


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A project that already holds an older, good portfolio of five rows a table."""
    portfolio(tmp_path / "data/raw", rows=5)
    (tmp_path / "data/truth").mkdir()
    (tmp_path / "reports").mkdir()
    folders(tmp_path).summary.write_text("older")
    return tmp_path


def test_a_folder_is_copied_as_it_is(tmp_path: Path, source: Path) -> None:
    """Each raw file arrives unchanged, the source keeps its own."""
    before = contents(source)
    take_in(tmp_path, source)
    assert contents(tmp_path / "data/raw") == before == contents(source)


def test_the_summary_identifies_each_file(tmp_path: Path, source: Path) -> None:
    """Bytes, rows and checksums are those of the file that arrived, in the model's order."""
    summary = take_in(tmp_path, source)
    bureau = (source / "bureau.csv").read_bytes()
    entry = summary.tables[1]
    assert [table.file for table in summary.tables] == list(RAW_FILES)
    assert (entry.source, entry.uri) == ("local", str(source / "bureau.csv"))
    assert (entry.bytes, entry.rows) == (len(bureau), 2)
    assert entry.sha256 == hashlib.sha256(bureau).hexdigest()
    assert entry.md5 == hashlib.md5(bureau, usedforsecurity=False).hexdigest()
    assert summary.total_rows == 14
    assert IngestionSummary.read(folders(tmp_path).summary) == summary


def test_the_schema_fingerprint_is_of_names_and_types(tmp_path: Path, source: Path) -> None:
    """Other rows leave it as it is, another order of columns changes it."""
    first = take_in(tmp_path, source).tables[2].schema_fingerprint
    path = source / "bureau_balance.csv"
    path.write_text(path.read_text() + "7,-3,C\n")
    assert take_in(tmp_path, source).tables[2].schema_fingerprint == first
    path.write_text("STATUS,SK_ID_BUREAU,MONTHS_BALANCE\nC,7,-3\n")
    assert take_in(tmp_path, source).tables[2].schema_fingerprint != first


def test_two_runs_write_the_same_bytes(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary holds no time, no temporary path, and a relative folder as it was given."""
    monkeypatch.chdir(source.parent)
    take_in(tmp_path / "one", "source")
    take_in(tmp_path / "two", "source", parallel_downloads=1)
    one, two = (folders(tmp_path / name).summary.read_bytes() for name in ("one", "two"))
    assert one == two
    assert json.loads(one)["tables"][0]["uri"] == "source/application_train.csv"


def test_test_applications_come_along_where_there_are_some(tmp_path: Path, source: Path) -> None:
    """application_test.csv is optional, checked without TARGET, and goes when its source does."""
    add_test_applications(source)
    assert take_in(tmp_path, source).tables[-1].file == "application_test.csv"
    (source / "application_test.csv").unlink()
    take_in(tmp_path, source)
    assert set(contents(tmp_path / "data/raw")) == set(RAW_FILES)


def test_files_that_are_no_tables_are_left_and_named(
    tmp_path: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Kaggle's column descriptions are not taken in, and the log says so."""
    (source / "HomeCredit_columns_description.csv").write_text("a,b\n")
    with caplog.at_level(logging.INFO):
        take_in(tmp_path, source)
    assert "HomeCredit_columns_description.csv" in caplog.text
    assert set(contents(tmp_path / "data/raw")) == set(RAW_FILES)


def test_data_raw_as_its_own_source_is_checked_in_place(tmp_path: Path) -> None:
    """Files that a person put into data/raw are neither copied nor touched."""
    raw = portfolio(tmp_path / "data/raw")
    before = identities(raw)
    summary = take_in(tmp_path, raw)
    assert identities(raw) == before
    assert summary.total_rows == 14


def test_a_wrong_file_in_data_raw_is_refused_and_kept(tmp_path: Path) -> None:
    """Checking in place never deletes what a person put there."""
    raw = portfolio(tmp_path / "data/raw")
    (raw / "bureau.csv").write_text("wrong\n1\n")
    assert "missing column" in refusal(tmp_path, raw)
    assert (raw / "bureau.csv").read_text() == "wrong\n1\n"


def gz_each(source: Path) -> Path:
    for path in source.glob("*.csv"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return source


def zip_each(source: Path) -> Path:
    for path in source.glob("*.csv"):
        with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w") as archive:
            archive.write(path, path.name)
        path.unlink()
    return source


def zip_all(source: Path) -> Path:
    with zipfile.ZipFile(source.parent / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in source.glob("*.csv"):
            archive.write(path, f"home-credit/{path.name}")
    return source.parent / "all.zip"


@pytest.mark.parametrize("pack", [gz_each, zip_each, zip_all])
def test_archives_give_the_files_they_hold(
    tmp_path: Path, source: Path, pack: Callable[[Path], Path]
) -> None:
    """A gz or zip a file, or one zip of all, with or without application_test.csv."""
    before = contents(source)
    take_in(tmp_path, pack(source))
    assert contents(tmp_path / "data/raw") == before


def test_one_file_may_come_from_elsewhere(tmp_path: Path, source: Path) -> None:
    """`ingest.files` overrules `ingest.source` for the files it names."""
    other = tmp_path / "export.csv"
    other.write_text(csv_text(raw_tables()["bureau"], rows=9))
    summary = take_in(tmp_path, source, files={"bureau.csv": SourceSettings(uri=str(other))})
    assert [table.rows for table in summary.tables] == [2, 9, 2, 2, 2, 2, 2]


def test_a_header_without_rows_is_a_table(tmp_path: Path, source: Path) -> None:
    """A table may be empty: the header is required, rows are not."""
    (source / "bureau.csv").write_text(csv_text(raw_tables()["bureau"], rows=0))
    assert take_in(tmp_path, source).tables[1].rows == 0


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_last_row(source: Path) -> None:
    path = source / "bureau.csv"
    os.truncate(path, path.stat().st_size - 10)


def break_header(source: Path) -> None:
    path = source / "bureau.csv"
    path.write_text(path.read_text().replace("CREDIT_ACTIVE", "CREDIT_STATUS"))


def break_type(source: Path) -> None:
    path = source / "bureau_balance.csv"
    path.write_text("SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n1,-1,C\n2,half,C\n")


def break_number(source: Path) -> None:
    path = source / "bureau_balance.csv"
    path.write_text("SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n1,-1,C\n2,-1.5,C\n")


def make_folder(source: Path) -> None:
    (source / "bureau.csv").unlink()
    (source / "bureau.csv").mkdir()


FAULTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing": (lambda source: (source / "bureau.csv").unlink(), ["bureau.csv not found at"]),
    "empty": (lambda source: (source / "bureau.csv").write_text(""), ["bureau", "empty"]),
    "folder": (make_folder, ["bureau.csv", "it is a folder"]),
    "header": (break_header, ["bureau.csv", "CREDIT_ACTIVE", "CREDIT_STATUS"]),
    "type": (break_type, ["bureau_balance", "line 3", "MONTHS_BALANCE", "'half'", "whole number"]),
    "fraction": (break_number, ["line 3", "MONTHS_BALANCE", "'-1.5'", "whole number"]),
    "cut csv": (cut_last_row, ["bureau.csv", "line 3", "14 cells found, 17 required"]),
    "cut gz": (lambda source: truncate(gz_each(source) / "bureau.csv.gz"), ["bureau.csv.gz"]),
    "cut zip": (lambda source: truncate(zip_each(source) / "bureau.csv.zip"), ["bureau.csv.zip"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_changes_nothing(filled: Path, source: Path, fault: str) -> None:
    """One sentence names the file as given and what is wrong; the old files and summary stay."""
    spoil, words = FAULTS[fault]
    spoil(source)
    before = everything(filled / "data"), contents(filled / "data/raw")
    sentence = refusal(filled, source)
    assert all(word in sentence for word in [str(source), *words])
    assert ".part" not in sentence
    assert (everything(filled / "data"), contents(filled / "data/raw")) == before
    assert folders(filled).summary.read_text() == "older"


@pytest.mark.parametrize(("algorithm", "quantity"), [("md5", "MD5"), ("sha256", "SHA-256")])
def test_a_wrong_checksum_is_refused(
    filled: Path, source: Path, algorithm: str, quantity: str
) -> None:
    """A checksum that is given must hold."""
    wrong = hashlib.new(algorithm, b"other", usedforsecurity=False).hexdigest()
    stated = SourceSettings.model_validate({"uri": str(source), algorithm: wrong})
    before = contents(filled / "data/raw")
    sentence = refusal(filled, source, files={"bureau.csv": stated})
    assert f"{quantity} is" in sentence
    assert f"must be {wrong}" in sentence
    assert contents(filled / "data/raw") == before


def test_a_right_checksum_is_accepted(tmp_path: Path, source: Path) -> None:
    """The checksum is of the CSV file, also where it comes in an archive."""
    right = hashlib.sha256((source / "bureau.csv").read_bytes()).hexdigest()
    gz_each(source)
    stated = SourceSettings(uri=str(source), sha256=right)
    assert take_in(tmp_path, source, files={"bureau.csv": stated}).tables[1].sha256 == right


def test_the_kaggle_profile_refuses_other_files(tmp_path: Path, source: Path) -> None:
    """Under `profile: kaggle` each file must be the one that Kaggle published."""
    assert "size in bytes is" in refusal(tmp_path, source, profile="kaggle")


def test_a_wrong_number_of_rows_is_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rows are known they are compared, after they were counted."""
    known = {"bureau.csv": Expectation(rows=3)}
    monkeypatch.setattr(ingestion, "expectations", lambda _: known)
    assert "number of rows is 2, must be 3" in refusal(tmp_path, source)


def test_a_folder_in_the_way_changes_nothing(filled: Path, source: Path) -> None:
    """What cannot be renamed is found before the first rename."""
    (filled / "data/raw/credit_card_balance.csv").unlink()
    (filled / "data/raw/credit_card_balance.csv").mkdir()
    before = contents(filled / "data/raw")
    assert "credit_card_balance.csv: is a folder" in refusal(filled, source)
    assert contents(filled / "data/raw") == before
    assert folders(filled).summary.read_text() == "older"


def test_a_kill_between_the_renames_leaves_no_summary(
    filled: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A summary never vouches for a mix of two portfolios."""
    renamed: list[str] = []

    def interrupt(_: Staging, files: dict[str, Path], stale: object) -> None:
        renamed.extend(files)
        raise KeyboardInterrupt(stale)

    monkeypatch.setattr(Staging, "commit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        take_in(filled, source)
    assert renamed == list(RAW_FILES)
    assert not folders(filled).summary.exists()


def test_unknown_names_under_files_are_misuse(tmp_path: Path, source: Path) -> None:
    """A misspelt raw file in params.yaml is not silently ignored."""
    files = {"buro.csv": SourceSettings(uri=str(source))}
    assert "buro.csv" in refusal(tmp_path, source, files=files)


def generate(out: Path, truth: Path, settings: SyntheticSettings, *, threads: int | None) -> None:  # noqa: ARG001
    """Stands in for the generator: the rows are its seed, so that a change can be seen."""
    import pyarrow as pa

    portfolio(out, rows=settings.seed)
    add_test_applications(out)
    names = ["application_train", "application_test"]
    for month in range(1, settings.months + 1):
        pull = out / f"production/month_{month:02d}"
        pull.mkdir(parents=True)
        add_test_applications(pull)
        names.append(f"production/month_{month:02d}")
    for path in (truth / f"{name}.parquet" for name in names):
        path.parent.mkdir(exist_ok=True)
        parquet.write_table(pa.table({"SK_ID_CURR": [1], "TRUE_PD": [0.5]}), path)


@pytest.fixture
def fake_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creditrisk.data.synthetic, "generate_portfolio", generate, raising=False)


@pytest.mark.usefixtures("fake_generator")
def test_a_generated_portfolio_comes_with_its_true_pds(tmp_path: Path) -> None:
    """The generator's files pass the same checks; its true PDs go to the truth folder."""
    summary = take_in(tmp_path, "synthetic", synthetic=SyntheticSettings(seed=3))
    assert summary.tables[0].uri == "synthetic://application_train.csv"
    assert {table.source for table in summary.tables} == {"synthetic"}
    assert [table.rows for table in summary.tables] == [3] * 7 + [2]
    truth = parquet.read_table(tmp_path / "data/truth/application_train.parquet")
    assert truth.to_pydict() == {"SK_ID_CURR": [1], "TRUE_PD": [0.5]}


PULL = "production/month_01/application_test.csv"


@pytest.mark.usefixtures("fake_generator")
def test_production_pulls_come_and_go_with_their_portfolio(tmp_path: Path, source: Path) -> None:
    """They arrive with it and never stay beside somebody else's applicants."""
    take_in(tmp_path, "synthetic", synthetic=SyntheticSettings(seed=1, months=2))
    assert PULL in everything(tmp_path / "data/raw")
    take_in(tmp_path, "synthetic", synthetic=SyntheticSettings(seed=1, months=1))
    assert set(contents(tmp_path / "data/raw")) == {*RAW_FILES, "application_test.csv", PULL}
    take_in(tmp_path, source)
    assert everything(tmp_path / "data/raw") == set(RAW_FILES)


@pytest.mark.usefixtures("fake_generator")
def test_checking_in_place_removes_nothing(tmp_path: Path) -> None:
    """A folder that is its own source keeps even what another source would replace."""
    take_in(tmp_path, "synthetic", synthetic=SyntheticSettings(seed=1, months=1))
    before = everything(tmp_path / "data/raw")
    take_in(tmp_path, tmp_path / "data/raw")
    assert everything(tmp_path / "data/raw") == before


@pytest.mark.usefixtures("fake_generator")
def test_other_sources_leave_an_empty_table_of_true_pds(tmp_path: Path, source: Path) -> None:
    """True PDs of a generated portfolio never stay beside somebody else's applicants."""
    take_in(tmp_path, "synthetic")
    take_in(tmp_path, source)
    assert everything(tmp_path / "data/truth") == {"application_train.parquet"}
    truth = parquet.read_table(tmp_path / "data/truth/application_train.parquet")
    assert truth.num_rows == 0
    assert [str(field.type) for field in truth.schema] == ["int64", "double"]


@pytest.mark.usefixtures("fake_generator")
def test_a_generated_portfolio_is_taken_whole(tmp_path: Path, source: Path) -> None:
    """Single files from elsewhere do not fit into a generated portfolio."""
    files = {"bureau.csv": SourceSettings(uri=str(source))}
    assert "consistent only as a whole" in refusal(tmp_path, "synthetic", files=files)
