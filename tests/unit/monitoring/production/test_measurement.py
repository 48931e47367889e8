from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from production_pulls import SETTINGS, Model, measured, production_rows, pulled, saved

from creditrisk.core.errors import MissingFile
from creditrisk.monitoring.production.errors import ForeignReference
from creditrisk.monitoring.production.measurement import measure_production, training_rows
from creditrisk.monitoring.production.report import ProductionDriftReport


def status_of(report: ProductionDriftReport, name: str) -> str:
    """The verdict on one input."""
    return next(shift.status for shift in report.features if shift.name == name)


def reasons(report: ProductionDriftReport) -> dict[str, str]:
    """What was not measured, and why."""
    return {one.what: one.why for one in report.not_measured}


def doubled(rows: int = 3_000) -> pa.Table:
    """Applicants who ask for twice the credit."""
    table = production_rows(rows)
    ratio = table.column("CREDIT_TO_INCOME").to_numpy() * 2
    return production_rows(rows, CREDIT_TO_INCOME=pa.array(ratio, mask=np.isnan(ratio)))


def test_the_population_of_training_is_stable(tmp_path: Path, model: Model) -> None:
    """Everything but the optional domain classifier is measured, and nothing is found."""
    report = measured(production_rows(), tmp_path, model)
    assert (report.status, report.drift_detected, report.drift_share) == ("stable", False, 0.0)
    assert (report.contract_violations, report.unseen_categories) == (0, 0)
    assert reasons(report) == {"domain classifier": "no rows of training were given (--reference)"}
    assert report.bundle_sha256 == model.scorer.bundle_sha256


def test_a_moved_input_moves_the_answers(tmp_path: Path, model: Model) -> None:
    """Input, score and share of the approved drift together; other inputs stay."""
    report = measured(doubled(), tmp_path, model)
    assert report.status == status_of(report, "CREDIT_TO_INCOME") == "drifted"
    assert status_of(report, "EXT_SOURCE_2") == "stable"
    assert report.drift_detected
    assert report.predictions is not None
    assert report.predictions.approval.status == "drifted"
    assert report.predictions.approval.difference < -0.05


def test_a_missing_column_is_named_and_so_is_what_hangs_on_it(tmp_path: Path, model: Model) -> None:
    """Without an input there is no PD; the other inputs are measured, and nothing is 'stable'."""
    report = measured(production_rows().drop(["CNT_CHILDREN"]), tmp_path, model)
    assert reasons(report)["CNT_CHILDREN"] == "the pull has no such column"
    assert "CNT_CHILDREN" in reasons(report)["PD"]
    assert "CNT_CHILDREN" in reasons(report)["decisions"]
    assert (report.predictions, report.status, report.drift_detected) == (
        None,
        "not measured",
        None,
    )
    assert status_of(report, "EXT_SOURCE_2") == "stable"
    assert report.contract_violations == 1


def test_drift_is_told_although_a_column_is_missing(tmp_path: Path, model: Model) -> None:
    """What could not be measured hides nothing that was found."""
    report = measured(doubled().drop(["CNT_CHILDREN"]), tmp_path, model)
    assert (report.status, report.drift_detected) == ("drifted", True)


def test_a_further_column_is_listed_and_breaks_nothing(tmp_path: Path, model: Model) -> None:
    """Columns with the names of answers too: a scored file is a pull like any other."""
    table = production_rows(100, probability=np.zeros(100), SHOE_SIZE=np.arange(100))
    report = measured(table, tmp_path, model)
    assert report.extra_columns == ("probability", "SHOE_SIZE")
    assert report.contract_violations == 0


def test_a_column_without_values_is_never_stable(tmp_path: Path, model: Model) -> None:
    """A source that stops delivering is drift; a null column has no type of its own."""
    report = measured(production_rows(EXT_SOURCE_2=pa.nulls(3_000)), tmp_path, model)
    assert status_of(report, "EXT_SOURCE_2") == "drifted"


def test_one_row_measures_nothing(tmp_path: Path, model: Model) -> None:
    """Every verdict is 'not measured', with its reason."""
    report = measured(production_rows(1), tmp_path, model)
    assert {shift.status for shift in (report.score, *report.features)} == {"not measured"}
    assert (report.status, report.drift_detected, report.drift_share) == (
        "not measured",
        None,
        None,
    )
    assert {"PD", "approvals", "declines", "CNT_CHILDREN"} <= set(reasons(report))


