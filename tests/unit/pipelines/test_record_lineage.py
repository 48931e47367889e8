from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.lineage import BrokenLineage, DataLineage
from creditrisk.pipelines import record_lineage

LINEAGE = Path("reports/data_lineage.json")


def test_the_chain_ends_in_the_bundle(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report of a real training run holds its raw checksums and its bundle."""
    record_lineage.main()
    lineage = DataLineage.read(LINEAGE)
    assert lineage.bundle.sha256 == Bundle.load(trained / "models/credit_risk_pd").sha256
    assert lineage.raw["application_train.csv"].sha256 == "a" * 64
    assert lineage.parameters["fit_model"]["max_trees"] == 40
    assert f"chain {lineage.chain_sha256[:12]}" in capsys.readouterr().out


def test_recording_twice_gives_the_same_bytes(trained: Path) -> None:
    """DVC tracks the file."""
    assert trained.is_dir()
    record_lineage.main()
    first = LINEAGE.read_bytes()
    record_lineage.main()
    assert LINEAGE.read_bytes() == first


def test_a_broken_chain_leaves_no_report(trained: Path) -> None:
    """The report of an earlier, sound chain does not outlive it."""
    record_lineage.main()
    (trained / "data/splits/train.parquet").write_bytes(b"other rows")
    with pytest.raises(BrokenLineage, match="split train"):
        record_lineage.main()
    assert not LINEAGE.exists()


def test_every_path_is_a_flag(trained: Path, tmp_path: Path) -> None:
    """Outside DVC the stage reads and writes what it is told."""
    for name in ("data", "models", "reports", "params.yaml"):
        (trained / name).rename(trained / f"other_{name}")
    record_lineage.main(
        ingestion_summary=Path("other_reports/ingestion_summary.json"),
        metadata=Path("other_data/processed/feature_metadata.json"),
        features=Path("other_data/processed/feature_store.parquet"),
        splits=Path("other_data/splits"),
        bundle=Path("other_models/credit_risk_pd"),
        out=tmp_path / "lineage.json",
        params=Path("other_params.yaml"),
    )
    assert DataLineage.read(tmp_path / "lineage.json").raw
