"""The command that prints a scorecard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from simulated_lending import sealed

from creditrisk.mlops.bundle import Bundle
from creditrisk.models.scorecard import Scorecard
from creditrisk.pipelines import show_scorecard


@pytest.fixture
def scorecard_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A sealed scorecard, and a terminal that is wide enough."""
    monkeypatch.setenv("COLUMNS", "140")
    return sealed(tmp_path, "scorecard")


def test_every_bin_is_printed_with_its_points(
    scorecard_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of the table in the bundle is a line of the output."""
    show_scorecard.main(bundle=scorecard_bundle.folder)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    scorecard = Scorecard.model_validate_json(scorecard_bundle.contents["scorecard.json"])
    for each in scorecard.characteristics:
        for one in each.all_bins():
            words = [*one.label.split(), f"{one.points:+d}", f"{one.rows:,}"]
            assert any(words in (line[: len(words)], line[1 : len(words) + 1]) for line in printed)


def test_a_score_is_printed_with_its_calibrated_pd(
    scorecard_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    """The PD beside the start is what the calibration makes of it."""
    show_scorecard.main(bundle=scorecard_bundle.folder)
    scorecard = Scorecard.model_validate_json(scorecard_bundle.contents["scorecard.json"])
    start = scorecard.scaling.log_odds(np.array([scorecard.start_points]))
    pd = float(scorecard_bundle.manifest.calibration.probabilities(start)[0])
    expected = [str(scorecard.start_points), f"{100 * pd:.2f}", "%"]
    assert any(line.split()[:3] == expected for line in capsys.readouterr().out.splitlines())


def test_another_model_has_no_table(tmp_path: Path) -> None:
    """A bundle of another type is refused as misuse, and the sentence says of which."""
    with pytest.raises(show_scorecard.NoScorecard, match="type logistic") as refusal:
        show_scorecard.main(bundle=sealed(tmp_path, "logistic").folder)
    assert refusal.value.exit_code == 2
