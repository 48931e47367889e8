"""Decisions and outcomes in columns: some twenty bytes each, however many there are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from creditrisk.ledger.outcome_store import StoredOutcome
from creditrisk.models.metrics import Counts, Floats
from creditrisk.models.metrics import Outcomes as Targets
from creditrisk.monitoring.outcomes.answers import Answer

Trait = Literal["month", "bundle", "decision", "grade"]
_TRAITS: tuple[Trait, ...] = ("month", "bundle", "decision", "grade")
_MONTH = slice(0, 7)


@dataclass(frozen=True, slots=True)
class Column:
    """Texts as codes."""

    labels: tuple[str, ...]
    codes: Counts

    def is_(self, *labels: str) -> Targets:
        """Where one of these texts stands."""
        wanted = [code for code, label in enumerate(self.labels) if label in labels]
        return np.isin(self.codes, wanted)


@dataclass(frozen=True, slots=True)
class Decisions:
    """PDs of decisions, with month (UTC), bundle, decision and grade of each."""

    pd: Floats
    traits: dict[Trait, Column]

    @classmethod
    def of(cls, answers: Iterable[Answer | StoredOutcome]) -> Self:
        """The columns of answers that are taken one by one."""
        pd, writer = array("d"), _TraitWriter()
        for answer in answers:
            pd.append(answer.probability)
            writer.add(answer)
        return cls(np.array(pd), writer.columns())

    def names(self, trait: Trait) -> list[str]:
        """Which of the texts occur, in their order."""
        column = self.traits[trait]
        return sorted(column.labels[code] for code in np.unique(column.codes))

    def counts(self, trait: Trait) -> dict[str, int]:
        """How often each text occurs."""
        column = self.traits[trait]
        rows = np.bincount(column.codes, minlength=len(column.labels))
        return {name: int(rows[column.labels.index(name)]) for name in self.names(trait)}

    def where(self, trait: Trait, *labels: str) -> Self:
        """Those with one of these texts."""
        return self.only(self.traits[trait].is_(*labels))

    def only(self, kept: Targets) -> Self:
        """Those that a mask keeps."""
        traits = {
            name: Column(column.labels, column.codes[kept]) for name, column in self.traits.items()
        }
        return replace(self, pd=self.pd[kept], traits=traits)


@dataclass(frozen=True, slots=True)
class Outcomes(Decisions):
    """Decisions with what became of them; `target` is true for a default."""

    target: Targets

    @property
    def defaults(self) -> int:
        """How many defaulted."""
        return int(self.target.sum())

    @property
    def expected(self) -> float:
        """How many were to default by their PDs."""
        return float(self.pd.sum())

    @property
    def mean_pd(self) -> float:
        """The default rate by their PDs; of at least one."""
        return float(self.pd.mean())

    @classmethod
    def of_stored(cls, rows: Iterable[StoredOutcome]) -> Self:
        """The columns of stored outcomes that are taken one by one."""
        pd, target, writer = array("d"), array("b"), _TraitWriter()
        for row in rows:
            pd.append(row.probability)
            target.append(row.target)
            writer.add(row)
        return cls(np.array(pd), writer.columns(), np.array(target, bool))

    def only(self, kept: Targets) -> Self:
        """Those that a mask keeps."""
        part = Decisions.only(self, kept)
        return replace(part, target=self.target[kept])


class _TraitWriter:
    """Turns texts into codes as they come."""

    def __init__(self) -> None:
        self._known: dict[Trait, dict[str, int]] = {trait: {} for trait in _TRAITS}
        self._codes: dict[Trait, array[int]] = {trait: array("i") for trait in _TRAITS}

    def add(self, answer: Answer | StoredOutcome) -> None:
        texts = (
            answer.decided_at[_MONTH],
            answer.bundle_sha256,
            answer.decision,
            answer.grade,
        )
        for trait, text in zip(_TRAITS, texts, strict=True):
            known = self._known[trait]
            self._codes[trait].append(known.setdefault(text, len(known)))

    def columns(self) -> dict[Trait, Column]:
        return {
            trait: Column(tuple(self._known[trait]), np.array(self._codes[trait], np.int64))
            for trait in _TRAITS
        }
