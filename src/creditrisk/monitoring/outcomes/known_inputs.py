"""What the models had read of applicants whose outcome is known, in columns."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import nan
from typing import Any, Literal, Self

import numpy as np

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.ledger import DecisionLedger
from creditrisk.ledger.outcome_store import StoredOutcome
from creditrisk.models.metrics import Floats
from creditrisk.models.metrics import Outcomes as Targets
from creditrisk.monitoring.outcomes.portions import Portion
from creditrisk.monitoring.outcomes.samples import Column

Unread = Literal["inputs not stored", "retired", "row of a batch"]

MOST_ROWS = 100_000  # of them four bytes an input are held
_IDS_A_QUERY = 200
_NONE = "(missing)"


@dataclass(frozen=True, slots=True)
class KnownInputs:
    """Inputs beside PD, outcome, month of decision and model; `unread` counts outcomes without."""

    pd: Floats
    target: Targets
    month: Column
    bundle: Column
    numbers: dict[str, Floats]
    categories: dict[str, Column]
    unread: Counter[Unread]

    @classmethod
    def of(cls, rows: Iterable[tuple[StoredOutcome, Mapping[str, Any] | Unread]]) -> Self:
        """The columns of rows that are taken one by one."""
        writer = _Writer()
        for outcome, inputs in rows:
            writer.add(outcome, inputs)
        return cls(
            np.array(writer.pd),
            np.array(writer.target, bool),
            _column(writer.months),
            _column(writer.bundles),
            {name: np.array(values) for name, values in writer.numbers.items()},
            {name: _column(values) for name, values in writer.texts.items()},
            writer.unread,
        )

    def part(self, portion: Portion) -> Self:
        """Those of a portion; the whole is not copied."""
        kept = self.month.is_(*portion.months) & self.bundle.is_(*portion.models)
        if kept.all():
            return self
        return type(self)(
            self.pd[kept],
            self.target[kept],
            _only(self.month, kept),
            _only(self.bundle, kept),
            {name: values[kept] for name, values in self.numbers.items()},
            {name: _only(column, kept) for name, column in self.categories.items()},
            self.unread,
        )


def known_inputs(
    ledger: DecisionLedger, outcomes: Iterable[StoredOutcome], count: int
) -> KnownInputs:
    """The stored inputs of so many outcomes; of more than `MOST_ROWS` every n-th.

    Raises:
        DamagedDecision: a decision is not what was recorded.
    """
    stride = max(1, -(-count // MOST_ROWS))
    taken = (outcome for number, outcome in enumerate(outcomes) if number % stride == 0)
    return KnownInputs.of(_with_inputs(ledger, taken))


def _with_inputs(
    ledger: DecisionLedger, outcomes: Iterable[StoredOutcome]
) -> Iterator[tuple[StoredOutcome, Mapping[str, Any] | Unread]]:
    rest = iter(outcomes)
    while page := tuple(islice(rest, _IDS_A_QUERY)):
        ids = [one.decision_id for one in page]
        found = {one.decision_id: one for one in ledger.outcomes().decisions_of(ids)}
        for outcome in page:
            stored = found.get(outcome.decision_id)
            yield outcome, _inputs(stored.content) if stored else "row of a batch"


def _inputs(content: str | bytes | None) -> Mapping[str, Any] | Unread:
    """What the model read: the features of raw inputs, or inputs that are themselves features."""
    if content is None:
        return "retired"
    decision = json.loads(content)
    inputs = decision.get("features") or decision.get("inputs")
    return inputs if isinstance(inputs, dict) else "inputs not stored"


class _Writer:
    """Columns that grow; one that first appears late is missing in the rows before."""

    def __init__(self) -> None:
        self.pd, self.target = array("d"), array("b")
        self.months, self.bundles = _Texts(), _Texts()
        self.numbers: dict[str, array[float]] = {}
        self.texts: dict[str, _Texts] = {}
        self.unread: Counter[Unread] = Counter()

    def add(self, outcome: StoredOutcome, inputs: Mapping[str, Any] | Unread) -> None:
        if isinstance(inputs, str):
            self.unread[inputs] += 1
            return
        rows = len(self.pd)
        for name in inputs:
            if name != APPLICANT_KEY and inputs[name] is not None:
                self._start(name, rows, text=isinstance(inputs[name], str))
        for name, numbers in self.numbers.items():
            value = inputs.get(name)
            numbers.append(float(value) if isinstance(value, int | float) else nan)
        for name, texts in self.texts.items():
            value = inputs.get(name)
            texts.append(value if isinstance(value, str) else _NONE)
        self.pd.append(outcome.probability)
        self.target.append(outcome.target)
        self.months.append(outcome.decided_at[:7])
        self.bundles.append(outcome.bundle_sha256)

    def _start(self, name: str, rows: int, *, text: bool) -> None:
        if text and name not in self.texts:
            self.texts[name] = _Texts([_NONE] * rows)
        elif not text and name not in self.numbers:
            self.numbers[name] = array("f", [nan]) * rows


class _Texts:
    """Texts as codes, in the order of their first appearance."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.labels: dict[str, int] = {}
        self.codes = array("i")
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        self.codes.append(self.labels.setdefault(text, len(self.labels)))


def _column(texts: _Texts) -> Column:
    return Column(tuple(texts.labels), np.array(texts.codes, np.int64))


def _only(column: Column, kept: Targets) -> Column:
    return Column(column.labels, column.codes[kept])
