"""Which outcomes are judged together: those of the latest months, of the latest alone, of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from creditrisk.monitoring.outcomes.samples import Decisions

ALL = "all"
_SHOWN_OF_A_HASH = 12


@dataclass(frozen=True, slots=True)
class Portion:
    """The outcomes of some months' decisions by some models; `scope` names it for a person.

    `models` are the hashes of the bundles that decided: what is said of a portion with several says
    nothing of one of them.
    """

    scope: str
    months: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def about(self, part: str) -> Self:
        """A part of it that has a name of its own."""
        return replace(self, scope=part if self.scope == ALL else f"{part}, {self.scope}")


def portions(sample: Decisions) -> tuple[Portion, ...]:
    """All together, and each model where several decided; of each, the latest month alone, too.

    Together there are more outcomes; alone the latest month is not thinned by those before a change,
    and a model not by the one before it. The same outcomes are judged once.
    """
    models, months = sample.names("bundle"), sample.names("month")
    whole = {ALL: sample}
    single = {
        f"model {model[:_SHOWN_OF_A_HASH]}": sample.where("bundle", model) for model in models
    }
    found = [
        portion
        for scope, part in (whole | (single if models[1:] else {})).items()
        for portion in _windows(scope, part, months[-1:])
    ]
    # The last name stands: of a month in which one model decided that is the model's.
    return tuple({(one.months, one.models): one for one in found}.values())


def _windows(scope: str, sample: Decisions, latest: Sequence[str]) -> Iterator[Portion]:
    portion = _portion(scope, sample)
    yield portion
    if set(latest) < set(portion.months):
        alone = portion.about(f"month {latest[0]}")
        yield _portion(alone.scope, sample.where("month", *latest))


def _portion(scope: str, sample: Decisions) -> Portion:
    return Portion(scope, tuple(sample.names("month")), tuple(sample.names("bundle")))
