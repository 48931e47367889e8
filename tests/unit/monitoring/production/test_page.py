from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from production_pulls import SETTINGS, Model, measured, production_rows, pulled

from creditrisk.monitoring.production.measurement import measure_production
from creditrisk.monitoring.production.page import production_page
from creditrisk.monitoring.production.report import Window


def test_a_page_says_what_the_report_says(tmp_path: Path, model: Model) -> None:
    """Decisions, counts, broken rules and what was not measured stand on it in words."""
    incomes = pa.array(["Astronaut"] * 7 + ["Working"] * 2_993)
    report = measured(production_rows(NAME_INCOME_TYPE=incomes), tmp_path, model)
    page = production_page(report, drawn_columns=2)
    assert page.status == report.status
    assert page.facts["Unseen categories"] == "7 cells"
    assert page.facts["Approved"].startswith(f"{report.predictions.approval.current_share:.1%}")  # type: ignore[union-attr]
    (violation,) = page.lists["Contract violations"]
    assert violation.startswith("features.NAME_INCOME_TYPE.categories: 7 of 3,000")
    assert page.lists["Not measured"] == [
        "domain classifier: no rows of training were given (--reference)"
    ]


def test_a_page_without_pds_says_why(tmp_path: Path, model: Model) -> None:
    """Nothing stands in their place."""
    report = measured(production_rows(300).drop(["CNT_CHILDREN"]), tmp_path, model)
    facts = production_page(report, drawn_columns=2).facts
    assert "CNT_CHILDREN" in facts["Predictions"]
    assert "Approved" not in facts
    assert facts["Inputs"].endswith("1 not measured")


def test_moments_are_shown_where_they_are_known(tmp_path: Path, model: Model) -> None:
    """A file has none of its own."""
    report = measure_production(pulled(production_rows(300), tmp_path), model.scorer, SETTINGS)
    times = {
        "first_at": datetime(2026, 5, 1, tzinfo=UTC),
        "last_at": datetime(2026, 5, 31, tzinfo=UTC),
    }
    window = Window.model_validate({**report.window.model_dump(), **times})
    timed = report.model_copy(update={"window": window})
    assert "from 2026-05-01" in production_page(timed, 2).facts["Measured"]
    assert "from" not in production_page(report, 2).facts["Measured"]
