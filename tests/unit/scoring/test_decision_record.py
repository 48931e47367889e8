"""What the ledger keeps of a decision."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time

import pytest
from recorded_answers import POLICY, WARNINGS, recorded, served
from simulated_lending import sealed, unseen

from creditrisk.core.files import sha256_of_json
from creditrisk.scoring.answers import DecisionMaker
from creditrisk.scoring.decision_record import (
    DecisionRecord,
    Origin,
    RefusalRecord,
    RefusedRule,
    ShadowRecord,
    UnreadableDecision,
    new_decision_id,
)
from creditrisk.scoring.environment import this_platform
from creditrisk.scoring.scorer import Scorer

ROWS = unseen().drop(["TRUE_PD", "TARGET"]).slice(0, 50).to_pylist()


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A sealed model; tests only read it."""
    return Scorer.load(sealed(tmp_path_factory.mktemp("bundle")).folder)


def test_a_record_survives_the_ledger_bit_by_bit(scorer: Scorer) -> None:
    """What is read back is what was recorded: every PD, input and reason to the last bit."""
    for row in ROWS:
        record = recorded(scorer, row)
        assert DecisionRecord.parse(record.to_json()) == record


def test_a_record_holds_the_answer(scorer: Scorer) -> None:
    """PD, prediction, decision, grade, threshold and reasons are the answer's."""
    (answer,) = DecisionMaker(scorer, POLICY).decide_records([ROWS[0]], [0.25])
    record = recorded(scorer, ROWS[0], threshold=0.25)
    for name in ("sk_id_curr", "probability", "prediction", "decision", "grade", "reasons"):
        assert getattr(record, name) == getattr(answer, name)
    assert (record.threshold, record.threshold_overridden) == (0.25, True)
    assert not recorded(scorer, ROWS[0]).threshold_overridden


def test_a_record_says_what_decided(scorer: Scorer) -> None:
    """Model, policy, platform and warnings stand in each record."""
    record = DecisionRecord.parse(recorded(scorer, ROWS[0]).to_json())
    assert record.model == served(scorer)
    assert (record.policy.approve_below, record.policy.decline_from) == (0.10, 0.20)
    assert record.policy.grades == POLICY.grades
    assert record.platform == this_platform()
    assert record.warnings == WARNINGS


def test_inputs_are_hashed_in_their_canonical_form(scorer: Scorer) -> None:
    """The hash is that of the inputs' JSON with sorted keys and no spaces."""
    record = recorded(scorer, ROWS[0])
    text = json.dumps(ROWS[0], sort_keys=True, separators=(",", ":"))
    assert record.inputs_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert record.inputs == ROWS[0]


def test_inputs_that_are_not_stored_leave_only_their_hash(scorer: Scorer) -> None:
    """Neither inputs nor features are in the bytes, and the hash is the same as if they were."""
    inputs = {"SK_ID_CURR": ROWS[0]["SK_ID_CURR"], "NAME": "Arkady"}
    row = {**ROWS[0], "EXT_SOURCE_2": 0.987654321}
    record = recorded(scorer, row, form="applications", inputs=inputs, store_inputs=False)
    content = record.to_json()
    assert b"Arkady" not in content
    assert b"0.987654321" not in content
    assert record.inputs is record.features is None
    assert record.inputs_sha256 == sha256_of_json(inputs)


def test_features_of_raw_inputs_are_those_that_the_model_reads(scorer: Scorer) -> None:
    """Features that the model does not read, such as prohibited ones, are not kept."""
    row = {**ROWS[0], "CODE_GENDER": "F"}
    record = recorded(scorer, row, form="applications", inputs={"SK_ID_CURR": 1})
    assert record.features == {
        feature.name: row[feature.name] for feature in scorer.manifest.features
    }


def test_a_feature_that_is_no_number_is_not_recorded_as_missing(scorer: Scorer) -> None:
    """NaN and null are different inputs, so the record keeps them apart."""
    record = recorded(scorer, {**ROWS[0], "EXT_SOURCE_2": float("nan")})
    again = DecisionRecord.parse(record.to_json())
    assert again.inputs is not None
    assert math.isnan(again.inputs["EXT_SOURCE_2"])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"kind": "refusal"}', b'{"kind": "decision"}', b"\xff"]
)
def test_other_content_is_no_decision(content: bytes) -> None:
    """What cannot be read is refused in our words."""
    with pytest.raises(UnreadableDecision, match="no decision on an applicant"):
        DecisionRecord.parse(content)


def test_a_record_with_a_changed_form_is_refused(scorer: Scorer) -> None:
    """A field more or less is not passed over."""
    content = json.loads(recorded(scorer, ROWS[0]).to_json())
    with pytest.raises(UnreadableDecision, match="more"):
        DecisionRecord.parse(json.dumps(content | {"more": 1}).encode())


def test_a_shadow_record_holds_no_inputs(scorer: Scorer) -> None:
    """It points to the decision, which has them."""
    (answer,) = DecisionMaker(scorer, POLICY).decide_records([ROWS[0]])
    record = ShadowRecord.of(answer, beside="D1", request_id="R1", model=served(scorer))
    assert ShadowRecord.model_validate_json(record.model_dump_json()) == record
    assert (record.beside, record.probability) == ("D1", answer.probability)
    assert "EXT_SOURCE_2" not in record.model_dump_json()


def test_a_refusal_record_needs_no_value() -> None:
    """Where inputs are not stored, a refusal says what was required and not what was seen."""
    rule = RefusedRule(
        record=0,
        applicant=1,
        path="/features/0/CNT",
        column="CNT",
        rule="type",
        required="a number",
    )
    origin = Origin(request_id="R1", caller="shop", received_at="2026-11-23T10:00:00+00:00")
    record = RefusalRecord(origin=origin, body_sha256="d" * 64, violations=(rule,), unlisted=0)
    assert RefusalRecord.model_validate_json(record.model_dump_json()) == record
    assert record.violations[0].seen is None


def test_decision_ids_sort_by_time_and_fit_in_a_url() -> None:
    """A later millisecond has a greater id, and no two are alike."""
    first = new_decision_id()
    time.sleep(0.002)
    later = [new_decision_id() for _ in range(1000)]
    assert all(first < one for one in later)
    assert len({first, *later}) == 1001
    assert all(re.fullmatch(r"[0-9A-Z]{26}", one) for one in later)
