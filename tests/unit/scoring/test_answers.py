"""Answers: what a model's PD means to one applicant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated_lending import sealed, unseen

from creditrisk.core.settings import PolicySettings
from creditrisk.models.errors import MissingFeatures, WrongFeatureType
from creditrisk.models.serving import MODEL_FILES
from creditrisk.scoring.answers import Answer, DecisionMaker
from creditrisk.scoring.scorer import Scorer

POLICY = PolicySettings(approve_below=0.10, decline_from=0.20)
TABLE = unseen().slice(0, 200)
ROWS: list[dict[str, Any]] = TABLE.drop(["TRUE_PD", "TARGET"]).to_pylist()


@pytest.fixture(scope="module", params=MODEL_FILES)
def maker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> DecisionMaker:
    """A model of each type and a policy; tests only read it."""
    folder = sealed(tmp_path_factory.mktemp("bundle"), request.param).folder
    return DecisionMaker(Scorer.load(folder), POLICY)


def test_pds_are_the_scorer_s(maker: DecisionMaker) -> None:
    """A record's probability is the PD of the same row in a table, to the last bit."""
    pds = [answer.probability for answer in maker.decide_records(ROWS)]
    assert np.array_equal(pds, maker.scorer.probabilities(TABLE))
    assert [answer.sk_id_curr for answer in maker.decide_records(ROWS)] == list(range(200))


def test_an_answer_does_not_depend_on_the_rows_beside_it(maker: DecisionMaker) -> None:
    """Alone, in a small batch or among many, in any order: the same answer."""
    together = maker.decide_records(ROWS)
    alone = [maker.decide_records([row])[0] for row in ROWS[::7]]
    assert alone == together[::7]
    assert maker.decide_records(ROWS[::-1]) == together[::-1]
    assert maker.decide_records(ROWS[3:8]) == together[3:8]


def test_decisions_follow_the_policy(maker: DecisionMaker) -> None:
    """The bands decide, not the threshold of the model."""
    answers = maker.decide_records(ROWS)
    bands = [
        "approve" if one.probability < 0.10 else "refer" if one.probability < 0.20 else "decline"
        for one in answers
    ]
    assert [one.decision for one in answers] == bands
    assert set(bands) == {"approve", "refer", "decline"}
    assert all(one.probability < POLICY.grades[one.grade] for one in answers)


def test_who_is_not_approved_is_told_why(maker: DecisionMaker) -> None:
    """Reasons are those of `explain`, for every refer and decline and for nobody else."""
    answers = maker.decide_records(ROWS)
    explained = [tuple(reasons) for reasons in maker.scorer.explain(TABLE)]
    expected = [
        () if answer.decision == "approve" else reasons
        for answer, reasons in zip(answers, explained, strict=True)
    ]
    assert [answer.reasons for answer in answers] == expected
    assert all(answer.reasons for answer in answers if answer.decision != "approve")


def test_the_model_s_threshold_is_used_where_none_is_given(maker: DecisionMaker) -> None:
    """A default is predicted from the sealed threshold on."""
    threshold = maker.scorer.manifest.threshold.value
    for answer in maker.decide_records(ROWS, [None] * len(ROWS)):
        assert answer.threshold == threshold
        assert answer.prediction == (answer.probability >= threshold)


def test_each_record_can_have_its_own_threshold(maker: DecisionMaker) -> None:
    """A PD that just reaches its record's threshold is predicted to default; nothing else moves."""
    plain = maker.decide_records(ROWS[:3])
    reached = plain[0].probability
    missed = float(np.nextafter(plain[1].probability, 1))
    changed = maker.decide_records(ROWS[:3], [reached, missed, None])
    assert [answer.prediction for answer in changed[:2]] == [1, 0]
    assert [answer.threshold for answer in changed[:2]] == [reached, missed]
    assert changed[2] == plain[2]
    assert [without_threshold(one) for one in changed] == [without_threshold(one) for one in plain]


def without_threshold(answer: Answer) -> tuple[object, ...]:
    return (answer.sk_id_curr, answer.probability, answer.decision, answer.grade, answer.reasons)


def test_nobody_is_answered_nothing(maker: DecisionMaker) -> None:
    """An empty batch has no answers."""
    assert maker.decide_records([]) == []


def test_further_columns_change_nothing(maker: DecisionMaker) -> None:
    """Features that the model does not read are passed over."""
    wider = [{**row, "OCCUPATION": "any"} for row in ROWS[:5]]
    assert maker.decide_records(wider) == maker.decide_records(ROWS[:5])


def test_a_record_that_is_no_feature_row_is_refused(maker: DecisionMaker) -> None:
    """Every feature must be there, in its type."""
    with pytest.raises(MissingFeatures, match="CNT_CHILDREN"):
        maker.decide_records([{"SK_ID_CURR": 1, "EXT_SOURCE_2": 0.1}])
    with pytest.raises(WrongFeatureType, match="CNT_CHILDREN"):
        maker.decide_records([{**ROWS[0], "CNT_CHILDREN": "two"}])
