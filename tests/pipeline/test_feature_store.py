"""`build_feature_store` from CSV files to Parquet, under contract."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from creditrisk.contracts.errors import ContractViolated
from creditrisk.contracts.tables import RAW_FILES
from creditrisk.contracts.verdicts import StageVerdict
from creditrisk.core.settings import ContractSettings, ResourceSettings, SyntheticSettings
from creditrisk.data.synthetic import generate_portfolio
from creditrisk.features.catalogue import load_catalogue
from creditrisk.features.feature_store import (
    FeaturesNotComputed,
    GroupColumnIsFeature,
    build_feature_store,
    validation_runner,
)
from creditrisk.features.metadata import FeatureMetadata

APPLICANTS = 300
Row = dict[str, str]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    settings = SyntheticSettings(applicants=APPLICANTS)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=1)
    return folder / "raw"


@dataclass(frozen=True)
class Store:
    """A folder of raw files and what is made of them."""

    folder: Path

    @property
    def raw(self) -> Path:
        """The raw files."""
        return self.folder / "raw"

    @property
    def out(self) -> Path:
        """The feature table."""
        return self.folder / "features.parquet"

    @property
    def verdict(self) -> StageVerdict:
        """What the contracts found."""
        return StageVerdict.read(self.folder / "verdict.json")

    @property
    def metadata(self) -> FeatureMetadata:
        """What is said about the columns."""
        return FeatureMetadata.read(self.folder / "metadata.json")

    def build(self, threads: int = 2, memory_limit: str = "2GB", **options: Any) -> StageVerdict:
        """Run the build."""
        return build_feature_store(
            self.raw,
            self.out,
            self.folder / "metadata.json",
            validation_out=self.folder / "verdict.json",
            summary_out=self.folder / "summary.json",
            resources=ResourceSettings(threads=threads, memory_limit=memory_limit),
            runner=validation_runner(ContractSettings()),
            **options,
        )

    def rows(self, columns: str = "*") -> list[tuple[Any, ...]]:
        """Rows of the feature table."""
        return duckdb.read_parquet(str(self.out)).project(columns).fetchall()

    def change(self, name: str, change: Callable[[list[Row]], list[Row]]) -> None:
        """Rewrite a raw file with its rows changed."""
        path = self.raw / name
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        header = rows[0].keys()
        changed = change(rows)
        with path.open("w", encoding="utf-8", newline="") as stream:
            fields = changed[0].keys() if changed else header
            writer = csv.DictWriter(stream, fields, lineterminator="\n")
            writer.writeheader()
            writer.writerows(changed)


@pytest.fixture
def store(generated: Path, tmp_path: Path) -> Store:
    shutil.copytree(generated, tmp_path / "raw")
    return Store(tmp_path)


def with_value(column: str, value: str) -> Callable[[list[Row]], list[Row]]:
    """Set one column of the first row."""
    return lambda rows: [rows[0] | {column: value}, *rows[1:]]


def test_one_row_an_applicant_in_key_order(store: Store) -> None:
    """The table has every applicant of the file once, sorted, and says what its columns are."""
    store.build()
    keys = [key for (key,) in store.rows("SK_ID_CURR")]
    assert keys == sorted(set(keys))
    assert len(keys) == APPLICANTS
    columns = duckdb.sql(f"from '{store.out}'").columns
    assert columns == ["SK_ID_CURR", *load_catalogue().names, "TARGET"]
    assert columns == [column.name for column in store.metadata.columns]


def test_columns_have_the_types_that_the_metadata_says(store: Store) -> None:
    """Integers are 64 bits wide, reals doubles, categories text."""
    store.build()
    types = {"integer": "BIGINT", "real": "DOUBLE", "category": "VARCHAR"}
    stored = [str(kind) for kind in duckdb.sql(f"from '{store.out}'").types]
    assert stored == [types[column.type] for column in store.metadata.columns]


def test_threads_change_no_byte(store: Store) -> None:
    """The Parquet file is the same at 1, 2 and 4 threads."""
    files = set()
    for threads in (1, 2, 4):
        store.build(threads=threads)
        files.add(store.out.read_bytes())
    assert len(files) == 1


def test_order_of_rows_changes_no_byte(store: Store) -> None:
    """The Parquet file is the same whatever the order of rows in the raw files."""
    store.build()
    before = store.out.read_bytes()
    for name in RAW_FILES:
        store.change(name, lambda rows: rows[1::2] + rows[::2][::-1])
    store.build()
    assert store.out.read_bytes() == before


def test_categories_with_commas_survive(store: Store) -> None:
    """A category that is quoted in the file because of its comma arrives whole."""
    store.change("application_train.csv", with_value("NAME_TYPE_SUITE", "Spouse, partner"))
    store.change("application_train.csv", with_value("WALLSMATERIAL_MODE", "Stone, brick"))
    store.change("application_train.csv", with_value("NAME_HOUSING_TYPE", "House / apartment"))
    store.build()
    assert store.rows("NAME_HOUSING_TYPE")[0] == ("House / apartment",)


def test_odd_spellings_change_no_byte(store: Store) -> None:
    """Files that only the careful loader reads give the bytes that plain ones give."""
    store.build()
    plain = store.out.read_bytes()
    for name in RAW_FILES:
        path = store.raw / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    store.build()
    assert store.out.read_bytes() == plain


def test_empty_histories_give_nulls(store: Store) -> None:
    """Files with a header and nothing else are legal; their features are null."""
    for name in RAW_FILES:
        if not name.startswith("application"):
            store.change(name, lambda _: [])
    store.build()
    histories = [f.name for f in load_catalogue() if not f.source.startswith("application")]
    assert {value for row in store.rows(", ".join(histories)) for value in row} == {None}


def test_one_applicant_is_enough(store: Store) -> None:
    """A portfolio of one applicant has a feature table of one row."""
    store.change("application_train.csv", lambda rows: rows[:1])
    store.build()
    assert len(store.rows()) == 1


def test_applicants_without_outcome(store: Store) -> None:
    """Of a file without TARGET the features are the same, without TARGET."""
    store.build()
    labelled = store.rows("* exclude (TARGET)")
    rows = (store.raw / "application_train.csv").read_text().splitlines()
    cells = list(csv.reader(rows))
    with (store.raw / "application_new.csv").open("w", newline="") as stream:
        position = cells[0].index("TARGET")
        csv.writer(stream).writerows([c[:position] + c[position + 1 :] for c in cells])
    store.build(applications="application_new.csv")
    assert store.rows() == labelled
    assert store.metadata.names("target") == ()


def test_group_column_is_carried_through(store: Store) -> None:
    """A further column of the application file stands last, with the role of a group."""
    numbered = lambda rows: [row | {"HOUSEHOLD": f"h{i}"} for i, row in enumerate(rows)]  # noqa: E731
    store.change("application_train.csv", numbered)
    store.build(group_column="HOUSEHOLD")
    assert store.metadata.names("group") == ("HOUSEHOLD",)
    assert {group for (group,) in store.rows("HOUSEHOLD")} == {f"h{i}" for i in range(APPLICANTS)}


def test_raw_columns_can_be_groups(store: Store) -> None:
    """A raw column that no feature copies may keep applications together."""
    store.build(group_column="ORGANIZATION_TYPE")
    assert store.metadata.columns[-1].role == "group"
    assert store.metadata.columns[-1].categories


def test_features_are_no_groups(store: Store) -> None:
    """A signed-off feature is refused as group column."""
    with pytest.raises(GroupColumnIsFeature, match="CODE_GENDER"):
        store.build(group_column="CODE_GENDER")


def test_violations_of_all_tables_are_reported_together(store: Store) -> None:
    """A broken rule, a wrong type and a missing file are named at once, and nothing is replaced."""
    store.out.write_text("old")
    store.change("bureau.csv", with_value("DAYS_CREDIT", "7"))
    store.change("previous_application.csv", with_value("AMT_CREDIT", "plenty"))
    (store.raw / "credit_card_balance.csv").unlink()
    with pytest.raises(ContractViolated) as refusal:
        store.build()
    for words in ("bureau.DAYS_CREDIT.range", "line 2, column AMT_CREDIT holds 'plenty'"):
        assert words in str(refusal.value)
    assert "credit_card_balance.csv does not exist" in str(refusal.value)
    assert store.out.read_text() == "old"
    assert store.verdict.status == "failed"


def test_verdict_covers_raw_tables_and_features(store: Store) -> None:
    """The report has the seven raw tables and the feature table, with their rows."""
    store.build()
    tables = {table.table: table.rows for table in store.verdict.tables}
    assert set(tables) == {*RAW_FILES.values(), "features"}
    assert tables["features"] == tables["application"] == APPLICANTS


def orphans(store: Store) -> int:
    """How many bureau credits lead to no application, as samples of a broken rule tell."""
    tables = {table.table: table for table in store.verdict.tables}
    found = [o for o in tables["bureau"].findings if o.rule == "bureau.known_application"]
    return sum(outcome.violations for outcome in found)


def test_applicants_without_outcome_are_known(store: Store) -> None:
    """Credits of application_test's applicants are no orphans, and no feature changes by them."""
    store.change("application_train.csv", lambda rows: rows[::2])
    store.build()
    with_them = store.out.read_bytes()
    few = orphans(store)
    (store.raw / "application_test.csv").unlink()
    store.build()
    assert orphans(store) > few
    assert store.out.read_bytes() == with_them


