from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from creditrisk.reporting.pictures import Captions, write_pictures
from creditrisk.reporting.plot_data import ScoredOutcomes, plot_tables
from creditrisk.reporting.style import new_figure, percent, png_bytes

VALUES = {
    "roc_auc": 0.75,
    "roc_auc_low": 0.74,
    "roc_auc_high": 0.76,
    "default_rate": 0.08,
    "mean_pd": 0.081,
    "threshold": 0.15,
    "confidence": 0.95,
}


def draw(folder: Path, rows: int = 400, values: dict[str, float] = VALUES, **changes: Any) -> None:
    """Draw all pictures of a small sample."""
    generator = np.random.default_rng(0)
    pd = 1 / (1 + np.exp(2.7 - generator.standard_normal(rows)))
    fields = {
        "target": (np.arange(rows) % 12 == 0).astype(np.int8),
        "pd": pd,
        "threshold": 0.15,
        "importance": {f"FEATURE_{index}": 1 / 30 for index in range(30)},
        "bands": 10,
        "confidence": 0.95,
    }
    tables = plot_tables(ScoredOutcomes(**{**fields, **changes}))
    folder.mkdir(exist_ok=True)
    write_pictures(tables, Captions("test side: 400 applicants", values), folder)


def chunk_kinds(png: bytes) -> list[str]:
    """The kinds of a PNG's chunks, in order."""
    kinds, place = [], 8
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        kinds.append(kind.decode())
        place += 12 + length
    return kinds


def test_every_picture_is_drawn(tmp_path: Path) -> None:
    """The eight pictures of the evaluation are there, and each is more than a blank sheet."""
    draw(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png")} == {
        "roc",
        "precision_recall",
        "ks",
        "calibration",
        "score_distribution",
        "deciles",
        "confusion",
        "importance",
    }
    blank = len(png_bytes(new_figure("", "")[0]))
    assert all(path.stat().st_size > blank + 2_000 for path in tmp_path.glob("*.png"))


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    """Pictures are tracked by DVC: nothing in them depends on when or where they are drawn."""
    draw(tmp_path / "first")
    draw(tmp_path / "second")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_pictures_carry_no_text_chunks(tmp_path: Path) -> None:
    """No software name, version or date stands in the file."""
    draw(tmp_path)
    for path in tmp_path.iterdir():
        assert not {"tEXt", "iTXt", "zTXt", "tIME"} & set(chunk_kinds(path.read_bytes()))


@pytest.mark.parametrize(
    "changes",
    [
        {"pd": np.full(400, 0.08)},
        {"pd": np.zeros(400)},
        {"pd": np.ones(400)},
        {"pd": (np.arange(400) % 12 == 0).astype(float)},
        {"rows": 4, "target": np.array([0, 1, 0, 1]), "pd": np.array([0.1, 0.2, 0.3, 0.4])},
        {"importance": {"ONLY": 1.0}},
        {"importance": {"IDLE": 0.0, "IDLE_TOO": 0.0}},
        {"threshold": 1.0},
        {"threshold": 0.0},
    ],
    ids=[
        "constant",
        "zero",
        "one",
        "perfect",
        "four rows",
        "one feature",
        "no importance",
        "highest threshold",
        "lowest threshold",
    ],
)
def test_extreme_models_are_drawn_without_a_warning(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """What a broken or a tiny model gives still becomes eight pictures (warnings are errors)."""
    draw(tmp_path, **changes)
    assert len(list(tmp_path.glob("*.png"))) == 8


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    """A value without a number is written as such, not as zero."""
    captions = Captions("", VALUES)
    assert captions.value("calibration_slope") == "not measured"
    assert captions.value("roc_auc") == "0.750"
    assert captions.interval("roc_auc") == "0.750 (0.740 to 0.760)"
    draw(tmp_path)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0807, "8.1 %"), (0.1234, "12 %"), (0.05, "5 %"), (1, "100 %")]
)
def test_percentages_are_short(share: float, text: str) -> None:
    """Two figures are enough to read a picture."""
    assert percent(share) == text


def test_no_global_state_is_touched(tmp_path: Path) -> None:
    """Drawing opens no pyplot figure and changes no setting of matplotlib."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(tmp_path)
    assert dict(mpl.rcParams) == before