def test_an_unseen_category_is_counted_and_named(tmp_path: Path, model: Model) -> None:
    """It is both a broken rule and a new text."""
    incomes = ["Astronaut"] * 7 + ["Working"] * 2_993
    report = measured(production_rows(NAME_INCOME_TYPE=incomes), tmp_path, model)
    assert report.unseen_categories == 7
    (shift,) = (one for one in report.features if one.name == "NAME_INCOME_TYPE")
    assert [new.category for new in shift.new_categories] == ["Astronaut"]
    assert {rule.rule: rule.violations for rule in report.broken_rules} == {
        "features.NAME_INCOME_TYPE.categories": 7
    }


def test_answers_that_were_given_count_in_place_of_the_model_s(
    tmp_path: Path, model: Model
) -> None:
    """Prediction drift is that of what applicants were told."""
    pull = pulled(production_rows(), tmp_path)
    told = replace(pull, scores=np.full(3_000, 0.5))
    report = measure_production(told, model.scorer, SETTINGS)
    assert report.predictions is not None
    assert report.predictions.mean_pd == 0.5
    assert report.predictions.approval.current_share == 0.0
    assert report.score.status == "drifted"


def test_training_rows_give_the_domain_classifier_its_other_side(
    tmp_path: Path, model: Model
) -> None:
    """With them it is measured, also where the pull lacks a column."""
    training = training_rows(model.training, model.scorer)
    same = measured(production_rows(), tmp_path, model, training=training)
    moved = measured(doubled().drop(["CNT_CHILDREN"]), tmp_path, model, training=training)
    assert same.domain is not None
    assert moved.domain is not None
    assert (same.status, same.domain.status, same.not_measured) == ("stable", "stable", ())
    assert moved.domain.leaders[0].name == "CREDIT_TO_INCOME"
    assert moved.domain.status != "stable"


def test_rows_of_another_training_are_refused(tmp_path: Path, model: Model) -> None:
    """A classifier that compares with other rows would find what is no drift."""
    other = saved(production_rows(500), tmp_path / "other.parquet")
    with pytest.raises(ForeignReference, match=r"other\.parquet refused as reference"):
        training_rows(other, model.scorer)
    with pytest.raises(MissingFile, match="--reference"):
        training_rows(tmp_path / "none.parquet", model.scorer)


def test_the_same_pull_gives_the_same_report(tmp_path: Path, model: Model) -> None:
    """Nothing in it depends on time, threads or chance."""
    first, second = (measured(production_rows(), tmp_path, model) for _ in range(2))
    assert first.model_dump_json() == second.model_dump_json()


def test_too_few_rows_to_judge_decisions_hide_no_verdict(tmp_path: Path, model: Model) -> None:
    """They follow from the score, which fewer rows suffice for."""
    report = measured(production_rows(800), tmp_path, model)
    assert (report.status, report.score.status) == ("stable", "stable")
    assert report.predictions is not None
    assert report.predictions.approval.status == "not measured"
    assert "too few rows (800)" in reasons(report)["approvals"]


def test_a_quiet_pull_raises_no_alarm(tmp_path: Path, model: Model) -> None:
    """Neither does one broken row of three thousand."""
    training = training_rows(model.training, model.scorer)
    incomes = ["Astronaut", *production_rows().column("NAME_INCOME_TYPE").to_pylist()[1:]]
    table = production_rows(NAME_INCOME_TYPE=incomes)
    report = measured(table, tmp_path, model, training=training)
    assert (report.contract_violations, report.unseen_categories, report.alarms) == (1, 1, ())


def test_each_alarm_fires_on_what_it_is_about(tmp_path: Path, model: Model) -> None:
    """Drift of four kinds, broken rules and new categories, and what could not be told."""
    training = training_rows(model.training, model.scorer)
    broken = doubled().drop(["NAME_INCOME_TYPE"])
    incomes = pa.array(["Astronaut"] * 1_500 + ["Working"] * 1_500)
    report = measured(
        broken.append_column("NAME_INCOME_TYPE", incomes), tmp_path, model, training=training
    )
    assert report.alarms == (
        *("score_drift", "input_drift", "domain_drift", "decision_drift"),
        *("contract_violations", "unseen_categories"),
    )
    assert measured(production_rows(1), tmp_path, model).alarms == ("drift_not_measured",)
