"""The summary of a delivery."""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.errors import UnreadableReport
from creditrisk.reporting.delivery import DeliveryStep, delivery_summary


def step(report: Path, outcome: str = "done") -> DeliveryStep:
    def read(path: Path) -> str:
        if not path.read_text():
            raise UnreadableReport(path, "Report", "empty")
        return outcome

    return DeliveryStep("Deployment", report, "not deployed", read)


def test_a_step_without_report_was_not_done(tmp_path: Path) -> None:
    """What left no report is told as not done, never as done."""
    assert "| Deployment | not deployed | `" in delivery_summary([step(tmp_path / "absent.json")])


def test_a_damaged_report_is_told(tmp_path: Path) -> None:
    """A report that cannot be read hides no other."""
    (tmp_path / "damaged.json").write_text("")
    (tmp_path / "whole.json").write_text("{}")
    text = delivery_summary([step(tmp_path / "damaged.json"), step(tmp_path / "whole.json")])
    assert "unreadable: " in text
    assert "| done |" in text


def test_a_sentence_stays_in_its_cell(tmp_path: Path) -> None:
    """Line ends and bars of a sentence break no table."""
    (tmp_path / "whole.json").write_text("{}")
    text = delivery_summary([step(tmp_path / "whole.json", "one\ntwo | three")])
    assert "| one two \\| three |" in text
