"""Replays: a recorded decision comes out the same, or it is said what does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from recorded_answers import recorded, served
from simulated_lending import SNAPSHOT, fitted, sealed, tables

from creditrisk.contracts.request_violations import RequestRefused
from creditrisk.features.metadata import describe
from creditrisk.features.request_features import RequestFeatures
from creditrisk.mlops.bundle import seal
from creditrisk.models.serving import MODEL_FILES
from creditrisk.scoring.decision_record import DecisionRecord
from creditrisk.scoring.environment import this_platform
from creditrisk.scoring.replay import InputsNeeded, OtherInputs, OtherModel, replay
from creditrisk.scoring.scorer import Scorer
from payloads import application_record, feature_record, request_checks

RISKY = {"EXT_SOURCE_2": 0.05, "CREDIT_TO_INCOME": 9.0, "CNT_CHILDREN": 2}


@pytest.fixture(scope="module", params=MODEL_FILES)
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A sealed model of each type; tests only read it."""
    return Scorer.load(sealed(tmp_path_factory.mktemp("bundle"), request.param).folder)


@pytest.fixture(scope="module")
def features() -> Iterator[RequestFeatures]:
    """What computes features for the tests of this module."""
    engine = RequestFeatures()
    yield engine
    engine.close()


def of_features(scorer: Scorer, **options: Any) -> DecisionRecord:
    """A decision on a feature row, as the ledger gives it back."""
    record = recorded(scorer, feature_record(**RISKY), **options)
    return DecisionRecord.parse(record.to_json())


def of_application(scorer: Scorer, features: RequestFeatures, **options: Any) -> DecisionRecord:
    """A decision on a raw application, as the ledger gives it back."""
    inputs = application_record()
    row = features.rows(request_checks().applications(body_of(inputs)).tables)[0]
    record = recorded(scorer, row, form="applications", inputs=inputs, **options)
    return DecisionRecord.parse(record.to_json())


def body_of(inputs: dict[str, Any]) -> bytes:
    return json.dumps({"applications": [inputs]}).encode()


def test_a_decision_on_features_is_replayed_to_the_last_bit(scorer: Scorer) -> None:
    """The same bundle gives the same PD, decision and reasons."""
    record = of_features(scorer)
    result = replay(record, scorer)
    assert (result.verdict, result.inputs, result.differing) == ("identical", "stored", ())
    assert result.replayed_probability == record.probability
    assert record.reasons
    assert result.compared == 5 + 9 * len(record.reasons)


def test_a_decision_on_an_application_is_replayed_from_raw_inputs(
    scorer: Scorer, features: RequestFeatures
) -> None:
    """Features are computed anew by the SQL files, and compared too."""
    record = of_application(scorer, features)
    result = replay(record, scorer, features=features)
    assert result.verdict == "identical"
    assert result.compared == 5 + 9 * len(record.reasons) + len(scorer.manifest.features)
    assert replay(record, scorer).verdict == "identical"


def test_the_caller_s_threshold_is_replayed(scorer: Scorer) -> None:
    """A prediction under an override comes out the same."""
    for threshold in (0.0, 1.0):
        record = of_features(scorer, threshold=threshold)
        assert replay(record, scorer).verdict == "identical"
        assert record.prediction == (threshold == 0.0)


def test_inputs_that_were_not_stored_must_be_handed_in(
    scorer: Scorer, features: RequestFeatures
) -> None:
    """Only the hash is known: the same inputs are accepted, others are refused."""
    record = of_application(scorer, features, store_inputs=False)
    with pytest.raises(InputsNeeded, match=record.inputs_sha256[:12]):
        replay(record, scorer)
    result = replay(record, scorer, inputs=application_record(), features=features)
    assert (result.verdict, result.inputs) == ("identical", "handed in")
    changed = application_record(AMT_CREDIT=application_record()["AMT_CREDIT"] + 1)
    with pytest.raises(OtherInputs, match="hash"):
        replay(record, scorer, inputs=changed, features=features)


