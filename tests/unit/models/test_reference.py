"""The reference population of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from simulated_lending import ENCODING, FEATURES, fitted, tables

from creditrisk.core.settings import PolicySettings, ProtectedAttribute
from creditrisk.features.catalogue import load_catalogue
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import NoApprovedApplicants, UncataloguedFeatures
from creditrisk.models.explanation import ReferencePopulation
from creditrisk.models.reference import reference_population
from creditrisk.models.serving import MODEL_FILES, ServingForm, serving_files

TABLE = tables().calibration
every_model = pytest.mark.parametrize("model_type", MODEL_FILES)


def form(model_type: str = "lightgbm", encoding: FeatureEncoding = ENCODING) -> ServingForm:
    classifier = fitted(model_type).classifier
    files = serving_files(model_type, encoding, classifier.calibration, classifier.model_text_)
    return ServingForm.parse(model_type, files)


def reference(table: pa.Table = TABLE, **policy: Any) -> ReferencePopulation:
    settings = PolicySettings.model_validate(policy)
    return reference_population(form(), table, load_catalogue(), settings)


@every_model
def test_the_population_is_the_approved(model_type: str) -> None:
    """Whom the policy approves is counted, and their mean contributions are the reference."""
    model = form(model_type)
    approved = TABLE.filter(pa.array(model.probabilities(TABLE) < 0.1))
    found = reference_population(model, TABLE, load_catalogue(), PolicySettings())
    means = model.contributions(approved)[:, :-1].mean(axis=0)
    assert found.rows == approved.num_rows
    assert [f.mean_contribution for f in found.features] == pytest.approx(means.tolist(), abs=1e-9)


def test_typical_values_are_medians_and_modes() -> None:
    """A number's typical value is one that somebody has; missing ones are counted apart."""
    table = TABLE.filter(pa.array(form().probabilities(TABLE) < 0.1))
    score, children, income = (
        table.column(n) for n in ("EXT_SOURCE_2", "CNT_CHILDREN", "NAME_INCOME_TYPE")
    )
    found = {feature.name: feature for feature in reference().features}
    assert found["EXT_SOURCE_2"].typical in score.to_pylist()
    assert found["EXT_SOURCE_2"].missing_share == pytest.approx(score.null_count / len(score))
    assert found["CNT_CHILDREN"].typical == np.quantile(children, 0.5, method="lower")
    counts = dict(item.values() for item in income.value_counts().to_pylist() if item["values"])
    assert found["NAME_INCOME_TYPE"].typical == max(counts, key=counts.__getitem__)


def test_the_order_of_rows_does_not_matter() -> None:
    """The same applicants in another order are the same population, to the last bit."""
    order = np.random.default_rng(0).permutation(TABLE.num_rows)
    assert reference(TABLE.take(order)) == reference()


def test_a_feature_that_nobody_has_is_typical_of_nobody() -> None:
    """Without a known value there is neither median nor mode."""
    for name in ("EXT_SOURCE_2", "NAME_INCOME_TYPE"):
        index = TABLE.column_names.index(name)
        nulls = pa.nulls(TABLE.num_rows, TABLE.schema.field(name).type)
        found = reference(TABLE.set_column(index, name, nulls), approve_below=0.19)
        feature = next(f for f in found.features if f.name == name)
        assert (feature.typical, feature.missing_share) == (None, 1.0)


def test_words_come_from_the_catalogue() -> None:
    """Label, unit and code are the catalogue's; only codes of the model's features have words."""
    found = reference()
    catalogue = load_catalogue()
    assert [(f.label, f.unit, f.reason) for f in found.features] == [
        (catalogue[f.name].label, catalogue[f.name].unit, catalogue[f.name].reason)
        for f in FEATURES
    ]
    assert set(found.reasons) == {catalogue[f.name].reason for f in FEATURES}


def test_protected_features_have_no_reason() -> None:
    """A feature that reads a protected attribute's column can never be named."""
    attribute = ProtectedAttribute(column="CNT_CHILDREN")
    found = reference(protected_attributes={"children": attribute.model_dump()})
    assert [f.name for f in found.features if f.reason is None] == ["CNT_CHILDREN"]
    assert "FAMILY_SIZE" not in found.reasons


def test_without_approved_applicants_there_are_no_reasons() -> None:
    """A policy that approves nobody leaves nobody to compare with."""
    with pytest.raises(NoApprovedApplicants, match=r"of 3000 .* none has a PD below 0\.0001"):
        reference(approve_below=0.0001)


def test_a_feature_without_words_is_refused() -> None:
    """A model that reads what the catalogue does not know could not explain itself."""
    unknown = ModelFeature(name="SHOE_SIZE", type="real")
    encoding = FeatureEncoding(features=(unknown, *FEATURES[1:]))
    with pytest.raises(UncataloguedFeatures, match="SHOE_SIZE"):
        reference_population(form(encoding=encoding), TABLE, load_catalogue(), PolicySettings())
