"""The command that generates a portfolio."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.core.errors import InvalidSettings
from creditrisk.pipelines.generate_data import main, synthetic_settings

PARAMS = """
ingest:
  synthetic: {applicants: 40, seed: 8, months: 2, scenario: {kind: prior, from_month: 2}}
"""


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """A settings file with a generator section."""
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    return path


def test_flags_override_the_file(params: Path) -> None:
    """A flag that is given replaces one value, the others stay."""
    settings = synthetic_settings(params, {"applicants": 5, "seed": None}, {"strength": 0.5})
    assert (settings.applicants, settings.seed) == (5, 8)
    assert settings.scenario.model_dump() == {"kind": "prior", "strength": 0.5, "from_month": 2}


def test_flags_out_of_range_are_refused(params: Path) -> None:
    """The message names the field."""
    with pytest.raises(InvalidSettings, match="applicants"):
        synthetic_settings(params, {"applicants": 0}, {})


def test_command_writes_raw_files_and_truth(tmp_path: Path, params: Path) -> None:
    """The portfolio and its production months are there afterwards."""
    main(out=tmp_path / "raw", truth=tmp_path / "truth", params=params, threads=1)
    assert len(list((tmp_path / "raw").glob("*.csv"))) == 8
    assert len(list((tmp_path / "truth" / "production").glob("*.parquet"))) == 2
