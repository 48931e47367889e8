from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from simulated_lending import sealed

from creditrisk.core.files import sha256_of
from creditrisk.core.settings import ResourceSettings, SplitSettings
from creditrisk.data.split import split_features, split_files
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.hold_out import HoldOut, HoldOutUnproven, prove_hold_out, read_units

ROWS = 2_000


def features(folder: Path) -> Path:
    """A table of applicants, two of a household."""
    path = folder / "features.parquet"
    ids = list(range(100_001, 100_001 + ROWS))
    columns = {
        "SK_ID_CURR": ids,
        "HOUSEHOLD": [f"h{number // 2}" for number in ids],
        "TARGET": [int(hashlib.md5(str(number).encode()).digest()[0] < 40) for number in ids],  # noqa: S324 - a die
    }
    parquet.write_table(pa.table(columns), path)
    return path


def splits(folder: Path, settings: SplitSettings) -> Path:
    """The split that the pipeline makes of that table."""
    table, out = features(folder), folder / "splits"
    columns = ["SK_ID_CURR", "HOUSEHOLD", "TARGET"]
    split_features(
        table, out, settings, ResourceSettings(threads=1), columns=columns, check=lambda *_: None
    )
    return out


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests give it the splits that it is to have been trained on."""
    return sealed(tmp_path_factory.mktemp("model"))


def trained_on(bundle: Bundle, folder: Path) -> Bundle:
    """The bundle as if it had been trained on that split."""
    hashes = {side: sha256_of(path) for side, path in split_files(folder).items() if side != "test"}
    snapshot = bundle.manifest.snapshot.model_copy(update={"splits": hashes})
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"snapshot": snapshot}))


@pytest.mark.parametrize(
    "changes",
    [{}, {"seed": 99}, {"group_column": "HOUSEHOLD"}],
    ids=["default", "seed", "groups"],
)
def test_the_rule_is_that_of_the_split(tmp_path: Path, changes: dict[str, Any]) -> None:
    """It holds exactly the applicants whom split_data puts on the test side."""
    settings = SplitSettings.model_validate(changes)
    rule = HoldOut.of(settings)
    for side, path in split_files(splits(tmp_path, settings)).items():
        held = rule.holds(read_units(path, rule))
        assert held.all() if side == "test" else not held.any()


def test_a_model_s_own_rows_prove_its_rule(untrained: Bundle, tmp_path: Path) -> None:
    """Where no trained-on row is on the test side, the rule is that of the settings."""
    settings = SplitSettings()
    folder = splits(tmp_path, settings)
    rule = prove_hold_out(trained_on(untrained, folder), folder, settings)
    assert rule == HoldOut(seed=settings.seed, test_share=settings.shares.test)


def test_another_seed_is_not_believed(untrained: Bundle, tmp_path: Path) -> None:
    """Settings that were changed after the split put trained-on rows on the test side."""
    folder = splits(tmp_path, SplitSettings())
    with pytest.raises(HoldOutUnproven, match=r"rows of .*stand on the test side .*seed 8"):
        prove_hold_out(trained_on(untrained, folder), folder, SplitSettings(seed=8))


def test_other_split_files_prove_nothing(untrained: Bundle, tmp_path: Path) -> None:
    """The files must be those that the bundle names."""
    folder = splits(tmp_path, SplitSettings())
    with pytest.raises(HoldOutUnproven, match="is not the file that it was trained on"):
        prove_hold_out(untrained, folder, SplitSettings())


def test_a_missing_file_proves_nothing(untrained: Bundle, tmp_path: Path) -> None:
    """Each trained-on side must be there."""
    folder = splits(tmp_path, SplitSettings())
    bundle = trained_on(untrained, folder)
    (folder / "calibration.parquet").unlink()
    with pytest.raises(HoldOutUnproven, match=r"calibration\.parquet does not exist"):
        prove_hold_out(bundle, folder, SplitSettings())
