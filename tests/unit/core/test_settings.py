from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from creditrisk.core.errors import InvalidSettings, MissingFile
from creditrisk.core.settings import PolicySettings, Settings, load_settings

PARAMS = Path(__file__).parents[3] / "params.yaml"


def params_file(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def test_the_project_s_params_are_the_defaults() -> None:
    """`params.yaml` shows every default, so that a person need not read code to know them."""
    assert load_settings(PARAMS) == Settings()


def test_the_project_s_params_name_every_section() -> None:
    """No section of the settings is hidden from `params.yaml`."""
    assert set(yaml.safe_load(PARAMS.read_text())) == set(Settings.model_fields)


def test_an_empty_file_means_defaults(tmp_path: Path) -> None:
    """Nothing has to be said."""
    assert load_settings(params_file(tmp_path, "")) == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("split: {sed: 1}", "split.sed: Extra inputs"),
        ("canary: {max_auc_loss: 0.05}", "canary: Value error, max_auc_loss 0.05 is not below"),
        ("split: {seed: -1}", "split.seed: Input should be greater than or equal to 0"),
        ("fit_model: {model_type: forest}", "fit_model.model_type: Input should be"),
        ("split: {shares: {train: 0.9}}", "must be 1"),
        ("policy: {grades: {A: 0.2, B: 0.1, C: 1.0}}", "the bounds must rise"),
        ("policy: {grades: {A: 0.2, B: 0.5}}", "the last must be 1"),
        ("policy: {approve_below: 0.3}", "approve_below 0.3 exceeds decline_from 0.2"),
        ("policy: {protected_attributes: {age: {column: A, bounds: [3, 2]}}}", "each must exceed"),
        (
            "monitor_drift: {psi: {shifted_from: 0.3, drifted_from: 0.25}}",
            "shifted_from 0.3 is not below 0.25",
        ),
        (
            "validate_model: {floors: {calibration_slope: {low: 2, high: 1}}}",
            "low 2 is not below high 1",
        ),
        ("split: [", "while parsing"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, text: str, problem: str) -> None:
    """An unknown key, a value out of range and broken YAML each name what is wrong."""
    with pytest.raises(InvalidSettings, match=problem):
        load_settings(params_file(tmp_path, text))


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """The error names the file and the flag."""
    with pytest.raises(MissingFile, match="pass --params"):
        load_settings(tmp_path / "params.yaml")


def test_only_the_lender_s_jurisdictions_prohibit() -> None:
    """A column that only another jurisdiction prohibits may be read."""
    policy = PolicySettings(
        prohibited_inputs={"CODE_GENDER": ["EU"], "NAME_FAMILY_STATUS": ["US"]},
        jurisdictions=["EU"],
    )
    assert policy.prohibited_columns == ("CODE_GENDER",)