def test_handed_in_features_may_be_written_otherwise(scorer: Scorer) -> None:
    """2.0 for 2 is the same feature row: what the caller sent was read as its column's type."""
    record = of_features(scorer, store_inputs=False)
    result = replay(record, scorer, inputs=feature_record(**RISKY) | {"CNT_CHILDREN": 2.0})
    assert result.verdict == "identical"


def test_handed_in_inputs_keep_the_contract(scorer: Scorer) -> None:
    """What is no request is refused as a request would be."""
    with pytest.raises(RequestRefused, match="CNT_CHILDREN"):
        replay(of_features(scorer), scorer, inputs=feature_record(CNT_CHILDREN="two"))


def test_another_bundle_is_refused(scorer: Scorer) -> None:
    """A decision is replayed by the model that made it."""
    record = of_features(scorer)
    other = served(scorer).model_copy(update={"bundle_sha256": "0" * 64})
    with pytest.raises(OtherModel, match="000000000000"):
        replay(record.model_copy(update={"model": other}), scorer)


def test_changed_stored_inputs_are_noticed(scorer: Scorer) -> None:
    """Stored inputs must have the hash that stands beside them."""
    record = of_features(scorer)
    changed = {**(record.inputs or {}), "EXT_SOURCE_2": 0.06}
    with pytest.raises(OtherInputs):
        replay(record.model_copy(update={"inputs": changed}), scorer)


def test_a_last_bit_is_not_identical_but_near(scorer: Scorer) -> None:
    """One unit in the last place is within 1e-12, and it is said where."""
    record = of_features(scorer)
    near = float(np.nextafter(record.probability, 1))
    result = replay(record.model_copy(update={"probability": near}), scorer)
    assert result.verdict == "within 1e-12"
    (difference,) = result.differing
    assert difference.fact == "probability"
    assert (difference.recorded, difference.replayed) == (near, record.probability)


@pytest.mark.parametrize(
    ("fact", "value"),
    [("probability", 0.5), ("decision", "approve"), ("grade", "A"), ("prediction", 7)],
)
def test_another_answer_is_different(scorer: Scorer, fact: str, value: Any) -> None:
    """Whatever does not come out the same is named."""
    result = replay(of_features(scorer).model_copy(update={fact: value}), scorer)
    assert result.verdict == "different"
    assert [one.fact for one in result.differing] == [fact]


def test_missing_reasons_are_different(scorer: Scorer) -> None:
    """Reasons are part of the answer."""
    result = replay(of_features(scorer).model_copy(update={"reasons": ()}), scorer)
    assert result.verdict == "different"
    assert result.differing[0].fact == "reasons.0.code"
    assert result.differing[0].recorded is None


def test_another_feature_is_different(scorer: Scorer, features: RequestFeatures) -> None:
    """Features that come out otherwise are named, even where the PD is the same."""
    record = of_application(scorer, features)
    kept = {**(record.features or {}), "CNT_CHILDREN": 17}
    result = replay(record.model_copy(update={"features": kept}), scorer, features=features)
    assert result.verdict == "different"
    assert [one.fact for one in result.differing] == ["features.CNT_CHILDREN"]


def test_the_platforms_of_then_and_now_are_told(scorer: Scorer) -> None:
    """A replay elsewhere says so, with the libraries that the model was sealed with."""
    record = of_features(scorer)
    elsewhere = record.platform.model_copy(update={"processor": "z80"})
    result = replay(record.model_copy(update={"platform": elsewhere}), scorer)
    assert (result.recorded_on, result.replayed_on) == (elsewhere, this_platform())
    assert not result.same_platform
    assert replay(record, scorer).same_platform
    assert result.sealed_with == scorer.manifest.libraries


def test_changed_feature_files_are_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQL that is other than in training can change features; it is not left to be guessed."""
    sql = describe(()).sql_sha256
    changed = {**sql, "bureau.sql": "0" * 64}
    for sealed_sql, named in ((sql, ()), (changed, ("bureau.sql",))):
        snapshot = SNAPSHOT.model_copy(update={"sql": sealed_sql})
        folder = tmp_path_factory.mktemp("sql") / "bundle"
        scorer = Scorer.load(seal(fitted(), tables(), snapshot, folder).folder)
        assert replay(of_features(scorer), scorer).changed_sql == named
