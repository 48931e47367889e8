from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from creditrisk.core.settings import ExplanationSettings, PolicySettings
from creditrisk.testing.checks import Check, attempt
from creditrisk.testing.fidelity import Additivity, Deletion, FidelityMeasurement, Stability
from creditrisk.testing.validation.evidence import Evidence
from creditrisk.testing.validation.explanations import rules


def measured(**parts: Any) -> FidelityMeasurement:
    """A measurement in which everything holds, but for the parts given."""
    sound = {
        "additivity": Additivity(rows=100, largest_gap=1e-12, tolerance=1e-9),
        "deletion": deletion(wins=98),
        "stability": Stability(rows=100, unstable=0),
        "unnamed_share": 0.1,
    }
    return FidelityMeasurement(**(sound | parts))


def deletion(wins: int) -> Deletion:
    """Wins in 100 cases."""
    share = wins / 100
    return Deletion(
        declined=400, cases=100, confidence=0.95, wins=wins, share=share, low=0.9, high=0.99
    )


def checks(
    folder: Path, measurement: FidelityMeasurement, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Check]:
    """The checks of a measurement by id."""
    monkeypatch.setattr(
        "creditrisk.testing.validation.explanations.measure_fidelity", lambda *_, **__: measurement
    )
    path = folder / "manifest.json"
    path.write_text("{}")
    paths = SimpleNamespace(manifest=path, side=lambda _: path)
    evidence = SimpleNamespace(paths=paths, scorer=None, test_side=None)
    found = rules(cast("Evidence", evidence), PolicySettings(), ExplanationSettings())
    return {rule.id: attempt(rule, lambda _: "0" * 64, required=True) for rule in found}


def test_sound_reasons_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Additive, telling in 98 of 100 cases, always the same."""
    found = checks(tmp_path, measured(), monkeypatch)
    assert {check.status for check in found.values()} == {"passed"}


@pytest.mark.parametrize(
    ("part", "check"),
    [
        ({"additivity": Additivity(100, 1e-6, 1e-9)}, "reason_additivity"),
        ({"deletion": deletion(wins=94)}, "reason_fidelity"),
        ({"stability": Stability(rows=100, unstable=1)}, "reason_stability"),
    ],
)
def test_a_defect_fails_its_check_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: dict[str, Any], check: str
) -> None:
    """Each property has a check of its own."""
    found = checks(tmp_path, measured(**part), monkeypatch)
    assert [name for name, one in found.items() if one.status == "failed"] == [check]


def test_nobody_declined_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasons that were never given are not shown to be true."""
    nobody = measured(deletion=Deletion(0, 0, 0.95), stability=Stability(0, 0), unnamed_share=None)
    found = checks(tmp_path, nobody, monkeypatch)
    assert found["reason_fidelity"].status == found["reason_stability"].status == "not measured"
    assert "nobody is declined" in (found["reason_fidelity"].reason or "")
