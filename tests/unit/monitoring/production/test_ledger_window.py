from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from production_pulls import SETTINGS, Model, production_rows
from recorded_answers import recorded
from simulated_lending import FEATURES

from creditrisk.ledger import DecisionLedger, NewDecision, StoredDecision
from creditrisk.monitoring.production.errors import EmptyPull, InvalidWindow
from creditrisk.monitoring.production.ledger_window import (
    Stretch,
    known_moments,
    ledger_pull,
)
from creditrisk.monitoring.production.measurement import measure_production
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.report import DriftMetrics

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "a secret of the tests, 32 bytes and more"


@dataclass
class Desk:
    """A ledger, and the model whose answers it records."""

    model: Model
    ledger: DecisionLedger
    taken: int = field(default=0)

    def answer(self, rows: int, **options: Any) -> None:
        """Answer so many applicants and record it."""
        contents = [
            recorded(self.model.scorer, row, **options).to_json()
            for row in production_rows(rows).to_pylist()
        ]
        self.record("decision", *contents)

    def record(self, kind: Any, *contents: bytes) -> None:
        """Record contents together."""
        entries = [
            NewDecision(kind, f"{kind}-{self.taken + place:06d}", f"request-{self.taken}", content)
            for place, content in enumerate(contents)
        ]
        self.taken += len(entries)
        self.ledger.append(entries)

    def pull(self, bundle_sha256: str | None = None) -> Pull:
        """What was recorded within an hour of now."""
        now = datetime.now(UTC)
        stretch = Stretch(now - timedelta(hours=1), now + timedelta(hours=1))
        model = bundle_sha256 or self.model.scorer.bundle_sha256
        return ledger_pull(self.ledger, stretch, model, FEATURES)


@pytest.fixture
def desk(tmp_path: Path, model: Model) -> Iterable[Desk]:
    """An empty ledger."""
    with DecisionLedger.open(
        f"sqlite:///{tmp_path}/ledger.db", KEY, tmp_path / "anchor.json"
    ) as ledger:
        yield Desk(model, ledger)


def what(pull: Pull) -> list[str]:
    """What the ledger did not tell."""
    return [one.what for one in pull.not_measured]


def test_decisions_give_their_features_and_pds(desk: Desk) -> None:
    """What the model read and what it answered, a row a decision; the moments are those recorded."""
    desk.answer(40)
    pull, rows = desk.pull(), production_rows(40)
    assert pull.scores is not None
    assert pull.scores.tolist() == desk.model.scorer.probabilities(rows).tolist()
    for feature in FEATURES:
        assert pull.table.column(feature.name).to_pylist() == rows.column(feature.name).to_pylist()
    assert (pull.window.kind, pull.window.rows, pull.not_measured) == ("ledger", 40, ())
    assert pull.window.first_at is not None
    assert abs(datetime.now(UTC) - pull.window.first_at) < timedelta(minutes=5)


def test_raw_applications_count_by_what_the_model_read(desk: Desk) -> None:
    """Their inputs are an application; features stand beside them."""
    desk.answer(3, form="applications", inputs={"SK_ID_CURR": 1, "bureau": []})
    pull = desk.pull()
    assert (
        pull.table.column("CNT_CHILDREN").to_pylist()
        == production_rows(3).column("CNT_CHILDREN").to_pylist()
    )


def test_without_stored_inputs_the_pds_remain(desk: Desk) -> None:
    """The score is measured; each input says why it is not."""
    desk.answer(400, store_inputs=False)
    report = measure_production(desk.pull(), desk.model.scorer, SETTINGS)
    assert report.score.status == "stable"
    assert {shift.status for shift in report.features} == {"not measured"}
    assert "without stored inputs" in (report.features[0].reason or "")
    assert (report.status, report.drift_share) == ("not measured", None)


def test_where_no_input_is_known_the_share_is_that_of_the_score(desk: Desk) -> None:
    """Drift of the answers is drift, and the history gets a share."""
    desk.answer(400, store_inputs=False)
    drifting = replace(desk.pull(), scores=desk.pull().scores * 0 + 0.9)  # type: ignore[operator]
    metrics = DriftMetrics.of(measure_production(drifting, desk.model.scorer, SETTINGS))
    assert (metrics.status, metrics.drift_detected, metrics.drift_share) == ("drifted", True, 1.0)


