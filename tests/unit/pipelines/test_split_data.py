from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from creditrisk.contracts.errors import ContractViolated
from creditrisk.contracts.verdicts import StageVerdict, ValidationSummary
from creditrisk.core.errors import MissingFile
from creditrisk.data.split import SIDES, EmptySide, UnexpectedColumns
from creditrisk.pipelines import split_data

FEATURES = Path("data/processed/feature_store.parquet")
VERDICT = Path("reports/validation/split_data.json")

Rewrite = Callable[[Path, Callable[[pa.Table], pa.Table]], None]


def replaced(name: str, values: Any) -> Callable[[pa.Table], pa.Table]:
    """An edit that gives a column other values."""
    return lambda table: table.set_column(table.column_names.index(name), name, values(table))


def test_sides_and_their_verdict_are_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By default the stage reads and writes the paths of dvc.yaml and says what each side holds."""
    split_data.main()
    rows = {side: pq.read_metadata(f"data/splits/{side}.parquet").num_rows for side in SIDES}
    assert sum(rows.values()) == 1_500
    verdict = StageVerdict.read(project / VERDICT)
    assert verdict.status == "passed"
    assert {table.table for table in verdict.tables} == {"splits.rows", "splits.sides"}
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(SIDES)


def test_every_path_is_a_flag(project: Path, tmp_path: Path) -> None:
    """The stage runs outside DVC on files of any name."""
    (project / FEATURES).rename(project / "store.parquet")
    (project / "data/processed/feature_metadata.json").rename(project / "metadata.json")
    (project / "settings.yaml").write_text("split: {seed: 3}\n")
    split_data.main(
        features=Path("store.parquet"),
        metadata=Path("metadata.json"),
        out=tmp_path / "sides",
        validation=tmp_path / "verdict.json",
        summary=tmp_path / "summary.json",
        params=Path("settings.yaml"),
    )
    assert {path.stem for path in (tmp_path / "sides").iterdir()} == set(SIDES)
    assert (tmp_path / "verdict.json").exists()


def test_a_broken_contract_refuses_the_sides(project: Path, rewrite: Rewrite) -> None:
    """The verdict says what is wrong, in the summary too, and no side is kept."""
    rewrite(project / FEATURES, replaced("CODE_GENDER", lambda t: pa.array(["?"] * t.num_rows)))
    with pytest.raises(ContractViolated, match="CODE_GENDER"):
        split_data.main()
    assert StageVerdict.read(project / VERDICT).status == "failed"
    assert ValidationSummary.read(project / "reports/validation_summary.json").status == "failed"
    assert not (project / "data/splits").exists()


def test_a_table_of_another_metadata_is_refused(project: Path, rewrite: Rewrite) -> None:
    """A column that the metadata does not know stops the stage."""
    rewrite(project / FEATURES, lambda table: table.append_column("EXTRA", table["TARGET"]))
    with pytest.raises(UnexpectedColumns, match="has unknown EXTRA"):
        split_data.main()


def test_a_side_too_small_is_refused_before_anything_is_written(
    project: Path, rewrite: Rewrite
) -> None:
    """Three applicants cannot fill four sides."""
    rewrite(project / FEATURES, lambda t: t.sort_by([("TARGET", "descending")]).slice(0, 2))
    rewrite(project / FEATURES, replaced("TARGET", lambda _: pa.array([0, 1], pa.int32())))
    with pytest.raises(EmptySide):
        split_data.main()
    assert not (project / VERDICT).exists()


def test_missing_metadata_is_named(project: Path) -> None:
    """The refusal says which report is missing."""
    (project / "data/processed/feature_metadata.json").unlink()
    with pytest.raises(MissingFile, match=r"feature_metadata\.json"):
        split_data.main()
