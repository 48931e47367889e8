"""Decisions whose outcome is known, with what they were made on: what a model can learn from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

from creditrisk.ledger import DecisionLedger
from creditrisk.monitoring.outcomes.integrity import sound_outcomes

Unlabelled = Literal["inputs not stored", "retired", "features form", "row of a batch"]


class LabelledDecision(NamedTuple):
    """A decision's content as the ledger keeps it (see `DecisionRecord`), and its outcome."""

    decision_id: str
    content: Mapping[str, Any]
    target: int
    matured_on: str


class LabelledDecisions:
    """Iterates over decisions that were made on raw applications and whose outcome had matured.

    In the order of decision ids, a page of some hundred in memory, as often as asked. `yielded`
    and `left_out` count those of the last iteration: an outcome without stored raw inputs is
    counted by reason, never dropped unseen.
    """

    def __init__(self, ledger: DecisionLedger, as_of: date) -> None:
        self._ledger = ledger
        self._as_of = as_of
        self.yielded = 0
        self.left_out: Counter[Unlabelled] = Counter()

    def __iter__(self) -> Iterator[LabelledDecision]:
        self.yielded, self.left_out = 0, Counter()
        for outcome, decision in self._ledger.outcomes().with_decisions(self._as_of.isoformat()):
            if decision is None:
                self.left_out["row of a batch"] += 1
                continue
            content = json.loads(decision.content or b"{}")
            reason = "retired" if decision.content is None else _reason(content)
            if reason is not None:
                self.left_out[reason] += 1
                continue
            self.yielded += 1
            yield LabelledDecision(outcome.decision_id, content, outcome.target, outcome.matured_on)


def labelled_decisions(ledger: DecisionLedger, as_of: date) -> LabelledDecisions:
    """The decisions to learn from, as of a day.

    Raises:
        OutcomesChanged: stored outcomes are not what was loaded.
        DamagedDecision: while iterating, a decision is not what was recorded.
    """
    for _ in sound_outcomes(ledger):
        pass
    return LabelledDecisions(ledger, as_of)


def _reason(content: Mapping[str, Any]) -> Unlabelled | None:
    if content.get("inputs") is None:
        return "inputs not stored"
    form = (content.get("origin") or {}).get("form")
    return None if form == "applications" else "features form"