def test_refusals_and_warnings_are_violations(desk: Desk) -> None:
    """A refused request was never scored, but its broken rules are counted; warnings apart."""
    desk.answer(2)
    broken = b'{"kind": "refusal", "violations": [{"rule": "features.type"}], "unlisted": 4}'
    desk.record("refusal", broken)
    counted = {rule.rule: (rule.violations, rule.refuses) for rule in desk.pull().broken_rules}
    assert counted == {
        "features.type": (1, True),
        "requests.unlisted": (4, True),
        "application.AMT_CREDIT.plausible": (2, False),
    }


def test_a_batch_tells_its_rejects_and_no_rows(desk: Desk) -> None:
    """Its rows are proven by a hash; where to find them is said."""
    desk.answer(2)
    desk.record("batch", b'{"output": {"rows": 500}, "rejects_by_rule": {"features.columns": 3}}')
    pull = desk.pull()
    assert what(pull) == ["500 rows of batches, which lie in their own files (--current)"]
    assert {(rule.table, rule.violations) for rule in pull.broken_rules} >= {("batches", 3)}


def test_decisions_of_other_models_are_passed_over(desk: Desk) -> None:
    """They were made from another training side; a window of nothing else is refused."""
    desk.answer(5)
    with pytest.raises(EmptyPull, match=r"no decision of model 000000000000.*5 decisions of other"):
        desk.pull("0" * 64)


def test_shadows_are_no_decisions(desk: Desk) -> None:
    """Nobody was answered by them."""
    desk.answer(2)
    before = desk.pull().window.sha256
    desk.record("shadow", b'{"probability": 0.5, "decision": "decline"}')
    after = desk.pull().window
    assert (after.sha256, after.rows) == (before, 2)


def test_a_content_that_was_changed_is_passed_over(desk: Desk) -> None:
    """What the chain does not prove counts for nothing."""
    desk.answer(3)
    entries = list(desk.ledger.window(NOW - timedelta(days=9_999), NOW + timedelta(days=9_999)))
    forged = replace(entries[0], content=(entries[0].content or b"").replace(b"0.", b"1.", 1))
    pull = _pulled([forged, *entries[1:]], desk)
    assert pull.window.rows == 2
    assert what(pull) == ["1 entries whose content is not what was recorded"]


def test_a_retired_content_is_passed_over(desk: Desk) -> None:
    """Its proof stays, its figures are gone."""
    desk.answer(3)
    entries = list(desk.ledger.window(NOW - timedelta(days=9_999), NOW + timedelta(days=9_999)))
    pull = _pulled([replace(entries[0], content=None), *entries[1:]], desk)
    assert what(pull) == ["1 entries whose content was retired or cannot be read"]


def _pulled(entries: list[StoredDecision], desk: Desk) -> Pull:
    class Entries:
        def window(self, *_: datetime) -> list[StoredDecision]:
            return entries

    stretch = Stretch(NOW, NOW + timedelta(hours=1))
    return ledger_pull(Entries(), stretch, desk.model.scorer.bundle_sha256, FEATURES)


def test_the_last_hours_days_and_weeks_end_now() -> None:
    """Or where --until says."""
    assert Stretch.of(None, None, "36h", NOW).since == NOW - timedelta(hours=36)
    assert Stretch.of(None, None, "30d", NOW) == Stretch(NOW - timedelta(days=30), NOW)
    ended = Stretch.of(None, "2026-11-01", "1w", NOW)
    assert (ended.since.isoformat(), ended.until.isoformat()) == (
        "2026-10-25T00:00:00+00:00",
        "2026-11-01T00:00:00+00:00",
    )


def test_moments_without_a_zone_are_utc() -> None:
    """With one they are brought to it."""
    stretch = Stretch.of("2026-11-01T12:00", "2026-11-02T01:00+02:00", None, NOW)
    assert stretch.since == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert stretch.until == datetime(2026, 11, 1, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "stretch",
    [
        lambda: Stretch.of(None, None, None, NOW),
        lambda: Stretch.of("2026-11-01", None, "30d", NOW),
        lambda: Stretch.of(None, None, "30", NOW),
        lambda: Stretch.of(None, None, "0d", NOW),
        lambda: Stretch.of("yesterday", None, None, NOW),
        lambda: Stretch.of("2026-11-02", "2026-11-01", None, NOW),
        lambda: known_moments("2026-11-02", None),
        lambda: known_moments("2026-11-02", "2026-11-01"),
    ],
)
def test_flags_that_name_no_stretch_are_misuse(stretch: Callable[[], object]) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidWindow) as refused:
        stretch()
    assert refused.value.exit_code == 2