def test_a_hole_between_extremes_is_found(store: Store) -> None:
    """A value that its column's least and greatest enclose can still break a rule."""
    store.change("application_train.csv", with_value("DAYS_EMPLOYED", "7"))
    with pytest.raises(ContractViolated, match="days_employed_past: 1 of"):
        store.build()


def test_unbearable_ratios_are_refused_in_words(store: Store) -> None:
    """An amount so small that its ratio fits nowhere stops the build with the file's name."""
    tiny = with_value("AMT_CREDIT", "1e-30")
    store.change("previous_application.csv", with_value("AMT_APPLICATION", "100000"))
    store.change("previous_application.csv", tiny)
    with pytest.raises(FeaturesNotComputed, match="previous_application"):
        store.build()


def run_stage(store: Store, *options: str) -> subprocess.CompletedProcess[str]:
    """The stage as a process, in a folder without params.yaml."""
    module = "-m creditrisk.pipelines.build_feature_store --raw raw"
    outputs = "--out f.parquet --metadata m.json --validation v.json --summary s.json"
    return subprocess.run(
        [sys.executable, *module.split(), *outputs.split(), *options],
        cwd=store.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_stage_runs_outside_dvc(store: Store) -> None:
    """Flags alone are enough: the stage works without params.yaml and writes what it is told to."""
    process = run_stage(store, "--threads", "1", "--memory-limit", "1GB")
    assert process.returncode == 0, process.stderr
    assert f"{APPLICANTS} applicants" in process.stdout
    written = {path.name for path in store.folder.iterdir()}
    assert written == {"raw", "f.parquet", "m.json", "v.json"}


def test_the_stage_exits_with_1_on_broken_data(store: Store) -> None:
    """Refused data exits with 1 and a message without a stack trace."""
    store.change("application_train.csv", with_value("CODE_GENDER", "Q"))
    process = run_stage(store)
    assert process.returncode == 1
    assert "application.CODE_GENDER.categories: 1 of" in process.stderr
    assert "Traceback" not in process.stderr


def test_the_stage_refuses_settings_that_are_not_there(store: Store) -> None:
    """Settings that were asked for by name must exist."""
    process = run_stage(store, "--params", "other.yaml")
    assert process.returncode != 0
    assert "other.yaml does not exist" in process.stderr
